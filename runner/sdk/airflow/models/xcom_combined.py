"""`.map()`, `.zip()` and `.concat()` of outputs: promises of sequences to map a task over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from airflow.models.xcom_arg import XComArg
from airflow.models.xcom_sequence import UNSET, ConcatResult, MapResult, ZipResult, check_sequence


class _Combined(XComArg):
    """What the three have in common: they have references, but no key to index by."""

    def __init__(self, args: Sequence[XComArg]) -> None:
        for arg in args:
            if not isinstance(arg, XComArg):
                raise TypeError(f"cannot combine an output with {arg!r}: it is not an output")
        self.args = list(args)

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        for arg in self.args:
            yield from arg.iter_references()

    def __getitem__(self, item: str) -> XComArg:
        raise TypeError(f"cannot index {self!r} by {item!r}: it is a sequence to map over")

    def __str__(self) -> str:
        return repr(self)

    def _refuse_key(self, action: str) -> None:
        """Only plain outputs have keys."""

    def _resolve_all(self, context: Any, action: str) -> list[Any]:
        return [check_sequence(arg.resolve(context), action) for arg in self.args]


class MapXComArg(_Combined):
    """A sequence with functions applied to each item. One that raises AirflowSkipException skips its instance."""

    def __init__(self, arg: XComArg, callables: Sequence[Callable[[Any], Any]]) -> None:
        super().__init__([arg])
        for function in callables:
            if getattr(function, "_airflow_is_task_decorator", False) or not callable(function):
                raise ValueError(f"cannot map by {function!r}: it must be a plain function, not a task")
        self.callables = list(callables)

    def map(self, f: Callable[[Any], Any]) -> MapXComArg:
        return MapXComArg(self.args[0], [*self.callables, f])

    def wire_length(self) -> dict[str, Any]:
        return self.args[0].wire_length()

    def resolve(self, context: Any) -> MapResult:
        return MapResult(self._resolve_all(context, "map over")[0], self.callables)

    def __repr__(self) -> str:
        names = "".join(f".map({getattr(f, '__name__', f)})" for f in self.callables)
        return f"{self.args[0]!r}{names}"


class ZipXComArg(_Combined):
    """Tuples of several sequences' items."""

    def __init__(self, args: Sequence[XComArg], fillvalue: Any = UNSET) -> None:
        super().__init__(args)
        self.fillvalue = fillvalue

    def wire_length(self) -> dict[str, Any]:
        return {"zip": [arg.wire_length() for arg in self.args], "longest": self.fillvalue is not UNSET}

    def resolve(self, context: Any) -> ZipResult:
        return ZipResult(self._resolve_all(context, "zip"), self.fillvalue)

    def __repr__(self) -> str:
        first, *others = self.args
        return f"{first!r}.zip({', '.join(map(repr, others))})"


class ConcatXComArg(_Combined):
    """Several sequences, one after the other."""

    def concat(self, *others: XComArg) -> ConcatXComArg:
        return ConcatXComArg([*self.args, *others])

    def wire_length(self) -> dict[str, Any]:
        return {"concat": [arg.wire_length() for arg in self.args]}

    def resolve(self, context: Any) -> ConcatResult:
        return ConcatResult(self._resolve_all(context, "concatenate"))

    def __repr__(self) -> str:
        first, *others = self.args
        return f"{first!r}.concat({', '.join(map(repr, others))})"
