"""Sequences of XComs that are fetched, or worked out, item by item when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from airflow.exceptions import AirflowException

UNSET: Any = object()


class LazyXComSequence(Sequence[Any]):
    """What the instances of a mapped task left, in the order of their map indexes. Those that left nothing are no item.

    One item costs one question; walking over all of them costs one, too.
    """

    def __init__(self, ti: Any, operator: Any, key: str) -> None:
        self._place = {
            "dag_id": operator.dag_id,
            "run_id": ti.run_id,
            "task_id": operator.task_id,
            "key": key,
        }
        self._length: int | None = None
        self._items: list[Any] | None = None

    def __len__(self) -> int:
        if self._length is None:
            self._length = int(self._ask(0)["length"])
        return self._length

    def __getitem__(self, index: Any) -> Any:
        from airflow.models.xcom import unpack

        if isinstance(index, slice):
            return self._all()[index]
        if self._items is not None:
            return self._items[index]
        answer = self._ask(index if index >= 0 else len(self) + index)
        if not answer["found"]:
            raise IndexError(f"cannot find item {index} of the {len(self)} of {self._place['task_id']!r}")
        return unpack(answer, self._place)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and not isinstance(other, str) and self._all() == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Any) -> list[Any]:
        return self._all() + list(other)

    def __repr__(self) -> str:
        return (
            f"LazyXComSequence({self._all()!r})"
            if self._items is not None
            else "LazyXComSequence(<not read>)"
        )

    def __str__(self) -> str:
        """As a list's, because this is what a template shows."""
        return str(self._all())

    def _ask(self, offset: int) -> Any:
        from airflow._task.comms import required

        return required("read XComs").ask("get_xcom_item", {**self._place, "offset": offset})

    def _all(self) -> list[Any]:
        if self._items is None:
            from airflow._task.comms import required
            from airflow.models.xcom import unpack

            place = {name: self._place[name] for name in ("dag_id", "run_id", "key")}
            wanted = {"task_ids": [self._place["task_id"]], "map_indexes": None, "include_prior_dates": False}
            rows = required("read XComs").ask("list_xcoms", {**place, **wanted})
            self._items = [unpack(row, place) for row in rows]
            self._length = len(self._items)
        return self._items


class MapResult(Sequence[Any]):
    """`values` with functions applied to an item when it is asked for."""

    def __init__(self, values: Any, functions: Sequence[Callable[[Any], Any]]) -> None:
        self._values, self._functions = values, functions

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        value = item_at(self._values, index)
        for function in self._functions:
            value = function(value)
        return value

    def __len__(self) -> int:
        return len(self._values)


class ZipResult(Sequence[Any]):
    """Tuples of the items at the same place."""

    def __init__(self, values: Sequence[Any], fillvalue: Any) -> None:
        self._values, self._fillvalue = values, fillvalue

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        place = index if index >= 0 else len(self) + index
        if not 0 <= place < len(self):
            raise IndexError(f"cannot find item {index} of {len(self)}")
        return tuple(
            item_at(value, place) if place < len(value) else self._fillvalue for value in self._values
        )

    def __len__(self) -> int:
        lengths = [len(value) for value in self._values]
        return min(lengths) if self._fillvalue is UNSET else max(lengths)


class ConcatResult(Sequence[Any]):
    """The items of one after those of the other."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        place = index if index >= 0 else len(self) + index
        for value in self._values:
            if 0 <= place < len(value):
                return item_at(value, place)
            place -= len(value)
        raise IndexError(f"cannot find item {index} of {len(self)}")

    def __len__(self) -> int:
        return sum(len(value) for value in self._values)


def item_at(values: Any, index: int) -> Any:
    """The item of a sequence, or the (key, value) pair of a dict."""
    if not isinstance(values, dict):
        return values[index]
    for pair in islice(values.items(), index, None):
        return pair
    raise IndexError(f"cannot find item {index} of {len(values)}")


def check_sequence(value: Any, action: str) -> Any:
    """`value` itself. Raises AirflowException when it has no order to map over."""
    if isinstance(value, (Sequence, dict)) and not isinstance(value, (str, bytes, bytearray)):
        return value
    raise AirflowException(
        f"cannot {action} a value of type {type(value).__qualname__}: it is no list or dict"
    )
