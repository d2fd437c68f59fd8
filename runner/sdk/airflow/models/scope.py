"""What is being written right now: the DAG and group of the enclosing `with` blocks, and the DAGs seen so far.

The one piece of state that the authoring syntax needs. It lives in a context variable, so each loader has its own.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SDK = str(Path(__file__).parent.parent)


@dataclass(slots=True)
class Scope:
    """`dags`, `groups` and `setups` are stacks of `with` blocks; `registered` holds the DAGs that were entered."""

    dags: list[Any] = field(default_factory=list)
    groups: list[Any] = field(default_factory=list)
    registered: list[Any] = field(default_factory=list)
    setups: list[Any] = field(default_factory=list)


_scope: ContextVar[Scope | None] = ContextVar("airflow_scope", default=None)


def current() -> Scope:
    """The scope of this file."""
    scope = _scope.get()
    if scope is None:
        scope = Scope()
        _scope.set(scope)
    return scope


def begin() -> Scope:
    """A fresh scope, for the next file."""
    scope = Scope()
    _scope.set(scope)
    return scope


def current_dag() -> Any:
    """The DAG of the innermost `with DAG(...)`, or None."""
    dags = current().dags
    return dags[-1] if dags else None


def current_group() -> Any:
    """The group of the innermost `with TaskGroup(...)` inside the current DAG, or None."""
    groups = current().groups
    return groups[-1] if groups else None


def site() -> tuple[str, int]:
    """File and line of the nearest caller outside this package: where the user wrote it."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_SDK):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
