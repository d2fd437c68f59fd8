"""The arguments that a DAG takes in any generation, with their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.configuration import conf

UNSET: Any = object()

OPTIONS: dict[str, Any] = {
    "description": None,
    "schedule": UNSET,
    "schedule_interval": UNSET,
    "timetable": None,
    "start_date": None,
    "end_date": None,
    "template_searchpath": None,
    "template_undefined": None,
    "user_defined_macros": None,
    "user_defined_filters": None,
    "default_args": None,
    "concurrency": None,
    "max_active_tasks": None,
    "max_active_runs": None,
    "max_consecutive_failed_dag_runs": None,
    "dagrun_timeout": None,
    "catchup": None,
    "on_success_callback": None,
    "on_failure_callback": None,
    "doc_md": None,
    "params": None,
    "is_paused_upon_creation": None,
    "jinja_environment_kwargs": None,
    "render_template_as_native_obj": False,
    "tags": None,
    "owner_links": None,
    "auto_register": True,
    "fail_stop": False,
    "fail_fast": False,
    "dag_display_name": None,
    "access_control": None,
    "sla_miss_callback": None,
    "default_view": None,
    "orientation": None,
    "full_filepath": None,
    "deadline": None,
    "disable_bundle_versioning": None,
    "allowed_run_types": None,
    "rerun_with_latest_version": None,
}


def read_documentation(doc_md: str | None) -> str | None:
    """Text, or the text of the `.md` file that it names and that is there."""
    if doc_md is None or not doc_md.endswith(".md") or not Path(doc_md).is_file():
        return doc_md
    return Path(doc_md).read_text(encoding="utf-8")


def fill_limits(values: dict[str, Any]) -> None:
    """What the configuration says where the DAG says nothing."""
    tasks = values["concurrency"] if values["max_active_tasks"] is None else values["max_active_tasks"]
    values["max_active_tasks"] = conf.getint("core", "max_active_tasks_per_dag") if tasks is None else tasks
    values["concurrency"] = values["max_active_tasks"]
    if values["max_active_runs"] is None:
        values["max_active_runs"] = conf.getint("core", "max_active_runs_per_dag")
    if values["max_consecutive_failed_dag_runs"] is None:
        values["max_consecutive_failed_dag_runs"] = conf.getint(
            "core", "max_consecutive_failed_dag_runs_per_dag"
        )
    if values["catchup"] is None:
        values["catchup"] = conf.getboolean("scheduler", "catchup_by_default")
    values["fail_fast"] = values["fail_stop"] = bool(values["fail_fast"] or values["fail_stop"])
