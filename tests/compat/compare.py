"""Where two Airflows differ over one file or one run. Pure: facts in, differences out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.compat.facts import DagFacts, FileFacts, RunFacts, mask

_PLACE = re.compile(r" \(/[^)]*\)")


@dataclass(frozen=True, slots=True)
class Difference:
    """One. `cause` is the same for all of a kind, so that they can be counted; `detail` is this one's."""

    file: str
    about: str
    cause: str
    detail: str


def compare_files(ours: FileFacts, theirs: FileFacts) -> Iterator[Difference]:
    """How we parse a file otherwise than they do."""
    if ours.error is not None:
        if theirs.error is None:
            yield Difference(ours.file, "parse", f"we cannot import: {last_line(ours.error)}", ours.error)
        return
    if theirs.error is not None:
        yield Difference(ours.file, "parse", f"only we can import: {last_line(theirs.error)}", theirs.error)
        return
    mine, other = set(ours.dags), set(theirs.dags)
    if mine != other:
        words = f"only ours {sorted(mine - other)}, only theirs {sorted(other - mine)}"
        yield Difference(ours.file, "dags", "other DAG ids", words)
    for dag_id in sorted(mine & other):
        yield from _compare_dags(ours.file, ours.dags[dag_id], theirs.dags[dag_id])


def _compare_dags(file: str, ours: DagFacts, theirs: DagFacts) -> Iterator[Difference]:
    pairs: tuple[tuple[str, Any, Any], ...] = (
        ("task ids", ours.task_ids, theirs.task_ids),
        ("edges", ours.edges, theirs.edges),
    )
    for name, mine, other in pairs:
        if mine != other:
            words = f"only ours {sorted(mine - other)}, only theirs {sorted(other - mine)}"
            yield Difference(file, ours.dag_id, f"other {name}", words)
    if ours.schedule != theirs.schedule:
        cause = f"other schedule: {ours.schedule.split()[0]} for {theirs.schedule.split()[0]}"
        yield Difference(file, ours.dag_id, cause, f"ours {ours.schedule}, theirs {theirs.schedule}")


def compare_runs(ours: RunFacts, theirs: RunFacts) -> Iterator[Difference]:
    """How a run ended otherwise. States first: while they differ the rest follows from them."""
    if not theirs.over and not ours.over:
        return
    if ours.over != theirs.over:
        slow = "theirs" if ours.over else "ours"
        yield Difference(
            ours.file, ours.dag_id, f"{slow} did not end in time", f"{ours.error} / {theirs.error}"
        )
        return
    if theirs.state is None and ours.state is None:
        return
    if None in (theirs.state, ours.state):
        side, error = ("ours", ours.error) if ours.state is None else ("theirs", theirs.error)
        yield Difference(
            ours.file, ours.dag_id, f"{side} could not begin: {last_line(error or '')}", error or ""
        )
        return
    states = list(_compare_tasks(ours, theirs))
    if ours.state != theirs.state:
        states.insert(0, f"run: {ours.state} for {theirs.state}")
    if states:
        yield Difference(ours.file, ours.dag_id, "other states", "; ".join(states))
        return
    if tries := list(_compare_tries(ours, theirs)):
        yield Difference(ours.file, ours.dag_id, "other tries", "; ".join(tries))
    if values := list(_compare_xcoms(ours, theirs)):
        yield Difference(ours.file, ours.dag_id, "other XComs", "; ".join(values))


def same_states(differences: list[Difference]) -> bool:
    """Whether a run ended in the same states, whatever else differs."""
    return all(item.cause in ("other tries", "other XComs") for item in differences)


def _compare_tasks(ours: RunFacts, theirs: RunFacts) -> Iterator[str]:
    for key in sorted(ours.tasks.keys() | theirs.tasks.keys()):
        mine, other = ours.tasks.get(key, ("absent", 0))[0], theirs.tasks.get(key, ("absent", 0))[0]
        if mine != other:
            yield f"{_name(*key)}: {mine} for {other}"


def _compare_tries(ours: RunFacts, theirs: RunFacts) -> Iterator[str]:
    """Tries of what ran: what never began has none here and sometimes one there."""
    for key in sorted(ours.tasks.keys() & theirs.tasks.keys()):
        state, mine = ours.tasks[key]
        other = theirs.tasks[key][1]
        if mine != other and state in ("success", "failed"):
            yield f"{_name(*key)}: {mine} for {other}"


def _compare_xcoms(ours: RunFacts, theirs: RunFacts) -> Iterator[str]:
    for key in sorted(ours.xcoms.keys() | theirs.xcoms.keys()):
        task, index, name = key
        where = f"{_name(task, index)} {name}"
        if key not in ours.xcoms:
            yield f"{where}: absent"
            continue
        if key not in theirs.xcoms:
            yield f"{where}: only ours"
            continue
        mine, other = (mask(_order(name, side.xcoms[key])) for side in (ours, theirs))
        if mine != other:
            yield f"{where}: {mine[:200]} for {other[:200]}"


def _order(key: str, value: Any) -> Any:
    """What a branch notes has no order: it comes out of sets."""
    if key == "skipmixin_key" and isinstance(value, dict):
        return {name: sorted(map(str, ids)) for name, ids in value.items()}
    return value


def _name(task_id: str, index: int) -> str:
    return task_id if index < 0 else f"{task_id}[{index}]"


def last_line(text: str) -> str:
    """The words of a traceback, without the places of files."""
    lines = text.strip().splitlines()
    return _PLACE.sub("", lines[-1]).strip()[:200] if lines else ""
