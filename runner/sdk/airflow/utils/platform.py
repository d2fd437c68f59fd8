"""The machine and its user."""

from __future__ import annotations

import getpass
import os
import sys

IS_WINDOWS = sys.platform == "win32"


def is_tty() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_terminal_support_colors() -> bool:
    """Whether a person who likes colours is reading."""
    return is_tty() and os.environ.get("TERM", "dumb") not in ("dumb", "")


def getuser() -> str:
    """The user's name. Raises AirflowConfigException where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        from airflow.exceptions import AirflowConfigException

        raise AirflowConfigException(
            f"cannot find the name of the user {os.getuid()}: set the variable LOGNAME or USER"
        ) from None
