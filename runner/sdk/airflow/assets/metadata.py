"""What a task yields to say more about an update than that it happened."""

from __future__ import annotations

from typing import Any


class Metadata:
    """`yield Metadata(asset, {"rows": 3})`: the extra of the asset's event; with `alias`, through that alias."""

    def __init__(self, asset: Any, extra: dict[str, Any] | None = None, alias: Any = None) -> None:
        self.asset, self.extra, self.alias = asset, {} if extra is None else extra, alias

    @property
    def uri(self) -> str:
        """The URI, in 2.x."""
        return str(getattr(self.asset, "uri", self.asset))

    def __repr__(self) -> str:
        return f"Metadata({self.asset!r}, {self.extra!r}, alias={self.alias!r})"
