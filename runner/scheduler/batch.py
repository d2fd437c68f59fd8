"""What has come in and is not committed yet. A turn that must begin again goes through the same batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow._wire.frames import Message

from runner.events import DagsChanged, RunChanged, RunCreated
from runner.scheduler.link import AgentLink
from runner.scheduler.timers import Kind


@dataclass(slots=True)
class Batch:
    """One turn's input."""

    reports: list[tuple[AgentLink, Message]] = field(default_factory=list)
    due: list[tuple[Kind, int]] = field(default_factory=list)
    created: list[int] = field(default_factory=list)
    reload: set[int] = field(default_factory=set)
    grown: list[tuple[int, int]] = field(default_factory=list)
    """Run and position of mapped tasks whose new instances are there now."""
    check: set[str] = field(default_factory=set)
    """DAGs that may have room for a queued run."""
    load_all: bool = False
    poll: bool = False
    dags_changed: bool = False
    create: bool = False
    callbacks: bool = False
    """Callbacks were written that nobody has been handed yet."""
    ask_timetables: bool = False
    write_processes: bool = False
    not_before: float = 0.0
    """Steady time before which the database is left in peace."""

    @property
    def needs_reading(self) -> bool:
        return bool(
            self.created
            or self.reload
            or self.check
            or self.load_all
            or self.poll
            or self.dags_changed
            or self.create
            or self.callbacks
            or self.ask_timetables
        )

    @property
    def has_work(self) -> bool:
        return bool(self.reports or self.due or self.grown or self.write_processes or self.needs_reading)

    def take_due(self, due: list[tuple[Kind, int]]) -> None:
        """Take in what has fallen due."""
        self.due += due
        self.create |= any(kind is Kind.CREATION for kind, _key in due)

    def note(self, event: RunCreated | RunChanged | DagsChanged) -> None:
        """Take in what another thread committed."""
        if isinstance(event, RunCreated):
            self.created.append(event.run)
        elif isinstance(event, RunChanged):
            self.reload.add(event.run)
        else:
            self.dags_changed = True
