"""DAG: tasks, their order, and when they run.

Invariant: `task_dict` holds every task once, by id; groups share the ids' name space. Cycles are found when the file
is loaded (`check_cycle`), because a DAG is still being written while its edges appear.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.exceptions import AirflowDagCycleException, AirflowException, DuplicateTaskIdFound, TaskNotFound
from airflow.models import scope
from airflow.models.base_options import as_datetime, duration
from airflow.models.dag_options import OPTIONS, UNSET, fill_limits
from airflow.models.identifiers import validate_key
from airflow.models.param import ParamsDict
from airflow.timetables.choose import default_schedule, timetable_for
from airflow.utils.timezone import default_zone


class DAG:
    """A workflow. All arguments of 1.10, 2.x and 3.x are taken; those without a meaning here are kept and ignored.

    Use it as a context manager, or give it to tasks as `dag=`. Raises AirflowException or TypeError for arguments
    that no generation knows, AirflowTimetableInvalid for a schedule that cannot be understood.
    """

    doc_md: str | None

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, dag_id: str, *positional: Any, **options: Any) -> None:
        options.update(zip(("description", "schedule"), positional, strict=False))
        strange = sorted(options.keys() - OPTIONS.keys())
        if strange:
            raise TypeError(f"cannot create the DAG {dag_id!r}: DAG does not take {', '.join(strange)}")
        validate_key(dag_id)
        self.dag_id = dag_id
        self.definition_site = scope.site()
        values = {**OPTIONS, **options}
        fill_limits(values)
        schedule = _schedule(values, dag_id)
        self.__dict__.update(values)
        self.default_args: dict[str, Any] = dict(values["default_args"] or {})
        self.params = ParamsDict(self.default_args.pop("params", None))
        self.params.deep_merge(ParamsDict(values["params"]))
        self.start_date = as_datetime(values["start_date"], "start_date")
        self.end_date = as_datetime(values["end_date"], "end_date")
        self.dagrun_timeout = duration(values["dagrun_timeout"])
        self.timezone = self._zone()
        self.timetable = timetable_for(schedule, self.timezone)
        self.schedule = self.schedule_interval = schedule
        self.tags = set(values["tags"] or ())
        self.fileloc = self.definition_site[0]
        self.dag_display_name = values["dag_display_name"] or dag_id
        self.task_dict: dict[str, Any] = {}
        self.task_group_dict: dict[str, Any] = {}
        self.edge_info: dict[str, dict[str, Any]] = {}

    def _zone(self) -> dt.tzinfo:
        """That of the start date; naive dates have the configured default."""
        given = self.start_date or as_datetime(self.default_args.get("start_date"), "start_date")
        return given.tzinfo or default_zone() if given is not None else default_zone()

    # ---- building -------------------------------------------------------------------------------------------

    def __enter__(self) -> DAG:
        scope.current().dags.append(self)
        scope.current().groups.append(None)
        if getattr(self, "auto_register", True):
            scope.current().registered.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        scope.current().dags.pop()
        scope.current().groups.pop()

    def is_taken(self, node_id: str) -> bool:
        return node_id in self.task_dict or node_id in self.task_group_dict

    def add_task(self, task: Any) -> None:
        """Raises DuplicateTaskIdFound when another task or group has its id."""
        if self.task_dict.get(task.task_id) is not task and self.is_taken(task.task_id):
            raise DuplicateTaskIdFound(
                f"cannot add the task {task.task_id!r}: DAG {self.dag_id!r} has a task or group of that id already"
            )
        self.task_dict[task.task_id] = task
        task._dag = self

    def add_tasks(self, tasks: Sequence[Any]) -> None:
        for task in tasks:
            self.add_task(task)

    def add_group(self, group: Any) -> None:
        self.task_group_dict[group.group_id] = group

    def set_edge_info(self, upstream: str, downstream: str, info: dict[str, Any]) -> None:
        self.edge_info.setdefault(upstream, {})[downstream] = info

    def get_edge_info(self, upstream: str, downstream: str) -> dict[str, Any]:
        return dict(self.edge_info.get(upstream, {}).get(downstream, {}))

    # ---- reading --------------------------------------------------------------------------------------------

    @property
    def tasks(self) -> list[Any]:
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        return list(self.task_dict)

    @property
    def roots(self) -> list[Any]:
        return [task for task in self.tasks if not task.upstream_task_ids]

    @property
    def leaves(self) -> list[Any]:
        return [task for task in self.tasks if not task.downstream_task_ids]

    @property
    def owner(self) -> str:
        return ", ".join(sorted({task.owner for task in self.tasks}))

    @property
    def folder(self) -> str:
        return str(Path(self.fileloc).parent)

    @property
    def filepath(self) -> str:
        return self.fileloc

    @property
    def display_name(self) -> str:
        return str(self.dag_display_name)

    def has_task(self, task_id: str) -> bool:
        return task_id in self.task_dict

    def get_task(self, task_id: str, include_subdags: bool = False) -> Any:
        """Raises TaskNotFound."""
        try:
            return self.task_dict[task_id]
        except KeyError:
            raise TaskNotFound(f"cannot find the task {task_id!r} in DAG {self.dag_id!r}") from None

    def topological_sort(self) -> list[Any]:
        """Every task after its upstream. Raises AirflowDagCycleException naming the tasks of a circle."""
        waiting = {task.task_id: len(task.upstream_task_ids) for task in self.tasks}
        ready = [task_id for task_id, count in waiting.items() if not count]
        order = []
        for task_id in ready:
            order.append(self.task_dict[task_id])
            for below in sorted(self.task_dict[task_id].downstream_task_ids):
                waiting[below] -= 1
                if not waiting[below]:
                    ready.append(below)
        if len(order) < len(waiting):
            raise AirflowDagCycleException(self._describe_cycle({t for t, count in waiting.items() if count}))
        return order

    def check_cycle(self) -> None:
        """Raises AirflowDagCycleException."""
        self.topological_sort()

    def _describe_cycle(self, left: set[str]) -> str:
        path = [min(left)]
        while path.count(path[-1]) < 2:
            path.append(min(self.task_dict[path[-1]].upstream_task_ids & left))
        circle = path[path.index(path[-1]) :][::-1]
        sites = [self.task_dict[task_id].definition_site for task_id in circle[:-1]]
        where = ", ".join(f"{file}:{line}" for file, line in sites)
        words = f"its tasks form a cycle: {' >> '.join(circle)} (created at {where})"
        return f"cannot load the DAG {self.dag_id!r}: {words}"

    # ---- on the command line --------------------------------------------------------------------------------

    def test(self, *arguments: Any, **options: Any) -> Any:
        """Run every task in this process, without a server; see `_task.local`."""
        from airflow._task.local import run_dag

        return run_dag(self, *arguments, **options)

    def cli(self) -> None:
        """`python my_dag.py list | test`."""
        from airflow._task.local import command_line

        command_line(self)

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"

    def __lt__(self, other: Any) -> bool:
        return bool(self.dag_id < other.dag_id)


def _schedule(values: dict[str, Any], dag_id: str) -> Any:
    """The one schedule among `schedule`, `schedule_interval` and `timetable`."""
    given = [values[name] for name in ("schedule", "schedule_interval") if values[name] is not UNSET]
    given += [values["timetable"]] if values["timetable"] is not None else []
    if len(given) > 1 and any(item != given[0] for item in given):
        raise AirflowException(
            f"cannot create the DAG {dag_id!r}: schedule, schedule_interval and timetable say different things"
        )
    return given[0] if given else default_schedule()


def __getattr__(name: str) -> Any:
    from airflow import aliases

    return aliases.resolve(__name__, name)
