"""A promise of another task's XCom: passing one to a task makes that task come later and receive the value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airflow.exceptions import AirflowException, NotSupported, XComNotFound
from airflow.models.taskmixin import DependencyMixin

XCOM_RETURN_KEY = "return_value"


class XComArg(DependencyMixin):
    """`task.output`, or what calling a @task function returns. Indexing picks another key of the same task."""

    def __init__(self, operator: Any, key: str = XCOM_RETURN_KEY) -> None:
        self.operator = operator
        self.key = key

    def __getitem__(self, item: str) -> XComArg:
        if not isinstance(item, str):
            raise ValueError(
                f"cannot index the output of {self.operator.task_id!r} by {item!r}: XCom keys are text"
            )
        return XComArg(self.operator, item)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(
            f"cannot iterate over the output of {self.operator.task_id!r}: it has no value before the run"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, XComArg) and (self.operator, self.key) == (other.operator, other.key)

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def __str__(self) -> str:
        """A template that pulls the value, so that an output may stand inside a templated text."""
        key = "" if self.key == XCOM_RETURN_KEY else f", key={self.key!r}"
        owner = self.operator
        pull = f"task_ids={owner.task_id!r}, dag_id={owner.dag.dag_id!r}{key}"
        return "{{ task_instance.xcom_pull(" + pull + ") }}"

    def __repr__(self) -> str:
        return f"XComArg({self.operator!r}, {self.key!r})"

    @property
    def roots(self) -> Sequence[Any]:
        return [self.operator]

    @property
    def leaves(self) -> Sequence[Any]:
        return [self.operator]

    def resolve(self, context: Any) -> Any:
        """The value in this run. Raises XComNotFound when another key than return_value was never pushed."""
        missing = object()
        value = context["ti"].xcom_pull(task_ids=self.operator.task_id, key=self.key, default=missing)
        if value is not missing:
            return value
        if self.key == XCOM_RETURN_KEY:
            return None
        raise XComNotFound(self.operator.dag_id, self.operator.task_id, self.key)

    def as_setup(self) -> XComArg:
        self.operator.as_setup()
        return self

    def as_teardown(self, **arguments: Any) -> XComArg:
        self.operator.as_teardown(**arguments)
        return self

    def map(self, function: Any) -> Any:
        raise NotSupported("cannot map over an output: dynamic task mapping cannot be used yet")

    zip = concat = map

    def __enter__(self) -> XComArg:
        self.operator.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.operator.__exit__(*error)


PlainXComArg = XComArg


def find_outputs(value: Any) -> Iterator[XComArg]:
    """The XComArgs in `value`: itself, in lists, tuples, sets and dicts, at any depth."""
    if isinstance(value, XComArg):
        yield value
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from find_outputs(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from find_outputs(item)


def add_dependencies(task: Any) -> None:
    """Whatever outputs a task's templated fields hold come from tasks before it."""
    for name in task.template_fields:
        for output in find_outputs(getattr(task, name, None)):
            if output.operator is task:
                raise AirflowException(f"cannot pass the output of {task.task_id!r} to itself")
            task.set_upstream(output.operator)
