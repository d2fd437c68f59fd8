"""A promise of another task's XCom: passing one to a task makes that task come later and receive the value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airflow.exceptions import AirflowException, XComNotFound
from airflow.models.taskmixin import DependencyMixin

XCOM_RETURN_KEY = "return_value"
_MISSING: Any = object()


class XComArg(DependencyMixin):
    """`task.output`, or what calling a @task function returns. Indexing picks another key of the same task.

    `map`, `zip` and `concat` make promises of other sequences from it, to map a task over.
    """

    operator: Any
    key: str

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
        raise TypeError(f"cannot iterate over {self!r}: it has no value before the run")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple((id(operator), key) for operator, key in self.iter_references()))

    def __str__(self) -> str:
        """A template that pulls the value, so that an output may stand inside a templated text."""
        key = "" if self.key == XCOM_RETURN_KEY else f", key={self.key!r}"
        owner = self.operator
        pull = f"task_ids={owner.task_id!r}, dag_id={owner.dag.dag_id!r}{key}"
        return "{{ task_instance.xcom_pull(" + pull + ") }}"

    def __repr__(self) -> str:
        return f"XComArg({self.operator!r}, {self.key!r})"

    # ---- dependencies ---------------------------------------------------------------------------------------

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        """The tasks and keys that the value is made of."""
        yield self.operator, self.key

    @staticmethod
    def iter_xcom_references(value: Any) -> Iterator[tuple[Any, str]]:
        """The references of all outputs in `value`, at any depth."""
        yield from find_references(value)

    @property
    def roots(self) -> Sequence[Any]:
        return [operator for operator, _ in self.iter_references()]

    @property
    def leaves(self) -> Sequence[Any]:
        return self.roots

    def as_setup(self) -> XComArg:
        for operator in self.roots:
            operator.as_setup()
        return self

    def as_teardown(self, **arguments: Any) -> XComArg:
        for operator in self.roots:
            operator.as_teardown(**arguments)
        return self

    @property
    def is_setup(self) -> bool:
        return bool(self.operator.is_setup)

    @property
    def is_teardown(self) -> bool:
        return bool(self.operator.is_teardown)

    def __enter__(self) -> XComArg:
        self.operator.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.operator.__exit__(*error)

    # ---- mapping --------------------------------------------------------------------------------------------

    def map(self, f: Any) -> Any:
        """The same sequence with `f` applied to each item, in the process of the instance that gets the item."""
        from airflow.models.xcom_combined import MapXComArg

        self._refuse_key("map over")
        return MapXComArg(self, [f])

    def zip(self, *others: XComArg, **options: Any) -> Any:
        """Tuples of this and the others' items; as many as the shortest has, or the longest with `fillvalue`."""
        from airflow.models.xcom_combined import ZipXComArg

        self._refuse_key("zip")
        return ZipXComArg([self, *others], **options)

    def concat(self, *others: XComArg) -> Any:
        """This sequence's items and then those of the others."""
        from airflow.models.xcom_combined import ConcatXComArg

        self._refuse_key("concatenate")
        return ConcatXComArg([self, *others])

    def _refuse_key(self, action: str) -> None:
        if self.key != XCOM_RETURN_KEY:
            raise ValueError(f"cannot {action} the XCom {self.key!r}: only return values can be mapped over")

    def wire_length(self) -> dict[str, Any]:
        """How long the sequence is, in the words of `_wire.serialized.Expansion`."""
        return {"xcom": self.operator.task_id, "key": self.key}

    # ---- in a task's process --------------------------------------------------------------------------------

    def resolve(self, context: Any) -> Any:
        """The value in this run: of a mapped task all of them, of one in the same mapped group that of this index.

        Raises XComNotFound when another key than return_value was never pushed.
        """
        from airflow.models.xcom_sequence import LazyXComSequence

        operator, ti = self.operator, context["ti"]
        if operator.is_mapped:
            return LazyXComSequence(ti, operator, self.key)
        where = {}
        group = operator.get_closest_mapped_task_group()
        if group is not None:
            if ti.task.get_closest_mapped_task_group() is not group:
                return list(LazyXComSequence(ti, operator, self.key))
            where["map_indexes"] = ti.map_index
        value = ti.xcom_pull(task_ids=operator.task_id, key=self.key, default=_MISSING, **where)
        if value is not _MISSING:
            return value
        if self.key == XCOM_RETURN_KEY or getattr(operator, "multiple_outputs", False):
            return None
        raise XComNotFound(operator.dag_id, operator.task_id, self.key)


PlainXComArg = XComArg


def find_references(value: Any) -> Iterator[tuple[Any, str]]:
    """The tasks and keys that `value` is made of: outputs and mapped arguments, in lists, tuples, sets and dicts."""
    if hasattr(value, "iter_references"):
        yield from value.iter_references()
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from find_references(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from find_references(item)


def add_dependencies(task: Any) -> None:
    """Whatever outputs a task's templated fields hold come from tasks before it."""
    for name in task.template_fields:
        for operator, _ in find_references(getattr(task, name, None)):
            if operator is task:
                raise AirflowException(f"cannot pass the output of {task.task_id!r} to itself")
            task.set_upstream(operator)
