"""What the scheduler says of itself, for the status page and the process table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow._wire.frames import Message

from runner.scheduler.frontier import Frontier
from runner.scheduler.link import AgentLink
from runner.store.processes import ProcessRow

_TURNS_WITHIN = 12.0
"""A triggerer says every five seconds that its loop turns."""


def describe(
    frontier: Frontier,
    links: Iterable[AgentLink],
    epoch: int,
    revision: int,
    workers: Mapping[str, int | bool],
    now: float,
) -> dict[str, Any]:
    """A snapshot that other threads may keep. `revision`: of the spec that the scheduler runs by."""
    return {
        "epoch": epoch,
        "revision": revision,
        "workers": workers,
        "last_turn": now,
        "runs": len(frontier.runs),
        "running": len(frontier.attempts),
        "queued": len(frontier.queue),
        "deferred": len(frontier.waiting.tasks),
        "agents": [_describe_link(link) for link in links if link.agent],
    }


def list_processes(identity: Mapping[str, Any], links: Iterable[AgentLink], now: float) -> list[ProcessRow]:
    """The rows of this engine and of the agents connected to it."""
    rows = [ProcessRow(id=f"engine-{identity['host']}", role="engine", heartbeat=now, **identity)]
    for link in links:
        if link.agent:
            details = {"slots": link.slots, "attempts": len(link.held)}
            name = f"agent-{link.agent}"[:64]
            heartbeat = link.heartbeat["at"] if link.heartbeat else link.since
            rows.append(ProcessRow(name, "agent", link.host, link.pid, link.since, heartbeat, details))
            rows += [_make_triggerer_row(link, entry) for entry in _list_triggerers(link)]
    return rows


def _list_triggerers(link: AgentLink) -> list[Message]:
    beat = link.heartbeat or {}
    return [entry for entry in beat.get("processes", ()) if entry.get("role") == "triggerer"]


def _make_triggerer_row(link: AgentLink, entry: Message) -> ProcessRow:
    name = f"triggerer-{entry['key']}-{link.agent}"[:64]
    told = link.heartbeat["at"] if link.heartbeat else link.since
    heartbeat = told if told - entry["at"] < _TURNS_WITHIN else entry["at"]
    about = {"about": entry["about"]}
    return ProcessRow(name, "triggerer", link.host, entry["pid"], entry["since"], heartbeat, about)


def _describe_link(link: AgentLink) -> dict[str, Any]:
    beat = link.heartbeat or {}
    return {
        "agent": link.agent,
        "host": link.host,
        "pid": link.pid,
        "slots": link.slots,
        "revision": link.revision,
        "attempts": len(link.held),
        "heartbeat": beat.get("at"),
        "logs": beat.get("logs", {}),
        "processes": beat.get("processes", []),
    }
