"""The cell's numbers as Prometheus reads them, taken from the database and the scheduler at the time of asking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from runner.api.call import Call
from runner.api.health import read_health
from runner.store.listing_states import count_all_tasks, count_dags, list_recent_durations, sum_parsing


class CellCollector(Collector):
    """Asked once per scrape."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self._call.cell.db.read() as conn:
            health = read_health(self._call, conn)
            yield from _from_database(conn)
        yield from _from_health(health, self._call.cell.clock())


def write_metrics(call: Call) -> bytes:
    """All metrics in Prometheus' text form."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(CellCollector(call))
    return generate_latest(registry)


def _from_database(conn: sa.Connection) -> Iterator[GaugeMetricFamily]:
    yield _by("task_instances", "Task instances by state", "state", count_all_tasks(conn))
    paused = {("true" if key else "false"): number for key, number in count_dags(conn).items()}
    yield _by("dags", "DAGs by whether they are paused", "paused", paused)
    parsing = sum_parsing(conn)
    yield _one("dag_files", "DAG files", parsing.files)
    yield _one("parse_seconds_total_of_all_files", "Seconds to parse every file once", parsing.seconds or 0.0)
    yield _one("parse_seconds_slowest_file", "Seconds of the slowest file", parsing.slowest or 0.0)
    durations = sorted(list_recent_durations(conn))
    if durations:
        marks = {name: durations[int(part * (len(durations) - 1))] for name, part in _QUANTILES.items()}
        yield _by(
            "dag_run_duration_seconds", "Duration of the newest 1000 runs that are over", "quantile", marks
        )


def _from_health(health: dict[str, Any], now: float) -> Iterator[GaugeMetricFamily]:
    queue = dict(health["queue"])
    yield _by("dag_runs_open", "Runs that are not over by state", "state", queue.pop("runs"))
    yield _one("queue_size", "Task instances that wait for a slot", queue["scheduled"] + queue["queued"])
    yield _one("import_errors", "DAG files that cannot be parsed", health["import_errors"])
    yield _one("ready", "1 when the cell takes work", int(health["ready"]))
    yield _one("agents", "Agents connected", len(health["agents"]))
    workers = health["scheduler"].get("workers", {})
    counts = {name: workers[name] for name in ("count", "min", "max") if name in workers}
    yield _by("workers", "Workers: how many there are, and how few and many there may be", "which", counts)
    for name, value in health["scheduler"].items():
        if name == "last_turn" and value is not None:
            yield _one(
                "scheduler_seconds_since_last_turn", "Seconds since the scheduler's last turn", now - value
            )
        elif isinstance(value, int | float):
            yield _one(f"scheduler_{name}", f"The scheduler's {name.replace('_', ' ')}", value)
    logs = [agent["logs"] for agent in health["agents"] if agent.get("logs")]
    waiting = sum(one["waiting_bytes"] for one in logs)
    oldest = max((one["waiting_seconds"] for one in logs), default=0.0)
    yield _one("logs_waiting_bytes", "Bytes of task logs that are not in the bucket yet", waiting)
    yield _one("logs_waiting_seconds", "Age of the oldest of these bytes", oldest)
    sync = health["sync"]
    if sync is not None:
        yield _one("sync_ok", "1 when the last look at the bucket succeeded", int(sync["ok"]))
        yield _one(
            "sync_age_seconds", "Seconds since the last look at the bucket", max(0.0, now - sync["at"])
        )


_QUANTILES = {"0.5": 0.5, "0.95": 0.95, "1": 1.0}


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"aerodrome_{name}", text, value=value)


def _by(name: str, text: str, label: str, values: dict[str, Any]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"aerodrome_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
