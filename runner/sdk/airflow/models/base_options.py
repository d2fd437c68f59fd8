"""The arguments that every operator takes, with their defaults, and how values are brought into one form."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.configuration import conf
from airflow.exceptions import AirflowException
from airflow.utils.module_loading import import_string
from airflow.utils.timezone import coerce_aware
from airflow.utils.trigger_rule import trigger_rule
from airflow.utils.weight_rule import WeightRule

OPTIONS: dict[str, Any] = {
    "owner": None,
    "email": None,
    "email_on_retry": True,
    "email_on_failure": True,
    "retries": None,
    "retry_delay": None,
    "retry_exponential_backoff": False,
    "max_retry_delay": None,
    "start_date": None,
    "end_date": None,
    "depends_on_past": False,
    "ignore_first_depends_on_past": True,
    "wait_for_past_depends_before_skipping": False,
    "wait_for_downstream": False,
    "params": None,
    "priority_weight": 1,
    "weight_rule": None,
    "queue": None,
    "pool": None,
    "pool_slots": 1,
    "sla": None,
    "execution_timeout": None,
    "on_execute_callback": None,
    "on_failure_callback": None,
    "on_success_callback": None,
    "on_retry_callback": None,
    "on_skipped_callback": None,
    "pre_execute": None,
    "post_execute": None,
    "trigger_rule": "all_success",
    "run_as_user": None,
    "max_active_tis_per_dag": None,
    "max_active_tis_per_dagrun": None,
    "executor": None,
    "executor_config": None,
    "do_xcom_push": True,
    "multiple_outputs": False,
    "inlets": None,
    "outlets": None,
    "doc": None,
    "doc_md": None,
    "doc_json": None,
    "doc_yaml": None,
    "doc_rst": None,
    "task_display_name": None,
    "logger_name": None,
    "allow_nested_operators": True,
    "map_index_template": None,
    "retry_policy": None,
    "render_template_as_native_obj": None,
}

DROPPED = frozenset({"provide_context", "resources", "adhoc", "dag_id", "task_concurrency"})
"""Leftovers of 1.10 that mean nothing any more, or are another argument's old name."""


def normalise(values: dict[str, Any], task_id: str) -> dict[str, Any]:
    """`values` (every option, as given) with defaults of the configuration and one type each."""
    values["owner"] = values["owner"] or conf.get("operators", "default_owner")
    values["retries"] = _retries(values["retries"], task_id)
    delay = values["retry_delay"]
    values["retry_delay"] = duration(
        conf.getfloat("core", "default_task_retry_delay") if delay is None else delay
    )
    for name in ("max_retry_delay", "sla"):
        values[name] = duration(values[name])
    values["execution_timeout"] = _execution_timeout(values["execution_timeout"], task_id)
    for name in ("start_date", "end_date"):
        values[name] = as_datetime(values[name], name)
    values["trigger_rule"] = trigger_rule(values["trigger_rule"])
    values["weight_rule"] = _weight_rule(values["weight_rule"])
    values["queue"] = values["queue"] or conf.get("operators", "default_queue")
    values["pool"] = values["pool"] or "default_pool"
    if values["pool_slots"] < 1:
        raise AirflowException(
            f"cannot create the task {task_id!r}: pool_slots is {values['pool_slots']}, less than 1"
        )
    values["depends_on_past"] = bool(values["depends_on_past"] or values["wait_for_downstream"])
    return values


def duration(value: Any) -> Any:
    """Seconds become a timedelta; None and what adds to a date already stay."""
    return dt.timedelta(seconds=value) if isinstance(value, (int, float)) else value


def as_datetime(value: Any, name: str) -> dt.datetime | None:
    """A date as an aware datetime; text is read as ISO 8601."""
    if value is None or isinstance(value, dt.datetime):
        return None if value is None else coerce_aware(value)
    if isinstance(value, dt.date):
        return coerce_aware(dt.datetime(value.year, value.month, value.day))  # noqa: DTZ001 - made aware here
    if isinstance(value, str):
        return coerce_aware(dt.datetime.fromisoformat(value))
    raise AirflowException(
        f"cannot use {value!r} as {name}: it is a {type(value).__qualname__}, not a datetime"
    )


def _retries(value: Any, task_id: str) -> int:
    if value is None:
        return conf.getint("core", "default_task_retries")
    try:
        return int(value)
    except (TypeError, ValueError):
        raise AirflowException(
            f"cannot create the task {task_id!r}: retries is {value!r}, not a number"
        ) from None


def _execution_timeout(value: Any, task_id: str) -> dt.timedelta | None:
    if value is None:
        default = conf.get("core", "default_task_execution_timeout")
        return dt.timedelta(seconds=float(default)) if default else None
    if isinstance(value, dt.timedelta):
        return value
    raise ValueError(
        f"cannot create the task {task_id!r}: execution_timeout must be a timedelta, not {type(value).__qualname__}"
    )


def _weight_rule(value: Any) -> Any:
    """A rule by name, or a strategy of the user's own."""
    if isinstance(value, str) and "." in value:
        value = import_string(value)
    if hasattr(value, "get_weight"):
        return value() if isinstance(value, type) else value
    rule = str(value or conf.get("core", "default_task_weight_rule"))
    if not WeightRule.is_valid(rule):
        raise AirflowException(
            f"cannot use the weight rule {rule!r}; the rules are downstream, upstream, absolute, "
            "or a PriorityWeightStrategy"
        )
    return rule
