"""SubDagOperator: a DAG inside a DAG. Here its tasks become a task group of the outer DAG when the file is loaded.

The inner tasks get the ids `<task_id>.<inner id>` and run in the outer DAG's runs; the inner DAG is no DAG of its own.
"""

from __future__ import annotations

from typing import Any

from airflow.exceptions import AirflowException
from airflow.models import scope
from airflow.models.param import ParamsDict
from airflow.utils.task_group import TaskGroup


class SubDagOperator(TaskGroup):
    """Stands in dependencies for the inner DAG's first and last tasks.

    `trigger_rule` goes to its first tasks; what else operators take has no meaning any more. The inner DAG must be
    complete. Raises AirflowException when its id is not `<outer dag_id>.<task_id>`, as Airflow wants it.
    """

    ui_color = "#555"
    ui_fgcolor = "#fff"

    def __init__(self, task_id: str, subdag: Any, dag: Any = None, **options: Any) -> None:
        outer = dag or scope.current_dag()
        if outer is None:
            raise AirflowException(f"cannot create the SubDAG {task_id!r}: it is in no DAG")
        if subdag.dag_id != f"{outer.dag_id}.{task_id}":
            raise AirflowException(
                f"cannot use the DAG {subdag.dag_id!r} in the SubDagOperator {task_id!r} of {outer.dag_id!r}: "
                f"its dag_id must be '{outer.dag_id}.{task_id}'"
            )
        super().__init__(group_id=task_id, parent_group=options.get("task_group"), dag=outer)
        self.task_id, self.subdag = task_id, subdag
        subdag.is_subdag, subdag.parent_dag = True, outer
        outer.__dict__.setdefault("_subdags", {}).update(
            {subdag.dag_id: self.child_id("")}
            | {inner: self.child_id(prefix) for inner, prefix in getattr(subdag, "_subdags", {}).items()}
        )
        self._adopt(subdag, subdag.tasks)
        if "trigger_rule" in options:
            for task in self.roots:
                task.trigger_rule = options["trigger_rule"]

    def _adopt(self, subdag: Any, tasks: list[Any]) -> None:
        """Tasks and groups of the inner DAG become members of this group, under longer ids."""
        ids = {task.task_id: self.child_id(task.task_id) for task in tasks}
        grouped = {task.task_id for task in tasks if task.task_group is not None}
        for group in subdag.task_group_dict.values():
            group.dag, group._group_id = self.dag, self.child_id(group.group_id)
            group.parent_group = group.parent_group or self
            self.dag.add_group(group)
        for task in tasks:
            old, task._dag = task.task_id, None
            task._subdag_id = getattr(task, "_subdag_id", subdag.dag_id)
            params = ParamsDict(subdag.params)
            params.deep_merge(task.params)
            task.params = params
            task.task_id = ids[old]
            for name in ("upstream_task_ids", "downstream_task_ids"):
                setattr(task, name, {ids[other] for other in getattr(task, name)})
            if old not in grouped:
                task.task_group = self
            task.dag = self.dag
        for group in (self, *subdag.task_group_dict.values()):
            members = [task for task in tasks if task.task_group is group]
            inner = [other for other in subdag.task_group_dict.values() if other.parent_group is group]
            group.children = {member.node_id: member for member in (*members, *inner)}
        for up, edges in subdag.edge_info.items():
            for down, info in edges.items():
                self.dag.set_edge_info(ids[up], ids[down], info)
        subdag.task_dict, subdag.task_group_dict = {}, {}


def inner_names(task: Any, dag_id: str | None, task_ids: Any) -> tuple[str | None, Any]:
    """Where an XCom is, for a task that names it by the ids of the DAGs as they were written.

    Without `dag_id` a task of an inner DAG means that DAG.
    """
    prefix = task.dag._subdags.get(dag_id or getattr(task, "_subdag_id", None))
    if prefix is None or task_ids is None:
        return dag_id, task_ids
    if isinstance(task_ids, str):
        return None, prefix + task_ids
    return None, [prefix + name for name in task_ids]
