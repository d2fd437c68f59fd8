"""What the API of a cell works with: handed in once, by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow._wire.cell import CellSpec
from airflow._wire.layout import Layout

from runner.store.database import Database
from runner.store.secrets import SecretBox, open_box


class Scheduler(Protocol):
    """What the API may ask of the scheduler: wake it about committed changes, and read how it is."""

    def post(self, event: Any) -> None: ...

    def status(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class CellContext:
    """One cell as its API sees it. `sync_status` answers with the last report of the mirror, as plain JSON."""

    spec: CellSpec
    layout: Layout
    db: Database
    scheduler: Scheduler
    clock: Callable[[], float]
    sync_status: Callable[[], Mapping[str, Any] | None]
    box: SecretBox = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", open_box(self.layout.home / "secrets.key"))
