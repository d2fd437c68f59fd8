"""What a retry policy makes of failures: tries, ends and callbacks. The tasks' own delays are too long to wait for."""
from __future__ import annotations

from datetime import timedelta

from airflow.exceptions import AirflowFailException
from airflow.sdk import (
    DAG,
    ExceptionRetryPolicy,
    RetryAction,
    RetryDecision,
    RetryPolicy,
    RetryRule,
    get_current_context,
    task,
)

SOON = timedelta(milliseconds=50)


class UntilTry(RetryPolicy):
    """Tries again at once until it has seen a try, and leaves the rest to the task."""

    def __init__(self, last: int) -> None:
        self.last = last

    def evaluate(self, exception, try_number, max_tries, context=None):
        if max_tries != 4 or context["ti"].try_number != try_number:
            return RetryDecision.fail("it was told something wrong")
        return RetryDecision.fail("seen") if try_number == self.last else RetryDecision.retry(SOON)


class Broken(RetryPolicy):
    def evaluate(self, exception, try_number, max_tries, context=None):
        raise RuntimeError("no idea")


RULES = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=ConnectionError, retry_delay=SOON, reason="the line was busy"),
        RetryRule(exception=["builtins.KeyError", PermissionError], action=RetryAction.FAIL),
        RetryRule(exception="builtins.OSError", action=RetryAction.FAIL, match_subclasses=False),
    ],
)


def count():
    """The try, left where the comparison finds it."""
    ti = get_current_context()["ti"]
    ti.xcom_push("try", ti.try_number)
    return ti.try_number


with DAG("gen3_retry_policy", schedule=None) as dag:

    @task(retries=4, retry_delay=timedelta(hours=1), retry_policy=RULES)
    def retried_until_good():
        if count() < 3:
            raise ConnectionResetError("busy")

    @task(retries=1, retry_delay=timedelta(hours=1), retry_policy=RULES)
    def retried_no_more_than_allowed():
        count()
        raise ConnectionError("busy")

    @task(retries=4, retry_delay=timedelta(0), retry_policy=RULES)
    def failed_at_once():
        count()
        raise KeyError("k")

    @task(retries=2, retry_delay=timedelta(0), retry_policy=RULES)
    def no_rule_fits():
        count()
        raise TimeoutError("a subclass of OSError")

    @task(retries=4, retry_delay=timedelta(hours=1), retry_policy=UntilTry(3))
    def own_policy():
        count()
        raise ValueError

    @task(retries=2, retry_delay=timedelta(0), retry_policy=Broken())
    def broken_policy():
        count()
        raise ValueError

    @task(retries=2, retry_policy=UntilTry(9))
    def never_asked():
        count()
        raise AirflowFailException

    @task(retries=1, retry_delay=timedelta(hours=1), retry_policy=RULES)
    def mapped(error):
        count()
        raise [ConnectionError, KeyError][error]

    @task(trigger_rule="all_done")
    def after():
        return "ran"

    tasks = [
        retried_until_good(),
        retried_no_more_than_allowed(),
        failed_at_once(),
        no_rule_fits(),
        own_policy(),
        broken_policy(),
        never_asked(),
        mapped.expand(error=[0, 1]),
    ]
    tasks >> after()
