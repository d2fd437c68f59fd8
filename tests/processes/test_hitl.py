"""Tasks that ask people: through a real engine and agent, answered over the API, or by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.cells import wait_for
from tests.processes.whole import WholeCell, run_cell

FILE = """
import os, time
from datetime import timedelta
from airflow import DAG
from airflow.models.param import Param
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLBranchOperator
from airflow.providers.standard.operators.hitl import HITLEntryOperator, HITLOperator
from airflow.decorators import task

class Slow(HITLOperator):
    def execute(self, context):
        try:
            super().execute(context)
        except BaseException:  # it is about to wait: until somebody lets it
            while not os.path.exists("GO"):
                time.sleep(0.01)
            raise

with DAG("slow", schedule=None):
    Slow(task_id="t", subject="?", options=["x"])
with DAG("d", schedule=None):
    entry = HITLEntryOperator(
        task_id="entry", subject="Hello {{ run_id }}", params={"n": Param(1, type="integer")},
        assigned_users={"id": "ann", "name": "Ann"},
    )
    @task
    def use(answer):
        assert answer["responded_by_user"] == {"id": "ann", "name": "ann"}, answer
        assert answer["responded_at"].tzinfo is not None
        return answer["params_input"]["n"]
    use(entry.output)
    approve = ApprovalOperator(task_id="approve", subject="?")
    approve >> EmptyOperator(task_id="after")
    branch = HITLBranchOperator(task_id="branch", subject="?", options=["A", "B"], options_mapping={"A": "a", "B": "b"})
    branch >> [EmptyOperator(task_id="a"), EmptyOperator(task_id="b")]
with DAG("late", schedule=None):
    soon = timedelta(seconds=0.3)
    HITLOperator(task_id="defaults", subject="?", options=["x", "y"], defaults="y", response_timeout=soon)
    HITLOperator(task_id="nobody", subject="?", options=["x"], response_timeout=soon)
"""


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[WholeCell]:
    with run_cell(tmp_path / "cell", FILE, airflow_version="3.3.2") as made:
        yield made


def states(whole: WholeCell, key: int) -> dict[str, str | None]:
    return {row.task_id: row.state for row in whole.cell.instances(key, "task_id", "state")}


def test_answers_resume_tasks_at_once_and_only_once(whole: WholeCell) -> None:
    key = whole.cell.trigger("d")
    asking = ("entry", "approve", "branch")
    wait_for(lambda: all(states(whole, key)[name] == "deferred" for name in asking), 60)
    run = "/dags/d/dagRuns/r1"
    listed = whole.call("GET", f"{run}/hitlDetails?order_by=ti_id").json()
    assert listed["total_entries"] == 3
    first = next(item for item in listed["hitl_details"] if item["task_instance"]["task_id"] == "entry")
    assert (first["subject"], first["response_received"], first["params"]["n"]["value"]) == (
        "Hello r1",
        False,
        1,
    )

    assert first["task_instance"]["rendered_fields"] == {"subject": "Hello r1", "body": None}

    def answer(task_id: str, chosen: list[str], **params: object) -> int:
        path = f"{run}/taskInstances/{task_id}/-1/hitlDetails"
        return whole.call("PATCH", path, json={"chosen_options": chosen, "params_input": params}).status_code

    assert answer("branch", ["C"]) == 400
    assert answer("branch", ["A", "B"]) == 400
    assert answer("entry", ["OK"], n=5) == 200
    assert answer("entry", ["OK"], n=6) == 409
    assert answer("approve", ["Reject"]) == 200
    assert answer("branch", ["B"]) == 200
    assert answer("use", ["OK"]) == 404
    wait_for(lambda: whole.cell.run_state(key) == "success", 60)
    found = states(whole, key)
    assert (found["use"], found["after"], found["a"], found["b"]) == (
        "success",
        "skipped",
        "skipped",
        "success",
    )
    path = f"{run}/taskInstances/use/xcomEntries/return_value"
    assert whole.call("GET", path).json()["value"] == 5
    detail = whole.call("GET", f"{run}/taskInstances/entry/-1/hitlDetails").json()
    assert detail["params_input"] == {"n": 5}
    assert whole.call("GET", f"{run}/hitlDetails?response_received=false").json()["total_entries"] == 0


def test_answer_before_the_task_waits_is_taken_when_it_does(whole: WholeCell) -> None:
    key = whole.cell.trigger("slow")
    path = "/dags/slow/dagRuns/r1/taskInstances/t/-1/hitlDetails"
    wait_for(lambda: states(whole, key) == {"t": "running"}, 60)
    wait_for(lambda: whole.call("GET", path).status_code == 200, 60)
    answer = {"chosen_options": ["x"], "params_input": {}}
    assert states(whole, key) == {"t": "running"}
    assert whole.call("PATCH", path, json=answer).status_code == 200
    assert whole.call("PATCH", path, json=answer).status_code == 409
    (whole.cell.layout.bundle("bundle") / "GO").touch()
    wait_for(lambda: whole.cell.run_state(key) == "success", 60)


def test_without_an_answer_in_time_the_defaults_count_or_the_task_fails(whole: WholeCell) -> None:
    key = whole.cell.trigger("late")
    wait_for(lambda: whole.cell.run_state(key) == "failed", 60)
    assert states(whole, key) == {"defaults": "success", "nobody": "failed"}
    reason = {row.task_id: row.reason for row in whole.cell.instances(key, "task_id", "reason")}["nobody"]
    assert reason is not None and reason.startswith("HITLTimeoutError")
    detail = whole.call("GET", "/dags/late/dagRuns/r1/taskInstances/defaults/-1/hitlDetails").json()
    assert (detail["chosen_options"], detail["responded_by_user"]) == (["y"], None)
