"""A task's place in the graph: its relatives, and its role as setup or teardown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airflow.exceptions import AirflowException
from airflow.models import scope
from airflow.models.taskmixin import DAGNode
from airflow.models.xcom_arg import XComArg


class AbstractOperator(DAGNode):
    """What every task is, whatever it does. Subclasses set task_id, dag and the two sets of ids."""

    task_id: str
    upstream_task_ids: set[str]
    downstream_task_ids: set[str]
    task_group: Any
    is_setup = is_teardown = False
    on_failure_fail_dagrun = False
    is_mapped = False
    is_mapped_over = False
    returns_dag_result = False
    _mapped_results: frozenset[int] = frozenset()
    trigger_rule: Any
    owner: str
    inlets: Any
    outlets: Any
    _dag: Any

    # ---- the DAG --------------------------------------------------------------------------------------------

    @property
    def dag(self) -> Any:
        """The DAG of this task. Raises AirflowException when it has none yet."""
        if self._dag is None:
            raise AirflowException(
                f"cannot find the DAG of the task {self.task_id!r}: it has not been given one"
            )
        return self._dag

    @dag.setter
    def dag(self, dag: Any) -> None:
        if self._dag is dag:
            return
        if self._dag is not None:
            raise AirflowException(
                f"cannot move the task {self.task_id!r} from {self._dag.dag_id!r} to another DAG"
            )
        dag.add_task(self)
        self._dag = dag

    def has_dag(self) -> bool:
        return self._dag is not None

    def get_dag(self) -> Any:
        return self._dag

    @property
    def dag_id(self) -> str:
        return str(self._dag.dag_id) if self._dag is not None else f"adhoc_{self.owner}"

    # ---- mapping --------------------------------------------------------------------------------------------

    def iter_mapped_task_groups(self) -> Iterator[Any]:
        """The mapped groups around this task, the innermost first."""
        group = self.task_group
        while group is not None:
            if group.is_mapped:
                yield group
            group = group.parent_group

    def get_closest_mapped_task_group(self) -> Any:
        """The innermost mapped group around this task, or None."""
        return next(self.iter_mapped_task_groups(), None) if self.task_group is not None else None

    def get_needs_expansion(self) -> bool:
        """Whether it has instances: it is mapped, or in a group that is."""
        return self.is_mapped or self.get_closest_mapped_task_group() is not None

    def iter_mapped_dependants(self) -> Iterator[Any]:
        """The mapped tasks and groups after this one that are mapped over what it returns."""
        nodes = [task for task in self.downstream_list if task.is_mapped]
        nodes += [group for group in self.dag.task_group_dict.values() if group.is_mapped]
        return (node for node in nodes if self in node.iter_mapped_dependencies())

    # ---- relatives ------------------------------------------------------------------------------------------

    @property
    def node_id(self) -> str:
        return self.task_id

    @property
    def roots(self) -> Sequence[Any]:
        return [self]

    @property
    def leaves(self) -> Sequence[Any]:
        return [self]

    @property
    def output(self) -> XComArg:
        """A promise of this task's return value."""
        return XComArg(self)

    def get_flat_relative_ids(self, upstream: bool = False) -> set[str]:
        """The ids of all tasks before (`upstream`) or after this one, at any distance."""
        found: set[str] = set()
        pending = list(self.get_direct_relative_ids(upstream))
        while pending:
            task_id = pending.pop()
            if task_id not in found:
                found.add(task_id)
                pending += self.dag.get_task(task_id).get_direct_relative_ids(upstream)
        return found

    def get_flat_relatives(self, upstream: bool = False) -> list[Any]:
        return [self.dag.get_task(task_id) for task_id in sorted(self.get_flat_relative_ids(upstream))]

    # ---- setup and teardown ---------------------------------------------------------------------------------

    def as_setup(self) -> Any:
        """Mark this task as the setup of what comes after it."""
        self.is_setup = True
        return self

    def as_teardown(self, *, setups: Any = None, on_failure_fail_dagrun: bool | None = None) -> Any:
        """Mark this task as a teardown: it runs once its upstream is done, if its setups succeeded."""
        self.is_teardown = True
        self.trigger_rule = "all_done_setup_success"
        if on_failure_fail_dagrun is not None:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        for setup in [] if setups is None else setups if isinstance(setups, (list, tuple)) else [setups]:
            task = getattr(setup, "operator", setup)
            task.as_setup()
            task.set_downstream(self)
        return self

    def __enter__(self) -> Any:
        """`with setup >> teardown:` - what is written inside runs between the two, blocks inside each other nested."""
        if not (self.is_setup or self.is_teardown):
            raise AirflowException(
                f"cannot use {self.task_id!r} in a with statement: it is no setup or teardown"
            )
        scope.current().setups.append((self, set(self.dag.task_dict)))
        return self

    def __exit__(self, *error: object) -> None:
        blocks = scope.current().setups
        _, before = blocks.pop()
        setups, teardowns = self._frame()
        work = [
            task
            for task_id, task in self.dag.task_dict.items()
            if task_id not in before and not (task.is_setup or task.is_teardown)
        ]
        firsts = [task for task in work if not task.upstream_task_ids] or work[:1]
        lasts = [task for task in work if not task.downstream_task_ids] or work[-1:]
        outer_setups, outer_teardowns = blocks[-1][0]._frame() if blocks else ([], [])
        for ups, downs in (
            (setups, firsts),
            (lasts, teardowns),
            (outer_setups, setups),
            (teardowns, outer_teardowns),
        ):
            for up in ups:
                up.set_downstream(downs)

    def _frame(self) -> tuple[list[Any], list[Any]]:
        """The setups and teardowns that this task stands for in a `with`: itself, and those linked to it directly."""
        setups = [self] if self.is_setup else [task for task in self.upstream_list if task.is_setup]
        teardowns = (
            [self] if self.is_teardown else [task for task in self.downstream_list if task.is_teardown]
        )
        return setups, teardowns
