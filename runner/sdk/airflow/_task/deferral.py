"""Deferral as a task's process sees it: handing over to a trigger, and going on when it has fired.

Zygotes have it loaded: many tasks may be resumed by one event, and none of them has time for an import.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from airflow._wire.messages import AWAITING_INPUT
from airflow.configuration import generation
from airflow.exceptions import (
    AirflowException,
    AirflowTaskTimeout,
    TaskAwaitingInput,
    TaskDeferralError,
    TaskDeferralTimeout,
    TaskDeferred,
)
from airflow.models.trigger import TRIGGER_FAIL_REPR, TriggerFailureReason
from airflow.models.xcom import from_plain, to_plain

_REASONS = {
    "timeout": TriggerFailureReason.TRIGGER_TIMEOUT,
    "failure": TriggerFailureReason.TRIGGER_FAILURE,
}


def describe(request: TaskDeferred, task: Any, first_start: float) -> dict[str, Any]:
    """A deferral as the engine takes it (`messages.outcome`). Raises whatever the trigger's `serialize` raises, and
    NotEncodable for arguments that have no JSON form.
    """
    trigger = _input_of(task) if isinstance(request, TaskAwaitingInput) else request.trigger
    classpath, kwargs = trigger.serialize()
    return {
        "classpath": classpath,
        "kwargs": to_plain(dict(kwargs), "the trigger's arguments"),
        "next_method": request.method_name or "",
        "next_kwargs": to_plain(dict(request.kwargs or {}), "the arguments of the deferral"),
        "timeout": _shorter(_seconds(request.timeout), _time_left(task, first_start)),
    }


def choose_call(task: Any, resume: dict[str, Any] | None) -> Callable[[Any], Any]:
    """What runs in the place of `execute`: the method that the task goes on with, or its deferral at the start."""
    if resume is None:
        return lambda context: start_from_trigger(task, context)
    method, kwargs = _next_call(resume)
    return lambda context: task.resume_execution(method, kwargs, context)


def limit_execution(seconds: float | None, first_start: float) -> float | None:
    """The seconds that `execution_timeout` leaves to a resumed task: before 3.x it covers the wait as well.

    Raises AirflowTaskTimeout when that is none.
    """
    if seconds is None or generation() >= 3:
        return seconds
    left = seconds - (time.time() - first_start)
    if left <= 0:
        raise AirflowTaskTimeout(f"the task took longer than its execution_timeout of {seconds} seconds")
    return left


def start_from_trigger(task: Any, context: Any) -> None:
    """Defer at once, with the trigger that the operator starts from; what its template fields name is rendered."""
    args = task.expand_start_trigger_args(context=context)
    if args is None:
        raise AirflowException(f"cannot start {task.task_id!r} from a trigger: it has no start_trigger_args")
    kwargs = {
        name: task.render_template(value, context) if name in task.template_fields else value
        for name, value in (args.trigger_kwargs or {}).items()
    }
    trigger = NamedTrigger(args.trigger_cls, kwargs)
    raise TaskDeferred(
        trigger=trigger, method_name=args.next_method, kwargs=args.next_kwargs, timeout=args.timeout
    )


class NamedTrigger:
    """Stands for a trigger that is only named here and made elsewhere."""

    def __init__(self, classpath: str, kwargs: dict[str, Any]) -> None:
        self._parts = classpath, kwargs

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return self._parts


def _input_of(task: Any) -> NamedTrigger:
    """What stands for somebody's answer, and for the lack of one."""
    params = getattr(task, "params", None)
    facts = {"defaults": getattr(task, "defaults", None), "params_input": params.dump() if params else {}}
    return NamedTrigger(AWAITING_INPUT, facts)


def resume(task: Any, method: str, kwargs: dict[str, Any], context: Any) -> Any:
    """What `BaseOperator.resume_execution` does. Raises TaskDeferralError or TaskDeferralTimeout for `__fail__`."""
    if method == TRIGGER_FAIL_REPR:
        trace = kwargs.get("traceback")
        if trace:
            task.log.error("Trigger failed:\n%s", trace if isinstance(trace, str) else "\n".join(trace))
        error = kwargs.get("error", "Unknown")
        kind = TaskDeferralTimeout if error == TriggerFailureReason.TRIGGER_TIMEOUT else TaskDeferralError
        raise kind(str(error))
    if not method:
        raise AirflowException(
            f"cannot resume {task.task_id!r}: it deferred without a method, and its trigger did not end it"
        )
    return getattr(task, method)(context, **kwargs)


def _next_call(resume: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if resume.get("error"):
        reason = _REASONS.get(resume["error"], TriggerFailureReason.TRIGGER_FAILURE)
        return TRIGGER_FAIL_REPR, {"error": reason, "traceback": resume.get("traceback")}
    return resume["next_method"], {**from_plain(resume["next_kwargs"]), "event": from_plain(resume["event"])}


def _seconds(timeout: Any) -> float | None:
    if timeout is None or isinstance(timeout, (int, float)):
        return timeout
    return float(timeout.total_seconds())


def _time_left(task: Any, first_start: float) -> float | None:
    limit = _seconds(task.execution_timeout)
    if limit is None or generation() >= 3:
        return None
    return max(0.0, limit - (time.time() - first_start))


def _shorter(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
