"""What state of a task or of an asset belongs to, and the base of backends that keep it."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TaskScope:
    """One task of one run."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


@dataclass(frozen=True)
class AssetScope:
    """An asset by id, name or URI. Raises ValueError without any."""

    asset_id: int | None = None
    name: str | None = None
    uri: str | None = None

    def __post_init__(self) -> None:
        if self.asset_id is None and self.name is None and self.uri is None:
            raise ValueError("cannot name an asset's state: give asset_id, name or uri")


StoreScope = TaskScope | AssetScope


class BaseStoreBackend(abc.ABC):
    """Keeps JSON texts by scope and key."""

    @abc.abstractmethod
    def get(self, scope: StoreScope, key: str, *, session: Any = None) -> str | None:
        """The text, or None."""

    @abc.abstractmethod
    def set(
        self, scope: StoreScope, key: str, value: str, *, expires_at: Any = None, session: Any = None
    ) -> None:
        """Keep the text, until a time if one is given."""

    @abc.abstractmethod
    def delete(self, scope: StoreScope, key: str, *, session: Any = None) -> None:
        """Forget it."""

    @abc.abstractmethod
    def clear(self, scope: StoreScope, *, all_map_indices: bool = False, session: Any = None) -> None:
        """Forget all of the scope."""
