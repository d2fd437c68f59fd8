"""What the API shows, in Airflow's shapes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow._task.serialize import serialize_dag
from airflow.models.baseoperator import BaseOperator
from airflow.models.dag import DAG as Dag
from airflow.models.operator_link import BaseOperatorLink

from runner.api.answers import moment
from runner.store.processes import ProcessRow
from tests.unit.runner.api.conftest import NOW

DAG = [
    "dag_id", "dag_display_name", "is_paused", "is_stale", "last_parsed_time",
    "last_parse_duration", "last_expired", "bundle_name", "bundle_version", "relative_fileloc",
    "fileloc", "description", "timetable_summary", "timetable_description", "timetable_partitioned",
    "timetable_periodic", "tags", "max_active_tasks", "max_active_runs",
    "max_consecutive_failed_dag_runs", "has_task_concurrency_limits", "has_import_errors",
    "next_dagrun_logical_date", "next_dagrun_data_interval_start", "next_dagrun_data_interval_end",
    "next_dagrun_run_after", "allowed_run_types", "owners", "is_backfillable", "file_token"
]  # fmt: skip
DETAILS = [
    "catchup", "dag_run_timeout", "asset_expression", "doc_md", "start_date", "end_date",
    "is_paused_upon_creation", "params", "render_template_as_native_obj", "template_search_path",
    "timezone", "last_parsed", "default_args", "concurrency", "latest_dag_version"
]  # fmt: skip
RUN = [
    "dag_run_id", "dag_id", "logical_date", "queued_at", "start_date", "end_date", "duration",
    "data_interval_start", "data_interval_end", "run_after", "last_scheduling_decision", "run_type",
    "state", "triggered_by", "triggering_user_name", "conf", "note", "dag_versions",
    "bundle_version", "dag_display_name", "partition_key", "partition_date"
]  # fmt: skip
TRY = [
    "task_id", "dag_id", "dag_run_id", "map_index", "start_date", "end_date", "duration", "state",
    "try_number", "max_tries", "task_display_name", "dag_display_name", "hostname", "unixname",
    "pool", "pool_slots", "queue", "priority_weight", "operator", "operator_name", "queued_when",
    "scheduled_when", "pid", "executor", "executor_config", "dag_version"
]  # fmt: skip
TI = [*TRY, "id", "logical_date", "run_after", "note", "rendered_map_index", "trigger", "triggerer_job"]
VERSION = [
    "id", "version_number", "dag_id", "bundle_name", "bundle_version", "created_at",
    "dag_display_name", "bundle_url"
]  # fmt: skip
TASK = [
    "task_id", "task_display_name", "owner", "start_date", "end_date", "trigger_rule",
    "depends_on_past", "wait_for_downstream", "retries", "queue", "pool", "pool_slots",
    "execution_timeout", "retry_delay", "retry_exponential_backoff", "priority_weight",
    "weight_rule", "ui_color", "ui_fgcolor", "template_fields", "downstream_task_ids", "doc_md",
    "operator_name", "params", "class_ref", "is_mapped", "extra_links"
]  # fmt: skip
R1 = "/dags/demo/dagRuns/r1"


class Wiki(BaseOperatorLink):
    name = "Wiki"


class WithLink(BaseOperator):
    operator_extra_links = (Wiki(),)


def check(body: Any, required: list[str]) -> dict[str, Any]:
    missing = [name for name in required if name not in body]
    assert not missing
    return dict(body)


def test_dag_has_every_member_when_read_alone_in_a_list_and_in_detail(demo):
    body = check(demo.call("GET", "/dags/demo").json(), DAG)
    assert (body["description"], body["max_active_runs"], body["is_paused"]) == ("A demo", 4, False)
    assert [tag["name"] for tag in body["tags"]] == ["x", "y"]
    assert demo.call("GET", "/dags").json() == {"dags": [body], "total_entries": 1}
    details = check(demo.call("GET", "/dags/demo/details").json(), DAG + DETAILS)
    check(details["latest_dag_version"], VERSION)


def test_links_of_a_dag_and_of_its_tasks_are_those_of_the_file(cell):
    with Dag("linked", schedule=None, owner_links={"ann": "https://ann.example"}) as dag:
        WithLink(task_id="t")
    data = serialize_dag(dag, "linked.py")
    cell.put_dag("linked", data["tasks"], owner_links=data["owner_links"])
    assert cell.call("GET", "/dags/linked/details").json()["owner_links"] == {"ann": "https://ann.example"}
    assert cell.call("GET", "/dags/linked/tasks/t").json()["extra_links"] == ["Wiki"]


def test_dags_are_filtered_and_paged(cell):
    for number in range(5):
        cell.put_dag(f"dag_{number}", [], tags=["even" if number % 2 == 0 else "odd", "all"])
    ids = lambda query: [dag["dag_id"] for dag in cell.call("GET", f"/dags?{query}").json()["dags"]]  # noqa: E731
    assert ids("limit=2&order_by=-dag_id") == ["dag_4", "dag_3"]
    assert ids("limit=2&offset=4") == ["dag_4"]
    assert ids("tags=even") == ["dag_0", "dag_2", "dag_4"]
    assert ids("tags=even&tags=odd&tags_match_mode=all") == []
    assert ids("tags=even&tags=all&tags_match_mode=all&limit=1") == ["dag_0"]
    assert ids("dag_id_pattern=g_3") == ["dag_3"]
    assert ids("dag_id_pattern=dag_1|dag_2") == ["dag_1", "dag_2"]
    assert ids("paused=true") == []
    assert len(cell.call("GET", "/dags?limit=1000").json()["dags"]) == 5


def test_run_has_every_member(demo):
    body = check(demo.call("GET", R1).json(), RUN)
    check(body["dag_versions"][0], VERSION)
    assert (body["state"], body["duration"], body["run_type"]) == ("failed", 15.0, "manual")
    assert body["logical_date"] == "2026-05-28T20:25:40Z"
    cursors = {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None}
    assert demo.call("GET", "/dags/~/dagRuns").json() == {"dag_runs": [body], "total_entries": 1, **cursors}
    assert demo.call("POST", "/dags/~/dagRuns/list", json={"states": ["failed"]}).json()["dag_runs"] == [body]
    assert demo.call("POST", "/dags/~/dagRuns/list", json={"dag_ids": ["other"]}).json()["total_entries"] == 0


def test_task_instances_and_their_tries_have_every_member(demo):
    listed = demo.call("GET", f"{R1}/taskInstances?order_by=task_id").json()
    assert [(ti["task_id"], ti["state"]) for ti in listed["task_instances"]] == [
        ("a", "success"),
        ("b", "failed"),
        ("c", "upstream_failed"),
    ]
    body = check(demo.call("GET", f"{R1}/taskInstances/b").json(), TI)
    assert body == listed["task_instances"][1]
    assert (body["max_tries"], body["try_number"], body["duration"]) == (2, 1, 10.0)
    tries = demo.call("GET", f"{R1}/taskInstances/b/tries").json()["task_instances"]
    assert [check(item, TRY)["state"] for item in tries] == ["failed"]
    assert demo.call("GET", f"{R1}/taskInstances/b/tries/1").json() == tries[0]
    assert demo.call("GET", f"{R1}/taskInstances/b/tries/2").status_code == 404
    assert demo.call("GET", f"{R1}/taskInstances/b/-1/tries/1").json() == tries[0]
    assert demo.call("GET", "/dags/~/dagRuns/~/taskInstances?state=failed").json()["total_entries"] == 1
    batch = demo.call("POST", "/dags/~/dagRuns/~/taskInstances/list", json={"task_ids": ["a", "c"]}).json()
    assert batch["total_entries"] == 2


def test_mapped_task_instance_is_read_by_its_index(demo):
    run = demo.put_run("demo", "r2")
    demo.set_task(run, "b", map_index=3, state="running", attempt="e" * 32, start_date=1.0)
    path = "/dags/demo/dagRuns/r2/taskInstances/b"
    assert demo.call("GET", f"{path}/3").json()["rendered_map_index"] == "3"
    assert demo.call("GET", f"{path}/listMapped").json()["total_entries"] == 1
    assert demo.call("GET", path).status_code == 404


def test_tasks_show_their_place_in_the_graph(demo):
    tasks = demo.call("GET", "/dags/demo/tasks").json()
    assert tasks["total_entries"] == 3
    assert [check(task, TASK)["downstream_task_ids"] for task in tasks["tasks"]] == [["b"], ["c"], []]
    task = demo.call("GET", "/dags/demo/tasks/b").json()
    assert task["retry_delay"] == {"__type": "TimeDelta", "days": 0, "seconds": 300, "microseconds": 0}
    assert demo.call("GET", "/dags/demo/tasks/nope").status_code == 404


def test_source_comes_as_text_or_json_and_never_from_outside_the_snapshot(demo):
    assert demo.call("GET", "/dagSources/demo", headers={"Accept": "text/plain"}).text == "dag = 1\n"
    body = demo.call("GET", "/dagSources/demo", headers={"Accept": "application/json"}).json()
    assert (body["content"], body["version_number"]) == ("dag = 1\n", 1)
    assert demo.call("GET", "/dagSources/demo", headers={"Accept": "image/png"}).status_code == 406
    demo.put_dag("outside", [], file="../../secrets.key")
    assert demo.call("GET", "/dagSources/outside").status_code == 404


def test_environment_tells_its_version_health_and_processes(cell):
    assert cell.call("GET", "/version").json() == {"version": "3.3.1", "git_version": None}
    health = cell.call("GET", "/monitor/health").json()
    assert health["metadatabase"] == {"status": "healthy"}
    assert {"scheduler", "triggerer", "dag_processor"} <= health.keys()
    assert cell.call("GET", "/config").status_code == 403
    for name in ("jobs", "plugins", "providers"):
        assert cell.call("GET", f"/{name}").json() == {name: [], "total_entries": 0}


def test_health_says_why_no_dag_files_arrive_until_they_do_again(cell):
    from sync.mirror import SyncReport

    put_processes(cell.context.db, ProcessRow("engine-h", "engine", "h", 1, NOW - 9, NOW - 1))
    failed = SyncReport(False, NOW - 3, "denied", "cannot list dags/: access is denied", "d", 3, 0.1, ())
    for report, expected in ((failed, "unhealthy"), (replace(failed, ok=True, code=None), "healthy")):
        cell.reports.append(report)
        found = cell.call("GET", "/monitor/health").json()["dag_processor"]
        assert found["status"] == expected
        assert found.get("sync_error") == (
            {"code": "denied", "message": failed.message, "at": moment(NOW - 3)} if report is failed else None
        )


def test_health_lists_no_agent_that_has_no_link_and_no_engine_that_is_silent(cell):
    rows = [
        ProcessRow("agent-old", "agent", "h", 11, NOW - 99, NOW - 1),
        ProcessRow("agent-new", "agent", "h", 12, NOW - 9, NOW - 1),
        ProcessRow("engine-gone", "engine", "other", 13, NOW - 999, NOW - 300),
        ProcessRow("engine-h", "engine", "h", 14, NOW - 9, NOW - 1),
    ]
    put_processes(cell.context.db, *rows)
    cell.scheduler.facts["agents"] = [{"agent": "new", "host": "h", "pid": 12, "processes": []}]
    found = cell.call("GET", "/healthz").json()["processes"]
    assert sorted(entry["pid"] for entry in found) == [12, 14]


def put_processes(db, *rows):
    from runner.store.processes import put_processes

    with db.begin() as conn:
        put_processes(conn, rows, 0.0)


def test_import_errors_keep_their_number_while_the_file_is_broken(cell):
    from runner.store.dag_files import DagFile, put_dag_files

    for text in ("first", "second"):
        with cell.context.db.begin() as conn:
            put_dag_files(conn, [DagFile("a.py", "d", "b", 1.0, 0.1, error=text)])
    listed = cell.call("GET", "/importErrors").json()
    assert listed["total_entries"] == 1
    error = listed["import_errors"][0]
    assert (error["stack_trace"], error["filename"], error["bundle_name"]) == (
        "second",
        "a.py",
        "dags-folder",
    )
    assert cell.call("GET", f"/importErrors/{error['import_error_id']}").json() == error


def test_health_says_ready_only_with_files_a_scheduler_and_an_agent(cell):
    assert cell.call("GET", "/healthz").json()["ready"] is True
    cell.scheduler.facts["agents"] = []
    body = cell.call("GET", "/healthz").json()
    assert body["ready"] is False
    assert {
        "environment",
        "scheduler",
        "agents",
        "processes",
        "sync",
        "queue",
        "import_errors",
    } <= body.keys()
    text = cell.call("GET", "/metrics").text
    assert "aerodrome_ready 0.0" in text
    assert 'aerodrome_task_instances{state="failed"} 0.0' in text


def test_metrics_say_how_far_logs_are_behind_over_all_agents(cell):
    lags = [{"waiting_bytes": 5, "waiting_seconds": 2.0, "error": None}, {}]
    lags.append({"waiting_bytes": 7, "waiting_seconds": 9.0, "error": "the bucket is away"})
    cell.scheduler.facts["agents"] = [{"agent": str(n), "logs": lag} for n, lag in enumerate(lags)]
    text = cell.call("GET", "/metrics").text
    assert "aerodrome_logs_waiting_bytes 12.0" in text
    assert "aerodrome_logs_waiting_seconds 9.0" in text
    assert cell.call("GET", "/healthz").json()["agents"][2]["logs"]["error"] == "the bucket is away"
