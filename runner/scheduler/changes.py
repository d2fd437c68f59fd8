"""What one turn of the loop wants: written in one transaction, and only then sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow._wire.frames import Message

from runner.domain.partition_runs import MOST_KEYS
from runner.domain.states import DagRunState
from runner.events import TimetableAsked
from runner.scheduler.instances import Run, Task
from runner.store.asset_events import NewEvent
from runner.store.callbacks import CallbackMove, NewCallback
from runner.store.deadlines import Missed
from runner.store.hitl import Response
from runner.store.triggers import Deferral


@dataclass(frozen=True, slots=True)
class RunMove:
    """A run's step from one state to another."""

    run: Run
    source: DagRunState
    target: DagRunState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StopOrder:
    """End an attempt that an agent holds."""

    agent: str
    attempt: str
    reason: str


@dataclass(slots=True, eq=False)
class Growth:
    """A mapped task gets more instances: map indexes `first` up to, not including, `end`, made after `pattern`.

    A pattern that had no map index becomes index 0.
    """

    pattern: Task
    first: int
    end: int
    was_unmapped: bool
    ids: list[tuple[int, int]] = field(default_factory=list)
    """(id, map index) of the new rows; filled when they are written."""


@dataclass(slots=True)
class Changes:
    """Collected while the turn decides. Nothing here has happened yet."""

    tasks: dict[int, Task] = field(default_factory=dict)
    runs: list[RunMove] = field(default_factory=list)
    growths: list[Growth] = field(default_factory=list)
    labels: dict[int, str] = field(default_factory=dict)
    """Task instance -> what people call it, by its map_index_template."""
    rendered: dict[int, str] = field(default_factory=dict)
    """Task instance -> JSON of its rendered template fields."""
    tries: list[dict[str, Any]] = field(default_factory=list)
    dropped_xcoms: list[dict[str, Any]] = field(default_factory=list)
    dropped_blobs: list[str] = field(default_factory=list)
    """Objects that held those of them that were large; known once it is written."""
    xcoms: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    callbacks: list[NewCallback] = field(default_factory=list)
    """To be called, in a process of their own, because of what this turn ended."""
    callback_moves: list[CallbackMove] = field(default_factory=list)
    starts: dict[int, list[Task]] = field(default_factory=dict)
    """Link -> attempts to hand to it."""
    stops: list[StopOrder] = field(default_factory=list)
    acks: dict[int, list[str]] = field(default_factory=dict)
    """Link -> attempts whose reports are done with."""
    callback_starts: dict[int, list[Message]] = field(default_factory=dict)
    """Link -> workloads of callbacks to hand to it."""
    questions: list[TimetableAsked] = field(default_factory=list)
    """Timetables to be asked."""
    standing: tuple[Message, ...] | None = None
    """The asset watchers that there are to be from now on; None: those that there are."""
    create_runs: bool = False
    create_asset_runs: bool = False
    asset_events: list[tuple[int, NewEvent]] = field(default_factory=list)
    """Updates of assets, each with the key of the run that made it."""
    most_keys: int = MOST_KEYS
    """So many partitions at most may one of them be part of."""
    deferrals: dict[int, Deferral | None] = field(default_factory=dict)
    """Task instance -> what it waits for from now on; None: for nothing any more."""
    responses: dict[int, Response] = field(default_factory=dict)
    """Task instance -> the defaults that count because nobody answered it."""
    waits: list[Task] = field(default_factory=list)
    """Tasks that began to wait in this turn."""
    cancels: list[str] = field(default_factory=list)
    """Tokens of triggers that nobody waits for any more."""
    event_acks: dict[int, list[str]] = field(default_factory=dict)
    """Link -> triggers whose events are done with."""
    greeted: list[tuple[int, list[str]]] = field(default_factory=list)
    """Links that said hello, and the triggers that their agents have."""
    has_new_bundles: bool = False
    """Snapshots may have come that triggers wait for."""
    elsewhere: dict[int, str] = field(default_factory=dict)
    """Runs, with their DAGs, whose snapshot is not on this machine."""
    has_reloaded: bool = False
    """Runs were read again: what they wait for may be other triggers than before."""
    missed: list[Missed] | None = None
    """Promises that were not kept; None when none has fallen due."""

    @property
    def needs_writing(self) -> bool:
        told = self.callbacks or self.callback_moves or self.missed is not None
        made = self.create_runs or self.create_asset_runs
        return bool(self.tasks or self.runs or self.growths or made or told)

    @property
    def moves_triggers(self) -> bool:
        """Whether triggers begin, end or change hands."""
        is_news = self.has_reloaded or self.has_new_bundles
        return bool(self.deferrals or self.event_acks or self.greeted or is_news)

    @property
    def touched(self) -> set[int]:
        """The runs whose memory is not to be trusted when the transaction fails."""
        keys = {task.run.key for task in self.tasks.values()} | {move.run.key for move in self.runs}
        return keys | {growth.pattern.run.key for growth in self.growths}

    def of_run(self, key: int) -> Changes:
        """What of this is written for one run."""
        tasks = {id: task for id, task in self.tasks.items() if task.run.key == key}
        names = {(task.run.row.dag_id, task.run.row.run_id) for task in tasks.values()}
        return Changes(
            tasks,
            [move for move in self.runs if move.run.key == key],
            [growth for growth in self.growths if growth.pattern.run.key == key],
            {id: label for id, label in self.labels.items() if id in tasks},
            tries=[row for row in self.tries if row["task_instance"] in tasks],
            dropped_xcoms=[
                place for place in self.dropped_xcoms if (place["x_dag_id"], place["x_run_id"]) in names
            ],
            xcoms={where: row for where, row in self.xcoms.items() if where[0] in tasks},
            callbacks=[callback for callback in self.callbacks if callback.run == key],
            asset_events=[(run, event) for run, event in self.asset_events if run == key],
            most_keys=self.most_keys,
            rendered={id: text for id, text in self.rendered.items() if id in tasks},
            responses={id: row for id, row in self.responses.items() if id in tasks},
            deferrals={id: row for id, row in self.deferrals.items() if id in tasks},
        )

    def acknowledge(self, link: int, attempt: str) -> None:
        """The agent may forget the attempt once this turn is committed."""
        self.acks.setdefault(link, []).append(attempt)
