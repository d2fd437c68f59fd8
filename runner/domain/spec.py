"""A serialised DAG as typed values, with every default filled in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

DEFAULT_POOL = "default_pool"


@dataclass(frozen=True, slots=True)
class Mapped:
    """How a task has come to have instances."""

    lengths: tuple[Mapping[str, Any], ...]
    """Whose product says how many (`Expansion`): its own, and those of the mapped groups that it is in."""
    is_own: bool = True
    group: str | None = None
    """The innermost mapped group that it is in."""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What scheduling needs to know of one task."""

    task_id: str
    operator: str = ""
    upstream: tuple[str, ...] = ()
    trigger_rule: str = "all_success"
    retries: int = 0
    retry_delay: float = 300.0
    retry_exponential_backoff: float = 0.0
    max_retry_delay: float | None = None
    depends_on_past: bool = False
    wait_for_downstream: bool = False
    pool: str = DEFAULT_POOL
    pool_slots: int = 1
    priority_weight: int = 1
    weight_rule: str = "downstream"
    queue: str = "default"
    execution_timeout: float | None = None
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    noop: bool = False
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    start_date: str | None = None
    end_date: str | None = None
    has_on_failure_callback: bool = False
    has_on_retry_callback: bool = False
    sla: float | None = None
    ignore_first_depends_on_past: bool = True
    wait_for_past_depends_before_skipping: bool = False
    group: str | None = None
    mapped: Mapped | None = None
    """None: there is one instance, and it has no map index."""
    start_trigger: Mapping[str, Any] | None = None
    """A deferral: it begins by waiting for this trigger."""

    @property
    def is_mapped(self) -> bool:
        """Mapped itself; a task that is only inside a mapped group is not, though it has lengths too."""
        return self.mapped is not None and self.mapped.is_own

    @property
    def lengths(self) -> tuple[Mapping[str, Any], ...] | None:
        return None if self.mapped is None else self.mapped.lengths

    @property
    def mapped_group(self) -> str | None:
        return None if self.mapped is None else self.mapped.group

    @property
    def needs_past(self) -> bool:
        return self.depends_on_past or self.wait_for_downstream


@dataclass(frozen=True, slots=True)
class DagSpec:
    """What scheduling needs to know of one DAG."""

    dag_id: str
    file: str
    tasks: tuple[TaskSpec, ...]
    timetable: Mapping[str, Any]
    start_date: str | None = None
    end_date: str | None = None
    catchup: bool = False
    max_active_runs: int = 16
    max_active_tasks: int = 16
    dagrun_timeout: float | None = None
    fail_fast: bool = False
    is_paused_upon_creation: bool | None = None
    has_on_success_callback: bool = False
    run_listeners: tuple[str, ...] = ()
    has_on_failure_callback: bool = False
    deadlines: tuple[Mapping[str, Any], ...] = ()
    max_consecutive_failed_dag_runs: int = 0
    """So many failed runs in a row pause it; 0: however many."""
    allowed_run_types: tuple[str, ...] | None = None
    """None: runs of every type."""
    rerun_with_latest_version: bool | None = None
    """Whether runs that are cleared go on with the newest version; None: as the environment has it."""

    def allows(self, run_type: str) -> bool:
        """May it have runs of that type?"""
        return self.allowed_run_types is None or run_type in self.allowed_run_types

    @property
    def has_promises(self) -> bool:
        """Is there anything that must have ended by some time?"""
        return bool(self.deadlines) or any(task.sla is not None for task in self.tasks)

    @property
    def first(self) -> float | None:
        """The start date as epoch seconds; the earliest of its tasks' when the DAG has none."""
        return _seconds(
            self.start_date or min((t.start_date for t in self.tasks if t.start_date), default=None)
        )

    @property
    def last(self) -> float | None:
        """The end date as epoch seconds."""
        return _seconds(self.end_date)


_TASK_FIELDS = tuple(TaskSpec.__dataclass_fields__)
_DAG_FIELDS = tuple(DagSpec.__dataclass_fields__)


def read_task(data: Mapping[str, Any]) -> TaskSpec:
    """One task of a serialised DAG; absent keys and nulls get the default."""
    known = {name: data[name] for name in _TASK_FIELDS if data.get(name) is not None}
    if "upstream" in known:
        known["upstream"] = tuple(known["upstream"])
    if data.get("mapped") is not None:
        known["mapped"] = Mapped(tuple(data["mapped"]["lengths"]))
    return TaskSpec(**known)


def read_dag(data: Mapping[str, Any]) -> DagSpec:
    """A serialised DAG; absent keys and nulls get the default."""
    known = {name: data[name] for name in _DAG_FIELDS if data.get(name) is not None}
    groups = data.get("task_groups") or {}
    known["tasks"] = tuple(_place_task(read_task(task), groups) for task in data.get("tasks", ()))
    known.setdefault("timetable", {"kind": "null"})
    known["run_listeners"] = tuple(data.get("run_listeners") or ())
    if "allowed_run_types" in known:
        known["allowed_run_types"] = tuple(known["allowed_run_types"])
    known["deadlines"] = tuple(data.get("deadlines") or ())
    return DagSpec(**known)


def _place_task(task: TaskSpec, groups: Mapping[str, Any]) -> TaskSpec:
    """The task with what the mapped groups around it add: every one of them multiplies its instances."""
    innermost, lengths = None, list(task.lengths or ())
    name = task.group
    while name is not None and name in groups:
        if groups[name].get("mapped") is not None:
            lengths += groups[name]["mapped"]["lengths"]
            innermost = innermost or name
        name = groups[name].get("parent")
    if innermost is None:
        return task
    return replace(task, mapped=Mapped(tuple(lengths), task.is_mapped, innermost))


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    when = dt.datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=dt.UTC)).timestamp()
