"""REST v1 of an environment of Airflow 2: v2's answers with v1's names."""

from __future__ import annotations

from runner.api.airflow.routes import ROUTES
from runner.api.airflow.v1 import SERVED

V1 = "/api/v1"


def test_run_is_started_and_read_with_an_execution_date(old_demo):
    made = old_demo.call(
        "POST", f"{V1}/dags/demo/dagRuns", json={"execution_date": "2026-01-01T00:00:00", "conf": {}}
    )
    run = made.json()
    assert made.status_code == 200, made.text
    assert run["execution_date"] == run["logical_date"] == "2026-01-01T00:00:00Z"
    assert (run["external_trigger"], run["dag_run_id"]) == (True, "manual__2026-01-01T00:00:00+00:00")
    now = old_demo.call("POST", f"{V1}/dags/demo/dagRuns", json={}).json()
    assert now["execution_date"] == "2026-05-28T20:26:40Z"
    listed = old_demo.call("GET", f"{V1}/dags/demo/dagRuns?order_by=-execution_date&limit=1").json()
    assert listed["dag_runs"] == [now]
    tasks = old_demo.call(
        "POST", f"{V1}/dags/~/dagRuns/~/taskInstances/list", json={"dag_ids": ["demo"]}
    ).json()
    assert {"execution_date", "sla_miss"} <= tasks["task_instances"][0].keys()
    batch = old_demo.call("POST", f"{V1}/dags/~/dagRuns/list", json={"dag_ids": ["demo"]}).json()
    assert now in batch["dag_runs"]


def test_all_that_v1_serves_is_there():
    assert {path for _method, path, _handler, _least in ROUTES} >= SERVED


def test_dag_has_v1s_members(old_demo):
    body = old_demo.call("GET", f"{V1}/dags").json()["dags"][0]
    assert (body["is_active"], body["is_subdag"], body["schedule_interval"]) == (True, False, None)
    assert old_demo.call("GET", f"{V1}/health").json()["metadatabase"] == {"status": "healthy"}


def test_errors_are_problem_documents(old_demo):
    error = old_demo.call("GET", f"{V1}/dags/nope").json()
    assert (error["status"], error["title"]) == (404, "Not Found")
    error = old_demo.call("POST", f"{V1}/dags/demo/dagRuns", json={"conf": 1})
    assert (error.status_code, error.json()["status"]) == (422, 422)
    assert "conf" in error.json()["detail"]
    assert old_demo.call("GET", f"{V1}/dags?order_by=x").json()["status"] == 400
    assert old_demo.call("GET", f"{V1}/variables", role="Viewer").status_code == 403


def test_v1_is_not_there_in_an_environment_of_airflow_3(demo):
    assert demo.call("GET", f"{V1}/dags").status_code == 404
