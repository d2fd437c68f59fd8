"""Deadlines of runs: by when a run must have ended, counted from what, and what is called when it has not."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow.exceptions import AirflowException, NotSupported
from airflow.models.callback import AsyncCallback, SyncCallback
from airflow.utils.session import NoSession
from airflow.utils.timezone import coerce_aware


class BaseDeadlineReference:
    """The instant that a deadline counts from. One of the user's own is asked in a process of its own: `evaluate`."""

    kind: ClassVar[str] = "own"
    required_kwargs: ClassVar[set[str]] = set()
    """Of `dag_id` and `run_id` those that `_evaluate_with` is to be given."""

    @property
    def reference_name(self) -> str:
        return type(self).__name__

    def to_wire(self) -> dict[str, Any]:
        """The data form. Raises NotSupported for a reference that cannot be asked."""
        if self.kind == "own" and type(self)._evaluate_with is BaseDeadlineReference._evaluate_with:
            raise NotSupported(
                f"cannot use {self.reference_name} as a deadline's reference: it does not define _evaluate_with"
            )
        return {"kind": self.kind}

    def evaluate(self, **known: str) -> dt.datetime | None:
        """What `_evaluate_with` says. Raises ValueError when it requires something else."""
        lacking = sorted(self.required_kwargs - known.keys())
        if lacking:
            raise ValueError(f"{self.reference_name} is missing required parameters: {', '.join(lacking)}")
        given = {name: value for name, value in known.items() if name in self.required_kwargs}
        found = self._evaluate_with(session=NoSession(), **given)
        return None if found is None else coerce_aware(found)

    def _evaluate_with(self, *, session: Any, **kwargs: Any) -> dt.datetime | None:
        """The instant, or None: then this run has no such deadline. `session` says what to use instead of it."""
        raise NotImplementedError(f"cannot ask {self.reference_name}: it does not define _evaluate_with")

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
    """What a deadline may count from. References of the user's own are found here by their names, too."""

    class TYPES:
        """When a reference counts. Here it is always once the run has been made."""

        DAGRUN_CREATED: tuple[type, ...] = (
            DagRunLogicalDateDeadline,
            FixedDatetimeDeadline,
            AverageRuntimeDeadline,
        )
        DAGRUN_QUEUED: tuple[type, ...] = (DagRunQueuedAtDeadline,)
        DAGRUN: tuple[type, ...] = (*DAGRUN_CREATED, *DAGRUN_QUEUED)

    DAGRUN_LOGICAL_DATE = DagRunLogicalDateDeadline()
    DAGRUN_QUEUED_AT = DagRunQueuedAtDeadline()

    @classmethod
    def AVERAGE_RUNTIME(cls, max_runs: int = 0, min_runs: int | None = None) -> AverageRuntimeDeadline:
        return AverageRuntimeDeadline(max_runs or 10, min_runs)

    @classmethod
    def register_custom_reference(
        cls, reference_class: type, deadline_reference_type: tuple[type, ...] | None = None
    ) -> type:
        """Have a reference found by its name. Raises ValueError for what is none, TypeError if it needs arguments."""
        if not issubclass(reference_class, BaseDeadlineReference):
            raise ValueError(f"{reference_class.__name__} must inherit from BaseDeadlineReference")
        setattr(cls, reference_class.__name__, reference_class())
        return reference_class

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
    """Decorates a reference of the user's own; with the types of when it counts, or without."""
    if isinstance(reference, type):
        return DeadlineReference.register_custom_reference(reference)
    return lambda cls: DeadlineReference.register_custom_reference(cls, reference)


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
