"""DAG and task objects to the data form that the engine reads (`_wire.serialized`)."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

from airflow._task.listening import list_run_states
from airflow._task.plugins import FirstInstance, list_plugin_links
from airflow._wire import encoding
from airflow._wire.serialized import FORMAT, AssetRef, SerializedDag, SerializedTask, Timetable
from airflow.configuration import conf, generation
from airflow.models.base_options import as_datetime
from airflow.operators.empty import EmptyOperator
from airflow.utils.timezone import zone_name

_TARGETS = ("trigger_dag_id", "external_dag_id", "external_task_id", "external_task_ids")
_WATCHERS = (
    "on_execute_callback",
    "on_success_callback",
    "on_skipped_callback",
    "_pre_execute_hook",
    "_post_execute_hook",
)


def serialize_dag(dag: Any, file: str) -> dict[str, Any]:
    """Plain JSON. Raises NotEncodable for params that have no JSON form, AirflowException for a broken schedule."""
    zone = zone_name(dag.timezone)
    start = dag.start_date or as_datetime(dag.default_args.get("start_date"), "start_date")
    end = dag.end_date or as_datetime(dag.default_args.get("end_date"), "end_date")
    data: SerializedDag = {
        "format": FORMAT,
        "dag_id": dag.dag_id,
        "file": file,
        "description": dag.description,
        "doc_md": dag.doc_md,
        "tags": sorted(dag.tags),
        "owners": sorted({owner.strip() for task in dag.tasks for owner in task.owner.split(",")}),
        "timetable": _timetable(dag, zone),
        "timezone": zone,
        "start_date": _date(start or _first_start(dag)),
        "end_date": _date(end),
        "catchup": bool(dag.catchup),
        "max_active_runs": int(dag.max_active_runs),
        "max_active_tasks": int(dag.max_active_tasks),
        "max_consecutive_failed_dag_runs": int(dag.max_consecutive_failed_dag_runs),
        "dagrun_timeout": _seconds(dag.dagrun_timeout),
        "is_paused_upon_creation": dag.is_paused_upon_creation,
        "fail_fast": dag.fail_fast,
        "params": _params(dag.params),
        "render_template_as_native_obj": bool(dag.render_template_as_native_obj),
        "display_name": dag.dag_display_name,
        "has_on_success_callback": bool(dag.on_success_callback),
        "run_listeners": list_run_states(),
        "has_on_failure_callback": bool(dag.on_failure_callback),
        "has_sla_miss_callback": bool(dag.sla_miss_callback),
        "deadlines": _deadlines(dag),
        "owner_links": dict(dag.owner_links or {}),
        "access_control": dict(dag.access_control or {}),
        "rerun_with_latest_version": dag.rerun_with_latest_version,
        "disable_bundle_versioning": bool(dag.disable_bundle_versioning),
        "allowed_run_types": dag.allowed_run_types,
        "tasks": [serialize_task(task) for task in dag.tasks],
        "task_groups": {group_id: _group(group) for group_id, group in dag.task_group_dict.items()},
        "edge_labels": {
            up: {down: info["label"] for down, info in below.items()} for up, below in dag.edge_info.items()
        },
    }
    return dict(data)


def serialize_task(task: Any) -> SerializedTask:
    """One task."""
    weight, rule = _priority(task)
    return {
        "task_id": task.task_id,
        "operator": task.operator_name,
        "upstream": sorted(task.upstream_task_ids),
        "trigger_rule": str(task.trigger_rule),
        "retries": task.retries,
        "retry_delay": _seconds(task.retry_delay) or 0.0,
        "retry_exponential_backoff": _backoff(task.retry_exponential_backoff),
        "max_retry_delay": _longest_delay(task),
        "depends_on_past": bool(task.depends_on_past),
        "wait_for_downstream": bool(task.wait_for_downstream),
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "priority_weight": weight,
        "weight_rule": rule,
        "queue": task.queue,
        "execution_timeout": _seconds(task.execution_timeout),
        "max_active_tis_per_dag": task.max_active_tis_per_dag,
        "max_active_tis_per_dagrun": task.max_active_tis_per_dagrun,
        "start_date": _date(task.start_date),
        "end_date": _date(task.end_date),
        "owner": task.owner,
        "noop": is_noop(task),
        "group": task.task_group.group_id if task.task_group is not None else None,
        "start_trigger": _start_trigger(task) if task.start_from_trigger and not task.is_mapped else None,
        "mapped": task.expand_input.to_wire() if task.is_mapped else None,
        "map_index_template": task.map_index_template,
        "inlets": _assets(task.inlets),
        "outlets": _assets(task.outlets),
        "ignore_first_depends_on_past": bool(task.ignore_first_depends_on_past),
        "wait_for_past_depends_before_skipping": bool(task.wait_for_past_depends_before_skipping),
        "has_on_failure_callback": bool(task.on_failure_callback or (task.email and task.email_on_failure)),
        "has_on_retry_callback": bool(task.on_retry_callback or (task.email and task.email_on_retry)),
        "email": _addresses(task.email),
        "email_on_failure": bool(task.email_on_failure),
        "email_on_retry": bool(task.email_on_retry),
        "sla": _sla(task),
        "external": _external_dags(task),
        "extra_links": sorted({link.name for link in (*task.operator_extra_links, *list_plugin_links(task))}),
        "params": _params(task.params),
        "is_setup": task.is_setup,
        "is_teardown": task.is_teardown,
        "on_failure_fail_dagrun": task.on_failure_fail_dagrun,
        "doc_md": task.doc_md,
        "ui_color": task.ui_color,
        "ui_fgcolor": task.ui_fgcolor,
        "template_fields": list(task.template_fields),
        "display_name": task.task_display_name,
    }


def _external_dags(task: Any) -> list[dict[str, Any]]:
    """The arrows to other DAGs; those of a mapped task as far as they are the same for all its instances."""
    if not task.is_mapped:
        return list(getattr(task, "external_dags", ()))
    described = getattr(task.operator_class, "external_dags", None)
    if not isinstance(described, property) or described.fget is None:
        return []
    found = described.fget(SimpleNamespace(**{name: task.partial_kwargs.get(name) for name in _TARGETS}))
    return [arrow for arrow in found if isinstance(arrow["dag_id"], str)]


def is_noop(task: Any) -> bool:
    """Whether it is an EmptyOperator (or a subclass that adds no work) that nobody watches: it needs no process."""
    kind = task.operator_class if task.is_mapped else type(task)
    plain = kind.execute is EmptyOperator.execute and kind.pre_execute is EmptyOperator.pre_execute
    watched = any(getattr(task, name) for name in _WATCHERS)
    return plain and not watched and not task.outlets and not task.inlets


def _assets(items: Any) -> list[AssetRef]:
    if not items:
        return []
    from airflow.assets.wire import to_refs

    return to_refs(items)


def _start_trigger(task: Any) -> dict[str, Any] | None:
    """The deferral that a task begins with, when the engine can make it: nothing in it is to be rendered."""
    args = task.start_trigger_args
    kwargs = dict(args.trigger_kwargs or {}) if args is not None else {}
    if args is None or any(_is_template(kwargs[name]) for name in task.template_fields if name in kwargs):
        return None
    limits = [
        limit for limit in (_seconds(args.timeout), _seconds(task.execution_timeout)) if limit is not None
    ]
    return {
        "classpath": args.trigger_cls,
        "kwargs": encoding.to_plain(kwargs, f"trigger_kwargs of {task.task_id}"),
        "next_method": args.next_method or "",
        "next_kwargs": encoding.to_plain(dict(args.next_kwargs or {}), f"next_kwargs of {task.task_id}"),
        "timeout": min(limits, default=None),
    }


def _is_template(value: Any) -> bool:
    return any(mark in str(value) for mark in ("{{", "{%"))


def _timetable(dag: Any, zone: str) -> Timetable:
    return dag.timetable.to_wire(zone)  # type: ignore[no-any-return]


def _first_start(dag: Any) -> dt.datetime | None:
    """The earliest start among the tasks, for a DAG that names none."""
    return min((task.start_date for task in dag.tasks if task.start_date is not None), default=None)


def _params(params: Any) -> dict[str, Any]:
    return {name: encoding.to_plain(param.dump(), f"param {name}") for name, param in params.items()}


def _group(group: Any) -> dict[str, Any]:
    return {
        "group_id": group.group_id,
        "parent": group.parent_group.group_id if group.parent_group else None,
        "label": group.label,
        "display_name": group.group_display_name or group.label,
        "tooltip": group.tooltip,
        "ui_color": group.ui_color,
        "ui_fgcolor": group.ui_fgcolor,
        "children": sorted(group.children),
        "mapped": group.expand_input.to_wire() if group.is_mapped else None,
    }


def _addresses(email: Any) -> list[str]:
    """One address, several in one text, or a list of them."""
    given = [email] if isinstance(email, str) else email or []
    return [part.strip() for text in given for part in text.replace(";", ",").split(",") if part.strip()]


def _deadlines(dag: Any) -> list[dict[str, Any]]:
    if dag.deadline is None:
        return []
    from airflow.models.deadline import list_deadlines

    return [item.to_wire(number) for number, item in enumerate(list_deadlines(dag))]


def _sla(task: Any) -> float | None:
    """What 1.10 and 2.x promise of a task; 3.x knows no SLAs. Nothing when nobody is to be told."""
    told = task.sla is not None and (task.dag.sla_miss_callback or task.email)
    return _seconds(task.sla) if told and generation() < 3 else None


def _longest_delay(task: Any) -> float:
    """The most that backoff may wait: the task's own bound, within the environment's."""
    limit = conf.getfloat("core", "max_task_retry_delay")
    own = _seconds(task.max_retry_delay)
    return limit if own is None else min(own, limit)


def _backoff(value: Any) -> float:
    return 2.0 if value is True else float(value or 0)


def _seconds(value: Any) -> float | None:
    return float(value.total_seconds()) if value is not None else None


def _date(value: dt.datetime | None) -> str | None:
    return value.isoformat() if value is not None else None


def _priority(task: Any) -> tuple[int, str]:
    """Weight and rule; a strategy of the user's own is asked here, once, for an instance before its first try."""
    if isinstance(task.weight_rule, str):
        return task.priority_weight, task.weight_rule
    return int(task.weight_rule.get_weight(FirstInstance(task))), "absolute"
