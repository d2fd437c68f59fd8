"""What the retry policy of a failed task makes of its end. Imported by tasks that have one only."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import replace
from typing import Any

from airflow._task.outcomes import Outcome
from airflow.exceptions import AirflowTaskTerminated
from airflow.models.retry_policy import RetryAction, RetryDecision
from airflow.utils.timezone import utcnow

log = logging.getLogger("airflow.task")
_LONGEST = 500  # as many characters of a policy's reason as Airflow keeps


def ask_policy(policy: Any, error: BaseException, outcome: Outcome, ti: Any, context: Any) -> Outcome:
    """The outcome as the policy wants it. A policy can end a task before its retries are used up, never after.

    It is not asked of failures that are final anyway, nor of a task that was told to end. An answer that cannot be used
    is logged, and the task's own retries and delay count.
    """
    if not outcome.retry or isinstance(error, AirflowTaskTerminated):
        return outcome
    try:
        decision: RetryDecision = policy.evaluate(
            exception=error, try_number=ti.try_number, max_tries=ti.max_tries, context=context
        )
        return _follow(decision, outcome, utcnow())
    except Exception as problem:
        log.error(
            "cannot use the retry policy, so the task's own retries count: %s", problem, exc_info=problem
        )
        return outcome


def _follow(decision: RetryDecision, outcome: Outcome, now: dt.datetime) -> Outcome:
    """Raises whatever comes of something that is no decision."""
    action, until = decision.action, None
    if decision.reason:
        log.info("Retry policy decision: %s, %s", action.value, decision.reason)
        said = f"{outcome.reason} (retry policy: {action.value}, {decision.reason[:_LONGEST]})"
        outcome = replace(outcome, reason=said)
    if action is RetryAction.RETRY and decision.retry_delay is not None:
        until = (now + decision.retry_delay).timestamp()
    return replace(outcome, retry=action is not RetryAction.FAIL, until=until)
