"""A task's callbacks and mails, sent from its own process. What one of them raises is logged and changes nothing."""

from __future__ import annotations

import logging
from typing import Any

from airflow._task.tracebacks import clean

log = logging.getLogger("airflow.task")
_MAILS = {"on_failure_callback": "email_on_failure", "on_retry_callback": "email_on_retry"}


def tell(task: Any, context: Any, name: str) -> list[BaseException]:
    """Call the task's callback of that name, and send the mail that goes with it. What they raised."""
    raised = run_callbacks(getattr(task, name), context, name)
    if task.email and getattr(task, _MAILS.get(name, ""), False):
        raised += _send_mail(task, context)
    return raised


def run_callbacks(callbacks: Any, context: Any, name: str) -> list[BaseException]:
    """Call one callback or each of a list with the context. What they raised."""
    raised: list[BaseException] = []
    for callback in callbacks if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []:
        try:
            callback(context)
        except Exception as error:
            clean(error)
            log.error("cannot finish %s: it raised", name, exc_info=error)
            raised.append(error)
    return raised


def _send_mail(task: Any, context: Any) -> list[BaseException]:
    from airflow._task.alerts import send_alert

    try:
        send_alert(task, context)
    except Exception as error:
        clean(error)
        log.error("cannot send the mail about the failure", exc_info=error)
        return [error]
    return []
