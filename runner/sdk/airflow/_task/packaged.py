"""DAGs in a zip file: every Python file at its top that may hold DAGs is imported, with the zip first on the path."""

from __future__ import annotations

import importlib
import sys
import zipfile
from types import ModuleType

from airflow._wire.dag_files import list_packaged


def import_modules(path: str) -> list[ModuleType]:
    """The modules, in the order of the zip. Raises what they raise, and BadZipFile.

    What they import from the zip later, while their tasks run, is found too: the zip stays on the path.
    """
    with zipfile.ZipFile(path) as archive:
        names = list_packaged(archive)
    if path not in sys.path:
        sys.path.insert(0, path)
    found = []
    for name in names:
        sys.modules.pop(name, None)
        found.append(importlib.import_module(name))
    return found
