"""The arguments that a DAG takes in any generation, with their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf, generation
from airflow.exceptions import ParamValidationError
from airflow.models.base_options import as_datetime, duration

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


_POSITIONS = {
    1: "description schedule_interval start_date end_date full_filepath template_searchpath",
    2: "description schedule schedule_interval timetable start_date end_date",
    3: "description schedule start_date end_date",
}
_LONGEST_TAG = 100


def positional_names() -> list[str]:
    """What the arguments after the id are when they are not named; 3.x has them named always."""
    return _POSITIONS.get(generation(), _POSITIONS[3]).split()


def normalise(values: dict[str, Any], dag_id: str) -> None:
    """Bring the values of all generations into one form. Raises ValueError or TypeError for what no one can mean."""
    given = values["default_args"]
    if given is not None and not isinstance(given, dict):
        raise TypeError(
            f"cannot create the DAG {dag_id!r}: default_args is a {type(given).__qualname__}, not a dict"
        )
    values["default_args"] = dict(given or {})
    values["start_date"] = as_datetime(values["start_date"], "start_date")
    values["end_date"] = as_datetime(values["end_date"], "end_date")
    values["dagrun_timeout"] = duration(values["dagrun_timeout"])
    values["doc_md"] = read_documentation(values["doc_md"])
    values["tags"] = _tags(values["tags"], dag_id)
    values["owner_links"] = _links(values["owner_links"], dag_id)
    values["access_control"] = _access(values["access_control"])
    values["allowed_run_types"] = _run_types(values["allowed_run_types"])
    values["dag_display_name"] = values["dag_display_name"] or dag_id
    deadline = values["deadline"]
    if deadline is not None:
        values["deadline"] = list(deadline) if isinstance(deadline, (list, tuple)) else [deadline]


def check_schedule(dag: Any) -> None:
    """Raises ValueError for what contradicts the DAG's schedule."""
    limit = getattr(dag.timetable, "active_runs_limit", None)
    if limit is not None and dag.max_active_runs > limit:
        raise ValueError(
            f"cannot create the DAG {dag.dag_id!r}: its schedule allows max_active_runs of {limit} at most, not "
            f"{dag.max_active_runs}"
        )
    if not dag.params or not getattr(dag.timetable, "can_be_scheduled", True) or dag.schedule is None:
        return
    try:
        dag.params.validate()
    except ParamValidationError as error:
        raise ValueError(
            f"cannot schedule the DAG {dag.dag_id!r}: every param needs a default that fits its schema; {error}"
        ) from error


def check_setup(task: Any) -> None:
    """Raises ValueError when what comes after a setup would run although the setup failed."""
    for below in task.downstream_list:
        if not below.is_teardown and str(below.trigger_rule) != "all_success":
            raise ValueError(
                f"cannot load the DAG {task.dag_id!r}: {below.task_id!r} comes after the setup {task.task_id!r} and "
                f"must have the trigger rule all_success, not {below.trigger_rule}"
            )


def _tags(given: Any, dag_id: str) -> set[str]:
    tags = {given} if isinstance(given, str) else set(given or ())
    for tag in tags:
        if len(tag) > _LONGEST_TAG:
            raise ValueError(
                f"cannot create the DAG {dag_id!r}: the tag {tag!r} is longer than {_LONGEST_TAG}"
            )
    return tags


def _links(given: Any, dag_id: str) -> dict[str, str]:
    links = dict(given or {})
    for owner, link in links.items():
        parts = urlsplit(str(link))
        if not (parts.path if parts.scheme == "mailto" else parts.scheme and parts.netloc):
            raise ValueError(
                f"cannot create the DAG {dag_id!r}: the link of owner {owner!r} is no URL: {link!r}"
            )
    return links


def _access(given: Any) -> Any:
    """Roles to resources to actions; a role with actions alone means those on the DAG itself."""
    if given is None:
        return None
    found: dict[str, dict[str, list[str]]] = {}
    for role, permissions in given.items():
        resources = permissions if isinstance(permissions, dict) else {"DAGs": permissions}
        found[str(role)] = {
            str(resource): sorted({actions} if isinstance(actions, str) else map(str, actions))
            for resource, actions in resources.items()
        }
    return found


def _run_types(given: Any) -> list[str] | None:
    if given is None:
        return None
    items = [given] if isinstance(given, str) else list(given)
    return sorted({str(getattr(item, "value", item)) for item in items})


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
