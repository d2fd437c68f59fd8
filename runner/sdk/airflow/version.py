"""Which version of Airflow this is, and to whom.

Provider packages and other installed libraries choose their code path by the version: they see the one whose interface
this is (`API_VERSION`). A DAG file, a plugin or a helper module of the environment sees the version that the
environment was created with, which is the one its author knows. `airflow.__version__`, `airflow.version.version` and
`importlib.metadata.version("apache-airflow")` all answer so.
"""

from __future__ import annotations

import sys

API_VERSION = "3.3.2"
_PASS_ON = ("airflow", "airflow.version", "airflow.aliases", "airflow._names.metadata")
_INSTALLED = ("/site-packages/", "/dist-packages/")


def version_for_caller() -> str:
    """The version for the code that is asking, found on the stack. Our own modules count as installed."""
    from airflow.configuration import airflow_version

    frame = sys._getframe(1)
    while frame.f_back is not None and _is_between(str(frame.f_globals.get("__name__", ""))):
        frame = frame.f_back
    name, file = str(frame.f_globals.get("__name__", "")), str(frame.f_globals.get("__file__", ""))
    installed = name.startswith("airflow.") or any(place in file for place in _INSTALLED)
    return API_VERSION if installed else airflow_version()


def _is_between(module: str) -> bool:
    """Whether a frame of this module only passes the question on."""
    return module in _PASS_ON or module.startswith(("importlib", "_frozen_importlib"))


def __getattr__(name: str) -> str:
    if name in ("version", "__version__"):
        return version_for_caller()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
