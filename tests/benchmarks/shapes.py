"""The shapes: which DAG file, with which constants, and the graph its run must have followed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DAGS = Path(__file__).with_name("dags")
HELPER = "bodies.py"


@dataclass(frozen=True, slots=True)
class Shape:
    """One benchmark DAG. `upstream` maps each task to the tasks that must have ended before it starts."""

    name: str
    file: str
    upstream: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, object] = field(default_factory=dict)
    deadline: float = 900.0

    @property
    def dag_id(self) -> str:
        return self.name.replace("-", "_")

    @property
    def key(self) -> str:
        """The file's name in the DAG folder; one file per shape, so that a size is a file of its own."""
        return f"{self.dag_id}.py"

    def source(self) -> str:
        """The DAG file's text: the file in dags/ with its constants set."""
        text = (DAGS / self.file).read_text(encoding="utf-8")
        for name, value in {"DAG_ID": self.dag_id, **self.constants}.items():
            text, count = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", text, flags=re.MULTILINE)
            if count != 1:
                raise ValueError(
                    f"cannot set {name} in {self.file}: it has {count} such lines, and needs one"
                )
        return text


def helper() -> str:
    """The text of the module that every benchmark DAG imports."""
    return (DAGS / HELPER).read_text(encoding="utf-8")


def fibonacci(name: str, length: int, number: int) -> Shape:
    return Shape(name, "fibonacci.py", _line(length), {"LENGTH": length, "NUMBER": number})


def chain(length: int) -> Shape:
    return Shape(f"chain-{length}", "chain.py", _line(length), {"LENGTH": length})


def fan(total: int) -> Shape:
    """1 -> total - 2 -> 1."""
    middle = tuple(f"t{index:04d}" for index in range(total - 2))
    upstream = {"first": (), **dict.fromkeys(middle, ("first",)), "last": middle}
    return Shape(f"fan-{total}", "fan.py", upstream, {"WIDTH": total - 2})


def diamond(width: int, layers: int) -> Shape:
    def task(layer: int, index: int) -> str:
        return f"l{layer:03d}w{index % width:02d}"

    upstream = {
        task(layer, index): (task(layer - 1, index), task(layer - 1, index + 1)) if layer else ()
        for layer in range(layers)
        for index in range(width)
    }
    return Shape(f"diamond-{width}x{layers}", "diamond.py", upstream, {"LAYERS": layers, "WIDTH": width})


def sleepers(count: int, seconds: int, retries: int = 0) -> Shape:
    upstream = {f"t{index:04d}": () for index in range(count)}
    constants = {"COUNT": count, "SECONDS": seconds, "RETRIES": retries}
    return Shape(f"sleep-{count}", "sleepers.py", upstream, constants)


def _line(length: int) -> dict[str, tuple[str, ...]]:
    return {f"t{i:04d}": (f"t{i - 1:04d}",) if i else () for i in range(length)}
