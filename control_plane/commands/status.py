"""`aerodrome status`: processes, environments and how they are."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from control_plane.commands.options import find_endpoints, home_option, read_settings

if TYPE_CHECKING:
    from control_plane.commands.inspect import EnvironmentEntry


_AT_WORK = ("CREATING", "UPDATING", "CREATING_SNAPSHOT", "ROLLING_BACK")


@click.command("status")
@home_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(home: str | None, form: str) -> None:
    """Show processes and environments. Works while the service itself is down.

    \b
    Examples:
      aerodrome status
      aerodrome status --format json | python3 -m json.tool
    """
    from control_plane.commands.inspect import inspect

    paths = read_settings(home=home).paths
    endpoints = find_endpoints(paths)
    report = inspect(paths, endpoints.url if endpoints else None, endpoints.database if endpoints else None)
    if form == "json":
        click.echo(json.dumps(report, indent=1))
        return
    running = any(entry["role"] == "control-plane" for entry in report["processes"])
    click.echo(
        f"{report['home']}: the service {'answers at ' + str(report['url']) if running else 'is down'}"
    )
    if report["warning"]:
        click.echo(report["warning"])
    rows = [(entry["role"], entry["environment"], str(entry["pid"])) for entry in report["processes"]]
    click.echo(_table(("PROCESS", "ENVIRONMENT", "PID"), rows))
    states = [_state(entry, time.time()) for entry in report["environments"]]
    click.echo(
        _table(
            ("ENVIRONMENT", "STATUS", "ENGINE", "WORKERS", "HEARTBEAT", "LAST SYNC", "QUEUE", "ABOUT"), states
        )
    )


def _state(entry: EnvironmentEntry, now: float) -> tuple[str, ...]:
    health = entry["health"] or {}
    sync = health.get("sync") or {}
    beats = [agent.get("heartbeat") for agent in health.get("agents", [])]
    waiting = {
        name: count for name, count in health.get("queue", {}).items() if isinstance(count, int) and count
    }
    engine = "ready" if entry["ready"] else ("starting" if health else "down")
    return (
        entry["name"],
        entry["status"],
        engine,
        _workers(health),
        _age(max((beat for beat in beats if beat), default=None), now),
        _age(sync.get("at"), now),
        " ".join(f"{count} {name}" for name, count in waiting.items()) or ("empty" if health else "-"),
        _about(entry, health, sync, now),
    )


def _workers(health: dict[str, Any]) -> str:
    """How many there are of how many there may be."""
    workers = health.get("scheduler", {}).get("workers") or {}
    return f"{workers['count']}/{workers['max']}" if workers.get("tasks_per_worker") else "-"


def _step(entry: EnvironmentEntry, now: float) -> str:
    """What is being done to it, and for how long."""
    if entry["status"] not in _AT_WORK or not entry["created"]:
        return entry["doing"]
    step = entry["created"][-1]
    return f"{entry['doing'] or step['step']} ({max(0.0, now - step['at']):.0f} s)"


def _about(entry: EnvironmentEntry, health: dict[str, Any], sync: dict[str, Any], now: float) -> str:
    """What its owner should know, the worst first."""
    found = (
        entry["reason"],
        _step(entry, now),
        f"the engine's last words: {entry['last_words']}" if entry["last_words"] else "",
        str(sync.get("message") or ""),
        *_complaints(health, sync),
    )
    return "; ".join(part for part in found if part)


def _complaints(health: dict[str, Any], sync: dict[str, Any]) -> Iterable[str]:
    """Why DAGs may be missing."""
    errors = health.get("import_errors", 0)
    if errors:
        yield f"{errors} DAG file{'s' if errors > 1 else ''} cannot be imported"
    refused = sync.get("refused_count", 0)
    if refused:
        key, reason = sync["refused"][0]
        yield f"{refused} object{'s' if refused > 1 else ''} cannot be used, e.g. {key!r}: {reason}"


def _age(at: object, now: float) -> str:
    return f"{max(0.0, now - at):.1f} s ago" if isinstance(at, int | float) else "-"


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [titles, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    cells = (
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return "\n" + "\n".join(cells)
