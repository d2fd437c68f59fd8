"""TaskGroup: tasks that belong together; their ids begin with the group's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from airflow.exceptions import AirflowException, DuplicateTaskIdFound
from airflow.models import scope
from airflow.models.dag_options import read_documentation
from airflow.models.taskmixin import DAGNode

_LABEL = re.compile(r"[\w-]{1,200}")


class TaskGroup(DAGNode):
    """A group of tasks and groups. In a dependency it stands for its first (`roots`) or last (`leaves`) tasks.

    Raises DuplicateTaskIdFound for a group id that is taken, unless `add_suffix_on_collision`.
    """

    dag: Any
    default_args: dict[str, Any]
    is_mapped = False

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
        outer = parent_group or scope.current_group()
        self.dag = dag or (outer.dag if outer else None) or scope.current_dag()
        if self.dag is None:
            raise AirflowException(f"cannot create the task group {group_id!r}: it is in no DAG")
        self.parent_group = None if outer is not None and outer.is_root else outer
        self.prefix_group_id = prefix_group_id
        self.default_args = {
            **(self.parent_group.default_args if self.parent_group else {}),
            **(default_args or {}),
        }
        self.tooltip, self.doc_md = tooltip or "", read_documentation(doc_md)
        self.ui_color, self.ui_fgcolor = ui_color, ui_fgcolor
        self.children: dict[str, Any] = {}
        self.upstream_group_ids: set[str] = set()
        self.downstream_group_ids: set[str] = set()
        self.upstream_task_ids: set[str] = set()
        self.downstream_task_ids: set[str] = set()
        self.group_display_name = group_display_name
        self._group_id: str | None = None
        if group_id is not None:
            self._group_id = self._free_id(group_id, add_suffix_on_collision)
            self.dag.add_group(self)
        if self.parent_group is not None:
            self.parent_group.children[self.node_id] = self

    def _free_id(self, group_id: Any, add_suffix: bool) -> str:
        if not isinstance(group_id, str) or not _LABEL.fullmatch(group_id):
            raise AirflowException(
                f"cannot use {group_id!r} as the id of a task group: it takes up to 200 letters, digits, dashes and "
                "underscores"
            )
        outer = self.parent_group.child_id if self.parent_group else str
        if not self.dag.is_taken(outer(group_id)):
            return outer(group_id)
        if not add_suffix:
            raise DuplicateTaskIdFound(
                f"cannot create the task group {outer(group_id)!r}: DAG {self.dag.dag_id!r} has that id already"
            )
        base, number = re.split(r"__\d+$", group_id)[0], 1
        while self.dag.is_taken(outer(f"{base}__{number}")):
            number += 1
        return outer(f"{base}__{number}")

    @classmethod
    def create_root(cls, dag: Any) -> TaskGroup:
        """The group of everything in a DAG: what is in no group is its child, and it adds nothing to ids."""
        root = cls(None, dag=dag)
        nodes = [*dag.tasks, *dag.task_group_dict.values()]
        outer = {
            id(node): node.task_group if hasattr(node, "task_id") else node.parent_group for node in nodes
        }
        root.children = {node.node_id: node for node in nodes if outer[id(node)] is None}
        return root

    # ---- names ----------------------------------------------------------------------------------------------

    @property
    def group_id(self) -> Any:
        return self._group_id

    @property
    def node_id(self) -> str:
        return str(self._group_id)

    @property
    def label(self) -> Any:
        """Its id without the outer group's."""
        outer = self.parent_group
        prefix = f"{outer.group_id}." if outer and outer.prefix_group_id else ""
        return self._group_id.removeprefix(prefix) if self._group_id else None

    @property
    def is_root(self) -> bool:
        return self._group_id is None

    def child_id(self, label: str) -> str:
        """The id of a task or group in this group."""
        if self._group_id is None:
            return label
        return f"{self._group_id}.{label}" if self.prefix_group_id else label

    # ---- members --------------------------------------------------------------------------------------------

    def add(self, task: Any) -> Any:
        """A task (or group) becomes a member."""
        self.children[task.node_id] = task
        return task

    def iter_tasks(self) -> Iterator[Any]:
        """All tasks in it, at any depth."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child.iter_tasks()
            else:
                yield child

    tasks = __iter__ = iter_tasks

    def has_task(self, task: Any) -> bool:
        return any(member is task for member in self.iter_tasks())

    def get_child_by_label(self, label: str) -> Any:
        """Raises KeyError."""
        return self.children[self.child_id(label)]

    __getitem__ = get_child_by_label

    def get_task_dict(self) -> dict[str, Any]:
        """All tasks in it, at any depth, by id."""
        return {task.task_id: task for task in self.iter_tasks()}

    def get_task_group_dict(self) -> dict[Any, TaskGroup]:
        """This group and all in it by id."""
        inner = [child for child in self.children.values() if isinstance(child, TaskGroup)]
        found: dict[Any, TaskGroup] = {self._group_id: self}
        for child in inner:
            found.update(child.get_task_group_dict())
        return found

    def hierarchical_alphabetical_sort(self) -> list[Any]:
        """The children by name, groups first."""
        return sorted(
            self.children.values(), key=lambda node: (not isinstance(node, TaskGroup), node.node_id)
        )

    def topological_sort(self) -> list[Any]:
        """The children, each after those that its tasks come after."""
        order = {task.task_id: place for place, task in enumerate(self.dag.topological_sort())}

        def last(node: Any) -> int:
            tasks = node.iter_tasks() if isinstance(node, TaskGroup) else [node]
            return max((order[task.task_id] for task in tasks), default=-1)

        return sorted(self.children.values(), key=last)

    def iter_mapped_task_groups(self) -> Iterator[TaskGroup]:
        """This and the groups around it that are mapped, the innermost first."""
        group: TaskGroup | None = self
        while group is not None:
            if group.is_mapped:
                yield group
            group = group.parent_group

    # ---- in dependencies ------------------------------------------------------------------------------------

    @property
    def roots(self) -> Sequence[Any]:
        members = list(self.iter_tasks())
        ids = {task.task_id for task in members}
        return [task for task in members if not task.upstream_task_ids & ids]

    @property
    def leaves(self) -> Sequence[Any]:
        """Its last tasks; where those are teardowns, what they clean up after. Of an empty group: what is before it."""
        members = list(self.iter_tasks())
        if not members:
            groups = [self.dag.task_group_dict[group_id] for group_id in sorted(self.upstream_group_ids)]
            above = [self.dag.get_task(task_id) for task_id in sorted(self.upstream_task_ids)]
            return above + [leaf for group in groups for leaf in group.leaves]
        ids = {task.task_id for task in members}
        ends = [task for task in members if not task.downstream_task_ids & ids]
        found = [leaf for task in ends for leaf in ([task] if not task.is_teardown else _before(task, ids))]
        return list(dict.fromkeys(found))

    def get_roots(self) -> Sequence[Any]:
        return self.roots

    def get_leaves(self) -> Sequence[Any]:
        return self.leaves

    def note_relative(self, other: Any, upstream: bool) -> None:
        """Remember that `other` was set before (or after) the group as a whole."""
        if isinstance(other, TaskGroup):
            (self.upstream_group_ids if upstream else self.downstream_group_ids).add(other.node_id)
        else:
            ids = {task.task_id for task in (other.leaves if upstream else other.roots)}
            (self.upstream_task_ids if upstream else self.downstream_task_ids).update(ids)

    def __enter__(self) -> TaskGroup:
        scope.current().groups.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        scope.current().groups.pop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._group_id}>"


class MappedTaskGroup(TaskGroup):
    """A group of which there are as many instances as its input has items; `@task_group(...).expand(...)` makes it."""

    is_mapped = True

    def __init__(self, *args: Any, expand_input: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.expand_input = expand_input

    def iter_mapped_dependencies(self) -> Iterator[Any]:
        """The tasks whose outputs it is mapped over."""
        for operator, _ in self.expand_input.iter_references():
            yield operator

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        if error and error[0] is not None:
            return
        if any(task.trigger_rule == "always" for task in self.iter_tasks()):
            raise ValueError(
                f"cannot map the group {self.group_id!r}: a task in it has the trigger rule 'always' and would not wait"
            )
        for operator in self.iter_mapped_dependencies():
            self.set_upstream(operator)


def _before(teardown: Any, ids: set[str]) -> Iterator[Any]:
    """The tasks of a group that a teardown at its end waits for: neither teardowns nor setups."""
    for task in teardown.upstream_list:
        if task.task_id not in ids:
            continue
        below = (teardown.dag.get_task(name) for name in task.downstream_task_ids & ids - {teardown.task_id})
        if task.is_teardown:
            yield from _before(task, ids)
        elif not task.is_setup and all(other.is_teardown for other in below):
            yield task
