"""What lists need to know of a serialised DAG, remembered by version: versions never change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa

from runner.store.listing_dags import list_version_data

_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Summary:
    """The short facts of one version. `task_names`: display names that differ from the task's id."""

    display_name: str
    description: str | None
    tags: tuple[str, ...]
    owners: tuple[str, ...]
    timetable: dict[str, Any]
    max_active_tasks: int
    max_active_runs: int
    max_consecutive_failed: int
    limits_tasks: bool
    task_names: dict[str, str] = field(default_factory=dict)
    run_types: list[str] | None = None


class Summaries:
    """Summaries by version id. Safe between threads: entries are only added, and the same ones."""

    def __init__(self) -> None:
        self._known: dict[int, Summary] = {}

    def get(self, conn: sa.Connection, version_ids: list[int]) -> dict[int, Summary]:
        """The summaries of these versions, read from the database where they are not known yet."""
        missing = sorted({number for number in version_ids if number not in self._known})
        if len(self._known) + len(missing) > _MOST:
            self._known = {}
            missing = sorted(set(version_ids))
        found = self._known
        for start in range(0, len(missing), 100):
            rows = list_version_data(conn, missing[start : start + 100])
            found.update({number: summarise(orjson.loads(data)) for number, data in rows.items()})
        return {number: found[number] for number in version_ids}


def summarise(data: dict[str, Any]) -> Summary:
    """The summary of a serialised DAG."""
    tasks = data.get("tasks", [])
    return Summary(
        data.get("display_name") or data["dag_id"],
        data.get("description"),
        tuple(data.get("tags") or ()),
        tuple(data.get("owners") or sorted({task.get("owner") or "airflow" for task in tasks})),
        data.get("timetable") or {"kind": "null"},
        data.get("max_active_tasks") or 16,
        data.get("max_active_runs") or 16,
        data.get("max_consecutive_failed_dag_runs") or 0,
        any(task.get("max_active_tis_per_dag") or task.get("max_active_tis_per_dagrun") for task in tasks),
        {task["task_id"]: task["display_name"] for task in tasks if task.get("display_name")},
        data.get("allowed_run_types"),
    )
