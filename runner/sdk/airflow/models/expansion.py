"""What a mapped task or group is mapped over: how many instances that makes, and what one of them gets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.models.xcom_arg import XCOM_RETURN_KEY, XComArg, find_references
from airflow.models.xcom_sequence import check_sequence, item_at

if TYPE_CHECKING:
    from airflow._wire.serialized import Expansion

_UNSET: Any = object()


class MappedArgument:
    """Inside the function of a mapped group: stands for the item that an instance of the group gets."""

    def __init__(self, input: Any, key: str, default: Any = _UNSET) -> None:
        if any(isinstance(value, MappedArgument) for value in input.values()):
            raise ValueError("cannot map a group over an argument of another mapped group")
        self._input, self._key, self._default = input, key, default

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        yield from self._input.iter_references()

    def resolve(self, context: Any) -> Any:
        values, _ = self._input.resolve(context)
        return values[self._key] if self._default is _UNSET else values.get(self._key, self._default)


class DictOfListsExpandInput:
    """`expand(a=..., b=...)`: every combination; the last argument changes fastest."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = dict(value)

    def values(self) -> list[Any]:
        return list(self.value.values())

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        for value in self.value.values():
            if isinstance(value, XComArg):
                yield from value.iter_references()

    def to_wire(self) -> Expansion:
        lengths = [
            value.wire_length() if isinstance(value, XComArg) else {"literal": len(value)}
            for value in self.value.values()
        ]
        return {"arguments": list(self.value), "lengths": lengths}

    def count(self, context: Any) -> int:
        """How many instances there are."""
        total = 1
        for value in self._sequences(context).values():
            total *= len(value)
        return total

    def resolve(self, context: Any) -> tuple[dict[str, Any], set[int]]:
        """What the running instance gets, and the ids of those values that are results and no templates."""
        index, found = instance_index(context), {}
        for name, values in reversed(self._sequences(context).items()):
            index, place = divmod(index, len(values))
            found[name] = item_at(values, place)
        ordered = {name: found[name] for name in self.value}
        return ordered, {id(item) for name, item in ordered.items() if isinstance(self.value[name], XComArg)}

    def _sequences(self, context: Any) -> dict[str, Any]:
        found = {
            name: value.resolve(context) if isinstance(value, XComArg) else value
            for name, value in self.value.items()
        }
        return {name: check_sequence(value, f"map {name!r} over") for name, value in found.items()}


class ListOfDictsExpandInput:
    """`expand_kwargs(...)`: one instance for each dict of arguments."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def values(self) -> list[Any]:
        return []

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        items = [self.value] if isinstance(self.value, XComArg) else self.value
        for item in items:
            if isinstance(item, XComArg):
                yield from item.iter_references()

    def to_wire(self) -> Expansion:
        length = self.value.wire_length() if isinstance(self.value, XComArg) else {"literal": len(self.value)}
        return {"arguments": [], "lengths": [length]}

    def count(self, context: Any) -> int:
        """How many instances there are."""
        return len(self._dicts(context))

    def resolve(self, context: Any) -> tuple[dict[str, Any], set[int]]:
        """What the running instance gets, and the ids of those values that are results and no templates."""
        item = self._dicts(context)[instance_index(context)]
        given = item.resolve(context) if isinstance(item, XComArg) else item
        if not isinstance(given, Mapping):
            raise ValueError(f"cannot use {given!r} in expand_kwargs(): it must be a dict of arguments")
        strange = [key for key in given if not isinstance(key, str)]
        if strange:
            raise ValueError(
                f"cannot use the keys {strange!r} in expand_kwargs(): names of arguments are text"
            )
        results = given.values() if item is not given or isinstance(self.value, XComArg) else ()
        return dict(given), {id(value) for value in results}

    def _dicts(self, context: Any) -> Any:
        if not isinstance(self.value, XComArg):
            return self.value
        found = self.value.resolve(context)
        if isinstance(found, dict):
            raise ValueError("cannot use a dict in expand_kwargs(): it must be a list of dicts")
        return check_sequence(found, "use in expand_kwargs()")


def instance_index(context: Any) -> int:
    """The running instance's map index. Raises RuntimeError in a task that is not mapped."""
    index: int = context["ti"].map_index
    if index < 0:
        raise RuntimeError(
            f"cannot find the item of {context['ti'].task_id!r}: it is not an instance of a mapping"
        )
    return index


def is_mappable(value: Any) -> bool:
    """Whether `expand()` takes it."""
    return isinstance(value, (MappedArgument, XComArg, Mapping, Sequence)) and not isinstance(value, str)


def check_arguments(function: Callable[..., Any], action: str, kwargs: dict[str, Any]) -> None:
    """Raises TypeError for arguments that `function` does not take, ValueError for values that cannot be mapped."""
    parameters = inspect.signature(function).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        strange = [name for name in kwargs if name not in parameters]
        if strange:
            raise TypeError(f"cannot map: {action}() got unexpected arguments {', '.join(strange)}")
    for name, value in kwargs.items():
        if action == "expand" and not is_mappable(value):
            raise ValueError(f"cannot map over {name!r}: a {type(value).__qualname__} has no items")


def expand_over(arguments: dict[str, Any]) -> DictOfListsExpandInput:
    """The input of `expand(**arguments)`. Raises TypeError without any, ValueError for XComs that have a key."""
    if not arguments:
        raise TypeError("cannot expand: there are no arguments to expand against")
    return _watch(DictOfListsExpandInput(arguments))  # type: ignore[no-any-return]


def expand_over_dicts(dicts: Any) -> ListOfDictsExpandInput:
    """The input of `expand_kwargs(dicts)`. Raises TypeError unless it is an output or a list of dicts and outputs."""
    fits = isinstance(dicts, XComArg) or (
        isinstance(dicts, Sequence) and all(isinstance(item, (XComArg, Mapping)) for item in dicts)
    )
    if not fits:
        raise TypeError(
            f"cannot use a {type(dicts).__qualname__} in expand_kwargs(): it takes an output or a list of dicts"
        )
    return _watch(ListOfDictsExpandInput(dicts))  # type: ignore[no-any-return]


def _watch(given: Any) -> Any:
    """Tell the tasks whose outputs are mapped over: they must return something that can be."""
    for operator, key in find_references(given.value):
        if key != XCOM_RETURN_KEY:
            raise ValueError(
                f"cannot map over the XCom {key!r} of {operator.task_id!r}: only over return values"
            )
    for operator, _ in given.iter_references():
        operator.is_mapped_over = True
    return given
