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
        """`with setup_task:` - only setups and teardowns may stand there; what is inside comes after the setup."""
        if not (self.is_setup or self.is_teardown):
            raise AirflowException(
                f"cannot use {self.task_id!r} in a with statement: it is no setup or teardown"
            )
        scope.current().setups.append((self, set(self.dag.task_dict)))
        return self

    def __exit__(self, *error: object) -> None:
        _, before = scope.current().setups.pop()
        for task_id in self.dag.task_dict.keys() - before:
            (self.set_downstream if self.is_setup else self.set_upstream)(self.dag.get_task(task_id))
