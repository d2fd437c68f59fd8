"""What DAG files import: the authoring surface of every Airflow generation over one set of classes.

Importing it is cheap: names are resolved when they are first used, through the table in `airflow.aliases`.
Provider distributions may add to the `airflow.providers` namespace, so this package stays open for extension.
`__version__` depends on who asks: see `airflow.version`.
"""

from __future__ import annotations

from pkgutil import extend_path
from typing import Any

__path__ = extend_path(__path__, __name__)

from airflow import aliases

aliases.install()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from airflow.version import version_for_caller

        return version_for_caller()
    return aliases.resolve(__name__, name)
