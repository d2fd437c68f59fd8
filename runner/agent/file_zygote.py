"""One DAG file in use: its zygote's process, who waits for it, what came of it, and when it is let go of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from runner.agent.loop import Loop, Timer
from runner.agent.spares import Spare, Spares
from runner.agent.stream import Stream

IDLE_SECONDS = 300.0
Where = tuple[str, str]
"""Snapshot and file."""


@dataclass(slots=True, eq=False)
class FileZygote:
    """One DAG file of one snapshot, imported and ready to be forked (or on its way there)."""

    id: str
    bundle: str
    file: str
    stream: Stream | None = None
    pid: int | None = None
    ready: bool = False
    waiting: list[str] = field(default_factory=list)
    children: set[str] = field(default_factory=set)
    secrets: list[str] = field(default_factory=list)
    """What its file learned while it was imported: no log of its children shows it."""
    used: float = 0.0
    openings: int = 0
    deadline: Timer | None = None
    rest: Timer | None = None
    """Lays in its spares, while it has no work."""
    trouble: str | None = None
    spares: Spares = field(init=False)

    def __post_init__(self) -> None:
        self.spares = Spares(self.id)

    @property
    def is_idle(self) -> bool:
        """Whether it is ready and nothing comes of it now."""
        return self.ready and not self.children and not self.waiting

    def take_spare(self, loop: Loop, attempt: str) -> Spare | None:
        """A child for this attempt, there already or on its way; None when the zygote is certainly gone."""
        self.keep_spares(loop)
        spare = self.spares.take(attempt)
        if spare is not None:
            self.children.add(attempt)
        return spare

    def keep_spares(self, loop: Loop, enough: int = 1) -> None:
        """Have a child forked for an attempt to come, unless enough of them wait."""
        assert self.stream is not None  # noqa: S101 - it has one for as long as it is ready
        if len(self.spares) < enough:
            self.spares.ask(loop, self.stream)


def list_stale(
    zygotes: Iterable[FileZygote], newest: str | None, expected: Collection[Where], now: float
) -> list[FileZygote]:
    """Those that have no work, and can expect none soon: unused for long, or of a snapshot that another followed."""
    return [
        zygote
        for zygote in zygotes
        if zygote.is_idle
        and (zygote.used < now - IDLE_SECONDS or (newest is not None and zygote.bundle != newest))
        and (zygote.bundle, zygote.file) not in expected
    ]
