"""What the API shows, in Airflow's shapes."""

from __future__ import annotations

from typing import Any

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
