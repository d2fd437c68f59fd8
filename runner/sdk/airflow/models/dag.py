"""DAG: tasks, their order, and when they run.

Invariant: `task_dict` holds every task once, by id; groups share the ids' name space. Cycles are found when the file
is loaded (`check_cycle`), because a DAG is still being written while its edges appear.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.exceptions import (
    AirflowException,
    DuplicateTaskIdFound,
    FailFastDagInvalidTriggerRule,
    TaskNotFound,
)
from airflow.models import scope
from airflow.models.base_options import as_datetime
from airflow.models.dag_dates import following_schedule, previous_schedule
from airflow.models.dag_graph import select_part, sort_tasks
from airflow.models.dag_options import (
    OPTIONS,
    UNSET,
    check_schedule,
    check_setup,
    fill_limits,
    normalise,
    positional_names,
)
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
    is_subdag, parent_dag = False, None
    following_schedule, previous_schedule = following_schedule, previous_schedule

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, dag_id: str, *positional: Any, **options: Any) -> None:
        options.update(zip(positional_names(), positional, strict=False))
        strange = sorted(options.keys() - OPTIONS.keys())
        if strange:
            raise TypeError(f"cannot create the DAG {dag_id!r}: DAG does not take {', '.join(strange)}")
        validate_key(dag_id)
        self.dag_id = dag_id
        self.definition_site = scope.site()
        values = {**OPTIONS, **options}
        fill_limits(values)
        normalise(values, dag_id)
        schedule = _schedule(values, dag_id)
        self.__dict__.update(values)
        self.params = ParamsDict(self.default_args.pop("params", None))
        self.params.deep_merge(ParamsDict(values["params"]))
        self.timezone = self._zone()
        self.timetable = timetable_for(schedule, self.timezone)
        self.schedule = self.schedule_interval = schedule
        self.fileloc = self.definition_site[0]
        self.task_dict: dict[str, Any] = {}
        self.task_group_dict: dict[str, Any] = {}
        self.edge_info: dict[str, dict[str, Any]] = {}
        self.partial = False
        check_schedule(self)

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
        if self.fail_fast and str(task.trigger_rule) not in ("all_success", "all_done_setup_success"):
            raise FailFastDagInvalidTriggerRule(
                f"cannot add the task {task.task_id!r}: DAG {self.dag_id!r} fails fast, and all its tasks must have "
                f"the trigger rule all_success, not {task.trigger_rule}"
            )
        self.task_dict[task.task_id] = task
        task._dag = self

    def add_tasks(self, tasks: Sequence[Any]) -> None:
        for task in tasks:
            self.add_task(task)

    def add_group(self, group: Any) -> None:
        self.task_group_dict[group.group_id] = group

    def set_dependency(self, upstream_task_id: str, downstream_task_id: str) -> None:
        """Set one edge by ids."""
        self.get_task(upstream_task_id).set_downstream(self.get_task(downstream_task_id))

    def param(self, name: str, default: Any = UNSET) -> Any:
        """The value that a run is started with for the param `name`, to pass to a task."""
        from airflow.models.dagparam import DagParam

        if default is UNSET:
            return DagParam(self, name)
        self.params[name] = default
        return DagParam(self, name, default)

    @property
    def task(self) -> Any:
        """`@dag.task`, `@dag.task.branch` ...: the decorators of `airflow.decorators`, for this DAG."""
        from airflow.decorators.bound import BoundDecorators

        return BoundDecorators(self)

    def add_result(self, output: Any) -> Any:
        """The value of this task is the run's result."""
        from airflow.decorators.task import result

        return result(output)

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
    def task_count(self) -> int:
        return len(self.task_dict)

    @property
    def safe_dag_id(self) -> str:
        return self.dag_id.replace(".", "__dot__")

    @property
    def roots(self) -> list[Any]:
        return [task for task in self.tasks if not task.upstream_task_ids]

    @property
    def leaves(self) -> list[Any]:
        return [task for task in self.tasks if not task.downstream_task_ids]

    @property
    def teardowns(self) -> list[Any]:
        return [task for task in self.tasks if task.is_teardown]

    @property
    def task_group(self) -> Any:
        """The group of all that is in no other group."""
        from airflow.utils.task_group import TaskGroup

        return TaskGroup.create_root(self)

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

    def __getitem__(self, node_id: str) -> Any:
        """A task or group. Raises TaskNotFound."""
        return self.task_group_dict.get(node_id) or self.get_task(node_id)

    def has_task_group(self, group_id: str) -> bool:
        return group_id in self.task_group_dict

    def topological_sort(self, **_: Any) -> list[Any]:
        """Every task after its upstream. Raises AirflowDagCycleException naming the tasks of a circle."""
        return sort_tasks(self)

    def check_cycle(self) -> None:
        """Raises AirflowDagCycleException."""
        sort_tasks(self)

    def validate(self) -> None:
        """Raises ValueError for what can only be seen in a whole DAG."""
        for task in self.tasks:
            if task.is_setup:
                check_setup(task)

    def partial_subset(
        self,
        task_ids: Any = None,
        include_downstream: bool = False,
        include_upstream: bool = True,
        include_direct_upstream: bool = False,
        task_ids_or_regex: Any = None,
    ) -> DAG:
        """A copy with some of the tasks: those named (or whose id matches), and what is before or after them."""
        wanted = task_ids if task_ids_or_regex is None else task_ids_or_regex
        part: DAG = select_part(self, wanted, include_downstream, include_upstream, include_direct_upstream)
        return part

    sub_dag = partial_subset

    def get_template_env(self, *, force_sandboxed: bool = False) -> Any:
        """The Jinja environment of the DAG: its search path, macros and filters."""
        from airflow._task.templates import environment_for

        return environment_for(self, bool(self.render_template_as_native_obj) and not force_sandboxed)

    def resolve_template_files(self) -> None:
        """Files are read when a task is rendered; there is nothing to do before."""

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

    def __rich_repr__(self) -> Any:
        yield "dag_id", self.dag_id
        yield "schedule", self.schedule
        yield "#tasks", len(self.task_dict)


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
