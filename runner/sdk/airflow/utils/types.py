"""Kinds of runs, and the mark of an argument that was not given."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class DagRunType(StrEnum):
    """Why a run exists."""

    BACKFILL_JOB = "backfill"
    SCHEDULED = "scheduled"
    MANUAL = "manual"
    OPERATOR_TRIGGERED = "operator_triggered"
    ASSET_TRIGGERED = "asset_triggered"
    ASSET_MATERIALIZATION = "asset_materialization"


class ArgNotSet:
    """The type of NOTSET."""


NOTSET = ArgNotSet()


class SetDuringExecution(ArgNotSet):
    """The type of SET_DURING_EXECUTION."""

    def __repr__(self) -> str:
        return "DYNAMIC (set during execution)"


SET_DURING_EXECUTION = SetDuringExecution()
"""What an operator's field holds until the task runs."""


def is_arg_set(value: Any) -> bool:
    return not isinstance(value, ArgNotSet)
