from __future__ import annotations

from typing import Any

import pytest

from tests.compat.compare import compare_files, compare_runs, same_states
from tests.compat.facts import FileFacts, RunFacts, mask, read_ours, read_theirs
from tests.compat.needs import find_need

CRON = {"kind": "cron", "expression": "0 0 * * *", "timezone": "UTC", "interval": False}


def ours(error: str | None = None, **changes: Any) -> FileFacts:
    tasks = [{"task_id": "a", "upstream": []}, {"task_id": "b", "upstream": ["a"]}]
    dag = {"dag_id": "d", "tasks": tasks, "timetable": CRON, **changes}
    return read_ours({"file": "f.py", "error": error, "dags": [] if error else [dag], "warnings": []})


def theirs(error: str | None = None) -> FileFacts:
    schedule = {"class": "CronTriggerTimetable", "expression": "@daily", "timezone": "UTC"}
    dag = {"dag_id": "d", "task_ids": ["a", "b"], "edges": [["a", "b"]], "schedule": schedule}
    return read_theirs({"file": "f.py", "error": error, "dags": [] if error else [dag]})


@pytest.mark.parametrize(
    ("mine", "other", "causes"),
    [
        (ours(), theirs(), []),
        (ours("E: no (/a/b.py)"), theirs(), ["we cannot import: E: no"]),
        (ours(), theirs("E: no"), ["only we can import: E: no"]),
        (ours("E: no"), theirs("E: other"), []),
        (ours(dag_id="e"), theirs(), ["other DAG ids"]),
        (ours(tasks=[{"task_id": "a", "upstream": []}]), theirs(), ["other task ids", "other edges"]),
        (ours(timetable={**CRON, "interval": True}), theirs(), ["other schedule: cron for cron"]),
    ],
)
def test_parsed_files_differ_by_cause(mine: FileFacts, other: FileFacts, causes: list[str]) -> None:
    assert [item.cause for item in compare_files(mine, other)] == causes


def run(state: str | None = "success", tries: int = 1, value: Any = 1, over: bool = True) -> RunFacts:
    return RunFacts("f.py", "d", state, {("a", -1): (state, tries)}, {("a", -1, "k"): value}, over)


@pytest.mark.parametrize(
    ("mine", "other", "causes", "same"),
    [
        (run(), run(), [], True),
        (run("failed"), run(), ["other states"], False),
        (run(tries=2), run(), ["other tries"], True),
        (run(value=2), run(), ["other XComs"], True),
        (run(over=False), run(), ["ours did not end in time"], False),
        (run(over=False), run(over=False), [], True),
        (run(None), run(), ["ours could not begin: "], False),
    ],
)
def test_runs_differ_by_cause(mine: RunFacts, other: RunFacts, causes: list[str], same: bool) -> None:
    found = list(compare_runs(mine, other))
    assert [item.cause for item in found] == causes
    assert same_states(found) is same


def test_moments_and_addresses_are_alike_when_values_are_compared() -> None:
    first = {"at": "2024-01-01T00:00:00+00:00", "what": "<f at 0x7f00aa>", "day": "20240101"}
    second = {"at": "2026-11-21 07:00:00.123456Z", "what": "<f at 0x12345678>", "day": "20261121"}
    assert mask(first) == mask(second)


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("from airflow import DAG\nimport pendulum, os, json", None),
        ("import random", "it throws dice"),
        ("import pandas", "it imports pandas"),
        ("import helpers.inner", None),
        ("from airflow.providers.amazon.aws.hooks.s3 import S3Hook", "it imports airflow.providers"),
        ("from airflow.providers.standard.operators.bash import BashOperator", None),
        ("BashOperator(bash_command='curl example.org')", "it speaks of curl"),
        ("'''It says https://example.org and nothing else.'''", None),
        ("@task.docker\ndef f(): ...", "it uses @task.docker"),
        ("def (", "it cannot be read as Python"),
    ],
)
def test_what_a_file_needs_is_seen_in_its_text(text: str, need: str | None) -> None:
    found = find_need(text, frozenset({"helpers"}))
    assert found == need or (need is not None and found is not None and found.startswith(need))
