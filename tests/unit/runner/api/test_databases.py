"""The API's SQL on SQLite and on PostgreSQL: every list with every filter and order, and every kind of change."""

from __future__ import annotations

from runner.api.airflow.routes import ROUTES
from runner.store import listing_dags, listing_runs
from runner.store.dag_files import DagFile, put_dag_files

R1 = "/dags/demo/dagRuns/r1"


def test_every_list_is_read_with_every_filter_and_order(any_demo):
    with any_demo.context.db.begin() as conn:
        put_dag_files(conn, [DagFile("x.py", "d", "b", 1.0, 0.1, error="broken")])
    bounds = "&".join(
        f"{name}_{bound}=2020-01-01T00:00:00Z"
        for name in ("run_after", "logical_date", "start_date", "end_date", "updated_at")
        for bound in ("gte", "gt")
    )
    lists = {
        "/dags": "dag_id_pattern=d%25m&has_import_errors=false&last_dag_run_state=failed&dag_run_state=failed&tags=x",
        "/dags/demo/dagRuns": f"{bounds}&duration_gte=1&state=failed&run_type=manual&conf_contains=%7B&dag_version=1",
        f"{R1}/taskInstances": f"{bounds}&duration_gt=1&state=failed&state=none&pool=default_pool&version_number=1",
        "/importErrors": "filename_pattern=x",
    }
    for path, query in lists.items():
        answer = any_demo.call("GET", f"{path}?{query}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["total_entries"] == 1, path
    orders = {"/dags": listing_dags._DAG_ORDERS, "/dags/demo/dagRuns": listing_runs._RUN_ORDERS}
    orders[f"{R1}/taskInstances"] = listing_runs._TI_ORDERS
    orders["/dags/demo/dagVersions"] = listing_dags._VERSION_ORDERS
    for path, known in orders.items():
        for name in known.columns:
            answer = any_demo.call("GET", f"{path}?order_by=-{name}")
            assert answer.status_code == 200, answer.text


def test_every_plain_route_and_the_status_answer(any_demo):
    for method, path, _handler, _least in ROUTES:
        if method == "GET" and "{" not in path and path != "/config":
            assert any_demo.call("GET", path, params={"dag_id": "demo"}).status_code == 200, path
    assert any_demo.call("GET", "/healthz").json()["queue"]["running"] == 0
    assert "aerodrome_dag_run_duration_seconds" in any_demo.call("GET", "/metrics").text


def test_every_kind_of_change_is_written(any_demo):
    steps = [
        ("POST", "/dags/demo/dagRuns", {"dag_run_id": "r2"}, 200),
        ("POST", "/dags/demo/dagRuns", {"dag_run_id": "r2"}, 409),
        ("PATCH", "/dags/demo", {"is_paused": True}, 200),
        ("PATCH", f"{R1}/taskInstances/b", {"new_state": "success", "note": "n"}, 200),
        ("POST", "/dags/demo/clearTaskInstances", {"dry_run": False, "only_failed": False}, 200),
        ("PATCH", R1, {"state": "failed", "note": "n"}, 200),
        ("POST", f"{R1}/clear", {"dry_run": False}, 200),
        ("POST", f"{R1}/taskInstances/a/xcomEntries", {"key": "k", "value": {"a": 1}}, 201),
        ("POST", "/variables", {"key": "k", "value": "v"}, 201),
        ("PATCH", "/variables/k", {"key": "k", "value": "w"}, 200),
        ("POST", "/connections", {"connection_id": "c", "conn_type": "http", "password": "p"}, 201),
        ("PATCH", "/connections/c", {"connection_id": "c", "conn_type": "ftp"}, 200),
        ("POST", "/pools", {"name": "p", "slots": 3}, 201),
        ("PATCH", "/pools/p", {"slots": 4}, 200),
        ("DELETE", "/pools/p", None, 204),
        ("DELETE", "/connections/c", None, 204),
        ("DELETE", "/variables/k", None, 204),
        ("DELETE", f"{R1}/taskInstances/a/xcomEntries/k", None, 204),
        ("DELETE", R1, None, 204),
        ("DELETE", "/dags/demo", None, 204),
    ]
    for method, path, body, status in steps:
        answer = any_demo.call(method, path, json=body)
        assert answer.status_code == status, f"{method} {path}: {answer.text}"
