"""A task's place in the graph: its relatives, and its role as setup or teardown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.exceptions import AirflowException
from airflow.models import scope
from airflow.models.taskmixin import DAGNode
from airflow.models.xcom_arg import XComArg


class AbstractOperator(DAGNode):
    """What every task is, whatever it does. Subclasses set task_id, dag and the two sets of ids."""

    task_id: str
    dag: Any
    upstream_task_ids: set[str]
    downstream_task_ids: set[str]
    is_setup = is_teardown = False
    on_failure_fail_dagrun = False
    trigger_rule: Any

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

    @property
    def upstream_list(self) -> list[Any]:
        return [self.dag.get_task(task_id) for task_id in sorted(self.upstream_task_ids)]

    @property
    def downstream_list(self) -> list[Any]:
        return [self.dag.get_task(task_id) for task_id in sorted(self.downstream_task_ids)]

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_direct_relatives(self, upstream: bool = False) -> list[Any]:
        return self.upstream_list if upstream else self.downstream_list

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
