"""Task logs: local while they grow, from the object store afterwards, and an honest line when there is none."""

from __future__ import annotations

import json

import pytest
from airflow._wire.workload import log_key

from sync.logs import LogStore

LOGS = "/dags/demo/dagRuns/r1/taskInstances/a/logs"
LINES = [
    json.dumps(
        {"timestamp": "2026-01-01T00:00:00.000001+00:00", "level": "info", "event": "hello", "logger": "x"}
    ),
    "plain text é",
    '{"not": "an event"}',
]


@pytest.fixture
def written(demo):
    """Task a's log, as the agent leaves it before it is shipped."""
    store = LogStore(demo.context.layout.task_logs, {"bucket": "none"})
    store.append(log_key("demo", "r1", "a", -1, 1), "".join(line + "\n" for line in LINES).encode())
    return demo


def test_log_is_read_from_the_local_file_as_events_text_and_lines(written):
    body = written.call("GET", f"{LOGS}/1", headers={"Accept": "application/json"}).json()
    assert body["continuation_token"] is None
    assert [event["event"] for event in body["content"]] == ["hello", "plain text é", '{"not": "an event"}']
    text = written.call("GET", f"{LOGS}/1", headers={"Accept": "text/plain"}).text
    assert text.splitlines()[0] == "[2026-01-01T00:00:00.000+00:00] INFO - hello"
    lines = written.call("GET", f"{LOGS}/1", headers={"Accept": "application/x-ndjson"})
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in lines.text.splitlines()] == body["content"]


def test_log_of_a_running_task_goes_on_where_the_token_says(written):
    with written.context.db.begin() as conn:
        from runner.store.schema import task_instance

        running = {"state": "running", "attempt": "a" * 32, "end_date": None}
        conn.execute(task_instance.update().where(task_instance.c.task_id == "a").values(running))
    first = written.call("GET", f"{LOGS}/1").json()
    assert len(first["content"]) == 3
    again = written.call("GET", f"{LOGS}/1?token={first['continuation_token']}").json()
    assert again["content"] == []
    store = LogStore(written.context.layout.task_logs, {"bucket": "none"})
    store.append(log_key("demo", "r1", "a", -1, 1), b"more\n")
    more = written.call("GET", f"{LOGS}/1?token={again['continuation_token']}").json()
    assert [event["event"] for event in more["content"]] == ["more"]


def test_long_log_comes_in_pages_that_add_up(written, monkeypatch):
    monkeypatch.setattr("runner.api.airflow.logs.PAGE", 10)
    events, token, pages = [], "", 0
    while token is not None:
        body = written.call("GET", f"{LOGS}/1", params={"token": token} if token else {}).json()
        events += body["content"]
        token, pages = body["continuation_token"], pages + 1
    assert [event["event"] for event in events] == ["hello", "plain text é", '{"not": "an event"}']
    assert pages > 1
    whole = written.call("GET", f"{LOGS}/1?full_content=true").json()
    assert whole["content"] == events


@pytest.mark.parametrize("token", ["x", "eyJzdGFydCI6LTF9", "e30=", "é", "W10="])
def test_token_of_another_making_is_refused(written, token):
    assert written.call("GET", f"{LOGS}/1", params={"token": token}).status_code == 400


def test_log_that_cannot_be_read_says_why(demo):
    body = demo.call(
        "GET", f"{LOGS}/1"
    ).json()  # no local file, and nobody answers where the bucket should be
    assert "cannot read this log now" in body["content"][0]["event"]
    assert demo.call("GET", f"{LOGS}/2").status_code == 404
    assert demo.call("GET", f"{LOGS}/0").status_code == 404
