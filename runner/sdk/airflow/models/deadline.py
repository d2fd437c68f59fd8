"""Deadlines of runs: by when a run must have ended, counted from what, and what is called when it has not."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow.exceptions import AirflowException, NotSupported
from airflow.models.callback import AsyncCallback, SyncCallback
from airflow.utils.timezone import coerce_aware


class BaseDeadlineReference:
    """The instant that a deadline counts from. Of the kinds that the engine knows, `to_wire` is the data form."""

    kind: ClassVar[str] = ""

    @property
    def reference_name(self) -> str:
        return type(self).__name__

    def to_wire(self) -> dict[str, Any]:
        """Raises NotSupported for a reference of the user's own: the engine cannot ask it."""
        if not self.kind:
            raise NotSupported(
                f"cannot use {self.reference_name} as a deadline's reference: only those of DeadlineReference are"
                " known to the engine"
            )
        return {"kind": self.kind}

    def serialize_reference(self) -> dict[str, Any]:
        return {"reference_type": self.reference_name}


DeadlineReferenceType = BaseDeadlineReference


@dataclass(frozen=True)
class DagRunLogicalDateDeadline(BaseDeadlineReference):
    """The run's logical date; a run without one has no such deadline."""

    kind = "logical_date"


@dataclass(frozen=True)
class DagRunQueuedAtDeadline(BaseDeadlineReference):
    """When the run was queued."""

    kind = "queued_at"


@dataclass(frozen=True)
class FixedDatetimeDeadline(BaseDeadlineReference):
    """One instant for all runs."""

    kind = "fixed"
    instant: dt.datetime

    def to_wire(self) -> dict[str, Any]:
        return {"kind": self.kind, "at": coerce_aware(self.instant).timestamp()}


@dataclass(frozen=True)
class AverageRuntimeDeadline(BaseDeadlineReference):
    """When the run was queued, and the average time that the newest runs took; none before there are `min_runs`."""

    kind = "average_runtime"
    max_runs: int = 10
    min_runs: int | None = None

    def __post_init__(self) -> None:
        if self.min_runs is not None and self.min_runs < 1:
            raise ValueError("cannot take an average of no runs: min_runs must be at least 1")

    def to_wire(self) -> dict[str, Any]:
        return {"kind": self.kind, "max_runs": self.max_runs, "min_runs": self.min_runs or self.max_runs}


class DeadlineReference:
    """What a deadline may count from."""

    DAGRUN_LOGICAL_DATE = DagRunLogicalDateDeadline()
    DAGRUN_QUEUED_AT = DagRunQueuedAtDeadline()

    @classmethod
    def AVERAGE_RUNTIME(cls, max_runs: int = 0, min_runs: int | None = None) -> AverageRuntimeDeadline:
        return AverageRuntimeDeadline(max_runs or 10, min_runs)

    @classmethod
    def FIXED_DATETIME(cls, dt: dt.datetime) -> FixedDatetimeDeadline:
        return FixedDatetimeDeadline(dt)


@dataclass(frozen=True)
class VariableInterval:
    """An interval in seconds that a Variable holds. Read when the file is parsed, again after a change."""

    key: str

    def resolve(self) -> dt.timedelta:
        """Raises ValueError when there is no such Variable, or when it is no whole number."""
        from airflow.models.variable import Variable

        value = Variable.get(self.key, default_var=None)
        if value is None:
            raise ValueError(f"VariableInterval {self.key!r} not found")
        try:
            return dt.timedelta(seconds=int(value))
        except ValueError:
            raise ValueError(
                f"VariableInterval {self.key!r} must be an integer (seconds), got: {value!r}"
            ) from None


class DeadlineAlert:
    """`callback` is called when a run has not ended `interval` after `reference`."""

    def __init__(
        self,
        reference: BaseDeadlineReference,
        interval: dt.timedelta | VariableInterval,
        callback: AsyncCallback | SyncCallback,
        name: str | None = None,
    ) -> None:
        if not isinstance(callback, (AsyncCallback, SyncCallback)):
            raise ValueError(
                f"cannot call a {type(callback).__name__} at a deadline: wrap it in SyncCallback or AsyncCallback"
            )
        self.reference, self.interval, self.callback, self.name = reference, interval, callback, name

    def to_wire(self, number: int) -> dict[str, Any]:
        """The data form; `number` is its place among the DAG's deadlines.

        An interval that its Variable does not give is no import error: the DAG cannot have runs until it does.
        """
        found: dict[str, Any] = {
            "name": self.name or f"deadline {number}",
            "number": number,
            "reference": self.reference.to_wire(),
            "callback": {"path": self.callback.path},
        }
        if not isinstance(self.interval, VariableInterval):
            return {**found, "interval": self.interval.total_seconds()}
        try:
            return {**found, "interval": self.interval.resolve().total_seconds()}
        except ValueError as error:
            warnings.warn(f"{error}; until it is, the DAG cannot have runs", stacklevel=2)
            return {**found, "interval": None, "fault": str(error)}


def deadline_reference(reference: Any = None) -> Callable[[type], type] | type:
    """Decorates a reference of the user's own: it can be named, and is refused where a DAG uses it (see `to_wire`)."""
    if isinstance(reference, type):
        return reference
    return lambda cls: cls


def list_deadlines(dag: Any) -> list[DeadlineAlert]:
    """A DAG's deadlines: it may be given one or a list."""
    given = dag.deadline
    found = given if isinstance(given, (list, tuple)) else [given] if given is not None else []
    for item in found:
        if not isinstance(item, DeadlineAlert):
            raise AirflowException(
                f"cannot use {item!r} as a deadline of {dag.dag_id!r}: it is no DeadlineAlert"
            )
    return list(found)
