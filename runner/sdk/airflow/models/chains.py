"""chain and its kin: many dependencies in one call."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from airflow.exceptions import AirflowException


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def chain(*tasks: Any) -> None:
    """Each after the one before it. Two lists beside each other must be as long as each other and go pairwise.

    Raises AirflowException when they are not.
    """
    for up, down in pairwise(tasks):
        if not _is_list(up):
            up.set_downstream(down)
        elif not _is_list(down):
            down.set_upstream(up)
        elif len(up) != len(down):
            raise AirflowException(f"cannot chain lists of different lengths: {len(up)} and {len(down)}")
        else:
            for one, other in zip(up, down, strict=True):
                one.set_downstream(other)


def chain_linear(*elements: Any) -> None:
    """Each list wholly after the list before it, whatever their lengths. Raises ValueError when nothing is linked."""
    if not elements:
        raise ValueError("cannot chain nothing")
    groups = [list(element) if _is_list(element) else [element] for element in elements]
    filled = [group for group in groups if group]
    if len(filled) < 2:
        raise ValueError("cannot chain: there is nothing to set a dependency between")
    for up, down in pairwise(filled):
        cross_downstream(up, down)


def cross_downstream(from_tasks: Sequence[Any], to_tasks: Any) -> None:
    """Every one of `to_tasks` after every one of `from_tasks`."""
    for task in from_tasks:
        task.set_downstream(to_tasks)
