"""Runs in an environment's interpreter: imports every module of the packages named and prints what came of it, as JSON.

PYTHONPATH=<the SDK> python import_all.py airflow/providers/http ...
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path


def main() -> None:
    warnings.simplefilter("ignore")
    site = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    for folder in sys.argv[1:]:
        for name in find_modules(site, folder):
            print(json.dumps({"module": name, "error": find_error(name)}), flush=True)


def find_modules(site: Path, folder: str) -> Iterator[str]:
    for file in sorted((site / folder).rglob("*.py")):
        name = ".".join(file.relative_to(site).with_suffix("").parts).removesuffix(".__init__")
        if "example_dags" not in name and "/tests/" not in str(file):
            yield name


def find_error(name: str) -> str | None:
    try:
        importlib.import_module(name)
    except BaseException as error:  # whatever a module does when it is imported is an answer here
        frames = traceback.extract_tb(error.__traceback__)
        last = next((f for f in reversed(frames) if "importlib" not in f.filename), frames[-1])
        return f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno} {last.line})"
    return None


if __name__ == "__main__":
    main()
