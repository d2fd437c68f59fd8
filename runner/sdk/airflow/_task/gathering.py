"""Where things lie in a zygote's memory: together what every task touches, so that a child copies fewer pages.

A fork shares memory until somebody writes to it, then by whole pages of 4 KiB; and Python writes to whatever it
touches, as it counts references. Of a task's cost here the copies are the larger part. Both functions change where
things lie and nothing of what they are.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any

_POOL, _FIRST = 16384, 48
"""CPython's allocator: the size of a pool of places of one size, and where the first place of a pool is."""
_LARGEST, _STEP = 512, 16
_MOST_BYTES = 65536
_ROW = 8


def gather_code(run: Callable[[], None]) -> list[CodeType]:
    """Put the byte code of every function that `run` calls into one place. What it was before is to be kept.

    If it were let go, the gaps that it leaves would be where children make what they make.
    """
    former = list_executed(run)
    moved: dict[int, CodeType] = {}
    for code in former:
        _move(code, {id(code) for code in former}, moved)
    for function in gc.get_objects():
        if type(function) is FunctionType and id(function.__code__) in moved:
            function.__code__ = moved[id(function.__code__)]
    return former


def fill_gaps() -> list[Any]:
    """Take the places that are free between others, so that what children make new lies together. To be kept."""
    return [place for size in range(_STEP, _LARGEST + 1, _STEP) for place in _fill(size)]


def _fill(size: int) -> list[Any]:
    """The places of one size, up to where an empty pool begins: there they are given out one after the other."""
    taken: list[Any] = []
    in_a_row, last = 0, 0
    while in_a_row < _ROW and len(taken) < _MOST_BYTES // size:
        taken.append(_take(size))
        place = id(taken[-1])
        follows = in_a_row and place == last + size
        in_a_row = in_a_row + 1 if follows else int(place % _POOL == _FIRST)
        last = place
    return taken[: len(taken) - in_a_row]


def _take(size: int) -> Any:
    """An object of that many bytes (and up to 15 less)."""
    header = sys.getsizeof(b"")
    if size > header:
        return bytes(size - header)
    return object() if size == _STEP else float(size)


def list_executed(run: Callable[[], None]) -> list[CodeType]:
    """The byte code of every function that `run` calls."""
    seen: dict[CodeType, None] = {}

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            seen.setdefault(frame.f_code)

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return list(seen)


def _move(code: CodeType, wanted: set[int], moved: dict[int, CodeType]) -> CodeType:
    """A twin of this code, made now; of the functions inside it as well, as far as they are wanted."""
    if id(code) not in moved:
        inside = tuple(
            _move(part, wanted, moved) if isinstance(part, CodeType) and id(part) in wanted else part
            for part in code.co_consts
        )
        moved[id(code)] = code.replace(co_consts=inside)
    return moved[id(code)]
