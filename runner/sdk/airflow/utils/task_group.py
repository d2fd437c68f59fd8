"""TaskGroup: tasks that belong together; their ids begin with the group's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airflow.exceptions import AirflowException, DuplicateTaskIdFound
from airflow.models import scope
from airflow.models.taskmixin import DAGNode


class TaskGroup(DAGNode):
    """A group of tasks and groups. In a dependency it stands for its first (`roots`) or last (`leaves`) tasks.

    Raises DuplicateTaskIdFound for a group id that is taken, unless `add_suffix_on_collision`.
    """

    dag: Any
    default_args: dict[str, Any]

    def __init__(
        self,
        group_id: str | None,
        prefix_group_id: bool = True,
        parent_group: TaskGroup | None = None,
        dag: Any = None,
        default_args: dict[str, Any] | None = None,
        tooltip: str = "",
        ui_color: str = "CornflowerBlue",
        ui_fgcolor: str = "#000",
        add_suffix_on_collision: bool = False,
        group_display_name: str = "",
        doc_md: str | None = None,
    ) -> None:
        self.parent_group = parent_group or scope.current_group()
        self.dag = dag or (self.parent_group.dag if self.parent_group else None) or scope.current_dag()
        if self.dag is None:
            raise AirflowException(f"cannot create the task group {group_id!r}: it is in no DAG")
        self.prefix_group_id = prefix_group_id
        self.default_args = {
            **(self.parent_group.default_args if self.parent_group else {}),
            **(default_args or {}),
        }
        self.tooltip, self.doc_md = tooltip or doc_md or "", doc_md
        self.ui_color, self.ui_fgcolor = ui_color, ui_fgcolor
        self.children: dict[str, Any] = {}
        self._group_id = self._free_id(str(group_id), add_suffix_on_collision)
        self.group_display_name = group_display_name
        self.dag.add_group(self)
        if self.parent_group:
            self.parent_group.children[self.group_id] = self

    def _free_id(self, group_id: str, add_suffix: bool) -> str:
        from airflow.models.identifiers import validate_key

        validate_key(group_id)
        full = self.parent_group.child_id(group_id) if self.parent_group else group_id
        if not self.dag.is_taken(full):
            return full
        if not add_suffix:
            raise DuplicateTaskIdFound(
                f"cannot create the task group {full!r}: DAG {self.dag.dag_id!r} has that id already"
            )
        number = 1
        while self.dag.is_taken(f"{full}__{number}"):
            number += 1
        return f"{full}__{number}"

    @property
    def group_id(self) -> str:
        return self._group_id

    @property
    def node_id(self) -> str:
        return self._group_id

    @property
    def label(self) -> str:
        prefix = (
            f"{self.parent_group.group_id}."
            if self.parent_group and self.parent_group.prefix_group_id
            else ""
        )
        return self._group_id.removeprefix(prefix)

    @property
    def is_root(self) -> bool:
        return False

    def child_id(self, label: str) -> str:
        """The id of a task or group in this group."""
        return f"{self._group_id}.{label}" if self.prefix_group_id else self._outer_prefix(label)

    def _outer_prefix(self, label: str) -> str:
        return self.parent_group.child_id(label) if self.parent_group else label

    def add(self, task: Any) -> None:
        """A task (or group) becomes a member."""
        self.children[task.node_id] = task

    def tasks(self) -> Iterator[Any]:
        """All tasks in it, at any depth."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child.tasks()
            else:
                yield child

    iter_tasks = __iter__ = tasks

    def has_task(self, task: Any) -> bool:
        return any(member is task for member in self.tasks())

    def get_child_by_label(self, label: str) -> Any:
        return self.children[self.child_id(label)]

    @property
    def roots(self) -> Sequence[Any]:
        return self._ends(upstream=True)

    @property
    def leaves(self) -> Sequence[Any]:
        return self._ends(upstream=False)

    def get_roots(self) -> Sequence[Any]:
        return self.roots

    def get_leaves(self) -> Sequence[Any]:
        return self.leaves

    def _ends(self, upstream: bool) -> list[Any]:
        members = list(self.tasks())
        ids = {task.task_id for task in members}
        ends = [task for task in members if not task.get_direct_relative_ids(upstream) & ids]
        working = [task for task in ends if not task.is_teardown]
        return ends if upstream else working or ends

    def __enter__(self) -> TaskGroup:
        scope.current().groups.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        scope.current().groups.pop()

    def __repr__(self) -> str:
        return f"<TaskGroup: {self._group_id}>"


MappedTaskGroup = TaskGroup
