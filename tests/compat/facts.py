"""What both sides say of a file and of a run, in one form. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from airflow.timetables.cron import PRESETS

Edge = tuple[str, str]
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:?\d\d|Z)?|\d{4}-\d\d-\d\d|\b20\d{6}(T\d{6})?\b"
)
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_KINDS = {
    "NullTimetable": "null", "OnceTimetable": "once", "ContinuousTimetable": "continuous",
    "CronDataIntervalTimetable": "cron interval", "CronTriggerTimetable": "cron trigger",
    "DeltaDataIntervalTimetable": "delta interval", "DeltaTriggerTimetable": "delta trigger",
    "DatasetTriggeredTimetable": "asset", "AssetTriggeredTimetable": "asset", "AssetTriggerTimetable": "asset",
    "DatasetOrTimeSchedule": "asset or time", "AssetOrTimeSchedule": "asset or time",
    "MultipleCronTriggerTimetable": "multiple cron", "EventsTimetable": "events",
    "CronPartitionTimetable": "cron partition", "PartitionedAssetTimetable": "asset partition",
    "PartitionedAtRuntime": "null",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DagFacts:
    """One DAG as parsed. `schedule`: its kind, and what of it says when."""

    dag_id: str
    task_ids: frozenset[str]
    edges: frozenset[Edge]
    schedule: str


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One parsed file."""

    file: str
    error: str | None
    dags: dict[str, DagFacts] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run at its end. `tasks`: (task_id, map index) -> (state, tries). `over` False: it took too long."""

    file: str
    dag_id: str
    state: str | None
    tasks: dict[tuple[str, int], tuple[str | None, int]]
    xcoms: dict[tuple[str, int, str], Any]
    over: bool = True
    error: str | None = None


def read_theirs(answer: dict[str, Any]) -> FileFacts:
    """A parse answer of the probe."""
    dags = [
        DagFacts(
            dag["dag_id"],
            frozenset(dag["task_ids"]),
            frozenset((up, down) for up, down in dag["edges"]),
            _their_schedule(dag["schedule"]),
        )
        for dag in answer.get("dags", ())
    ]
    return FileFacts(answer["file"], answer["error"], {dag.dag_id: dag for dag in dags})


def _their_schedule(found: dict[str, Any]) -> str:
    kind = _KINDS.get(found["class"], "custom")
    if kind.startswith("cron"):
        expression = found.get("expression", "")
        return f"{kind} {PRESETS.get(expression, expression)} {_zone(found.get('timezone'))}"
    if kind.startswith("delta"):
        return f"{kind} {_plain_delta(found['delta'])}"
    return kind


def _plain_delta(text: str) -> str:
    """relativedelta says what it is made of; the sign and zeros of it do not matter."""
    return re.sub(r"\+(?=\d)", "", text)


def read_ours(answer: dict[str, Any]) -> FileFacts:
    """A line of `python -m runner check`."""
    dags = [
        DagFacts(
            dag["dag_id"],
            frozenset(task["task_id"] for task in dag["tasks"]),
            frozenset((up, task["task_id"]) for task in dag["tasks"] for up in task["upstream"]),
            _our_schedule(dag["timetable"]),
        )
        for dag in answer["dags"]
    ]
    return FileFacts(
        answer["file"], answer["error"], {dag.dag_id: dag for dag in dags}, tuple(answer["warnings"])
    )


def _our_schedule(found: dict[str, Any]) -> str:
    kind = str(found["kind"]).replace("_", " ")
    meaning = "interval" if found.get("interval") else "trigger"
    if found.get("partitions"):
        return f"{kind} partition"
    if kind == "cron":
        meaning = "partition" if found.get("partition") else meaning
        return f"cron {meaning} {found['expression']} {_zone(found.get('timezone'))}"
    if kind == "delta":
        return f"delta {meaning} {_plain_delta(str(found.get('summary')))}"
    return kind


def _zone(name: Any) -> str:
    return "UTC" if name in (None, "UTC", "utc", "Timezone('UTC')", "+00:00") else str(name)


def read_run(answer: dict[str, Any]) -> RunFacts:
    """The end of a run, as the probe and `engine.py` tell it."""
    return RunFacts(
        answer["file"],
        answer["dag_id"],
        answer.get("run"),
        {(task, index): (state, tries) for task, index, state, tries in answer.get("tasks", ())},
        {(task, index, key): value for task, index, key, value in answer.get("xcoms", ())},
        not answer.get("late"),
        answer.get("error"),
    )


def mask(value: Any) -> str:
    """A value as text in which moments and addresses of objects are all alike."""
    text = json.dumps(value, sort_keys=True, default=str)
    return _TIME.sub("<time>", _ADDRESS.sub("<address>", text))
