"""What other threads tell the scheduler, in the words of both. Commit first, then post."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow._wire.cell import CellSpec
from airflow._wire.frames import Message


@dataclass(frozen=True, slots=True)
class RunCreated:
    """A run was made by someone else; `run` is its key."""

    run: int


@dataclass(frozen=True, slots=True)
class RunChanged:
    """A run or its tasks were cleared, marked or deleted; what is in memory about it is read again."""

    run: int


@dataclass(frozen=True, slots=True)
class DagsChanged:
    """DAGs were parsed, paused, resumed or deleted, or pools changed."""


@dataclass(frozen=True, slots=True)
class ParseAsked:
    """Have an agent parse files of a snapshot; see `Scheduler.parse`."""

    bundle: str
    files: tuple[str, ...]
    timeout: float
    on_parsed: Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class TimetableAsked:
    """Have an agent ask the timetable of a DAG; see `airflow._wire.messages.ask_timetable`.

    `on_answer(answer, error)` is called once, in the scheduler's thread, which must not wait.
    """

    dag_id: str
    bundle: str
    file: str
    question: dict[str, Any]
    timeout: float
    on_answer: Callable[[dict[str, Any] | None, str | None], None]


@dataclass(frozen=True, slots=True)
class Answered:
    """The reply to a child's question is ready for the agent that passed it on."""

    link: int
    reply: Message


@dataclass(frozen=True, slots=True)
class SpecChanged:
    """The cell's spec was replaced: schedule by this one, and have the agents take it up."""

    spec: CellSpec


@dataclass(frozen=True, slots=True)
class Stop:
    """End the loop after this turn. Tasks go on; the next engine adopts them."""


Event = RunCreated | RunChanged | DagsChanged | ParseAsked | TimetableAsked | Answered | SpecChanged | Stop
