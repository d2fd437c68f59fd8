"""`a >> Label("when") >> b`: a text on an edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.models.taskmixin import DependencyMixin, connect


class EdgeModifier(DependencyMixin):
    """Stands between two nodes; the edges appear once both sides are known."""

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        self._above: list[Any] = []
        self._below: list[Any] = []

    @property
    def roots(self) -> Sequence[Any]:
        return [root for node in self._below for root in node.roots]

    @property
    def leaves(self) -> Sequence[Any]:
        return [leaf for node in self._above for leaf in node.leaves]

    def add_upstream(self, node: Any) -> None:
        self._above.append(node)
        for below in self._below:
            connect(node, below, self)

    def add_downstream(self, node: Any) -> None:
        self._below.append(node)
        for above in self._above:
            connect(above, node, self)


def Label(label: str) -> EdgeModifier:
    """A label to stand between two tasks."""
    return EdgeModifier(label)
