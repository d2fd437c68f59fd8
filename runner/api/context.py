"""What the API of a cell works with: handed in once, by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow._wire.cell import CellSpec
from airflow._wire.layout import Layout

from runner.api.blobs import Blobs, open_blobs
from runner.events import DagsChanged, Event, RunChanged, RunCreated
from runner.store.database import Database
from runner.store.secrets import SecretBox, open_box

if TYPE_CHECKING:
    from sync.mirror import SyncReport


class Scheduler(Protocol):
    """What the API may ask of the scheduler: wake it about committed changes, and read how it is."""

    def post(self, event: Event) -> None: ...

    def status(self) -> Mapping[str, Any]: ...


@dataclass(slots=True)
class CellContext:
    """One cell as its API sees it. `sync_status` answers with the mirror's last report.

    Only `take_up` changes it: what is asked afterwards is answered by the new spec.
    """

    spec: CellSpec
    layout: Layout
    db: Database
    scheduler: Scheduler
    clock: Callable[[], float]
    sync_status: Callable[[], SyncReport | None]
    box: SecretBox = field(init=False, repr=False)
    blobs: Blobs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.blobs = open_blobs(self.spec.logs)
        self.box = open_box(self.layout.secret_keys)

    def take_up(self, spec: CellSpec) -> None:
        """The cell's spec was replaced."""
        if spec.logs != self.spec.logs:
            self.blobs = open_blobs(spec.logs)
        self.spec = spec

    def post_run_created(self, run: int) -> None:
        """Tell the scheduler of a run that was committed."""
        self.scheduler.post(RunCreated(run))

    def post_runs_changed(self, runs: Iterable[int]) -> None:
        """Tell the scheduler of runs whose rows were changed and committed."""
        for run in runs:
            self.scheduler.post(RunChanged(run))

    def post_dags_changed(self) -> None:
        """Tell the scheduler that DAGs or pools were changed and committed."""
        self.scheduler.post(DagsChanged())
