"""`>>`, `<<`, set_upstream and set_downstream, for everything that can stand in a dependency expression."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from airflow.exceptions import AirflowException


class DependencyMixin:
    """Tasks, groups, XComArgs and labels. `roots` receive what comes from above, `leaves` pass on what goes below."""

    @property
    def roots(self) -> Sequence[Any]:
        raise NotImplementedError

    @property
    def leaves(self) -> Sequence[Any]:
        raise NotImplementedError

    def set_upstream(self, other: Any, edge_modifier: Any = None) -> None:
        """`other` (or each of a list) comes before this."""
        for item in flatten(other):
            connect(item, self, edge_modifier)

    def set_downstream(self, other: Any, edge_modifier: Any = None) -> None:
        """`other` (or each of a list) comes after this."""
        for item in flatten(other):
            connect(self, item, edge_modifier)

    def __rshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return other

    def __lshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return other

    def __rrshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return self


class DAGNode(DependencyMixin):
    """A node of the graph with an id: a task or a group."""

    dag: Any
    upstream_task_ids: set[str]
    downstream_task_ids: set[str]

    @property
    def node_id(self) -> str:
        raise NotImplementedError

    @property
    def dag_id(self) -> str:
        return str(self.dag.dag_id)

    def has_dag(self) -> bool:
        return True

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger(f"{type(self).__module__}.{type(self).__qualname__}")

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


TaskMixin = DependencyMixin


def flatten(other: Any) -> Iterable[Any]:
    """One node or any nesting of lists of nodes. Raises AirflowException for anything else."""
    if isinstance(other, DependencyMixin):
        return (other,)
    if isinstance(other, (str, bytes)) or not isinstance(other, Iterable):
        raise AirflowException(
            f"cannot set a dependency with {other!r}: it is neither a task nor a group nor a list of them"
        )
    return [node for item in other for node in flatten(item)]


def connect(before: Any, after: Any, label: Any = None) -> None:
    """Make every leaf of `before` an upstream of every root of `after`."""
    from airflow.utils.edgemodifier import EdgeModifier

    if isinstance(before, EdgeModifier):
        before.add_downstream(after)
    elif isinstance(after, EdgeModifier):
        after.add_upstream(before)
    else:
        for node, other, upstream in ((after, before, True), (before, after, False)):
            if hasattr(node, "note_relative"):
                node.note_relative(other, upstream)
        for up in before.leaves:
            for down in after.roots:
                connect_tasks(up, down, label)


def connect_tasks(up: Any, down: Any, label: Any = None) -> None:
    """One edge. A task without a DAG joins the other's. Raises AirflowException across two DAGs."""
    dag = up.dag if up.has_dag() else down.dag if down.has_dag() else None
    for task in (up, down):
        if not task.has_dag() and dag is not None:
            task.dag = dag
        elif task.has_dag() and task.dag is not dag:
            raise AirflowException(
                f"cannot set {up.task_id!r} before {down.task_id!r}: one is in DAG {up.dag.dag_id!r}, "
                f"the other in {down.dag.dag_id!r}"
            )
    up.downstream_task_ids.add(down.task_id)
    down.upstream_task_ids.add(up.task_id)
    if label is not None and dag is not None:
        dag.set_edge_info(up.task_id, down.task_id, {"label": label.label})
