"""What a task's retry policy says of its failure, and what becomes of that."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Bundle

HEAD = """
from datetime import datetime, timedelta
from airflow.sdk import DAG, BaseOperator, ExceptionRetryPolicy, RetryAction, RetryDecision, RetryPolicy, RetryRule
from airflow.exceptions import *

from airflow.providers.standard.operators.python import PythonOperator
dag = DAG("d", schedule=None)
asked = []
class Policy(RetryPolicy):
    def __init__(self, answer):
        self.answer = answer
    def evaluate(self, exception, try_number, max_tries, context=None):
        asked.append((type(exception).__name__, try_number, max_tries, context["ti"].task_id))
        return self.answer() if callable(self.answer) else self.answer
def python(error, policy, **kwargs):
    def f():
        raise error
    return PythonOperator(task_id="t", python_callable=f, retry_policy=policy, dag=dag, **kwargs)
"""
RULES = """
rules = ExceptionRetryPolicy([
    RetryRule(ConnectionError, RetryAction.RETRY, timedelta(seconds=70), "the line is busy"),
    RetryRule(["builtins.KeyError", PermissionError], RetryAction.FAIL),
])
"""


@pytest.fixture
def fail(bundle: Bundle) -> Callable[..., dict[str, Any]]:
    """Run the task `t` of a file in its first of four tries; how long its delay is instead of `until`."""

    def run(source: str, **changes: Any) -> dict[str, Any]:
        before = time.time()
        word = bundle.run(bundle.load(HEAD + RULES + source), "t", **{"max_tries": 4, **changes})
        if word["until"] is not None:
            late = time.time() - before
            word["delay"] = round(word["until"] - before - late / 2)
            assert late < 1
        return word

    return run


@pytest.mark.parametrize(
    "call, retry, delay, reason",
    [
        (
            "python(ConnectionResetError('x'), rules)",
            True,
            70,
            "ConnectionResetError: x (retry policy: retry, the line is busy)",
        ),
        (
            "python(KeyError('k'), rules)",
            False,
            None,
            "KeyError: 'k' (retry policy: fail, Matched rule for KeyError)",
        ),
        ("python(ValueError('v'), rules)", True, None, "ValueError: v"),
        ("python(ValueError('v'), Policy(RetryDecision.fail()))", False, None, "ValueError: v"),
        ("python(ValueError('v'), Policy(RetryDecision.retry()))", True, None, "ValueError: v"),
        (
            "python(ValueError('v'), Policy(RetryDecision.retry(timedelta(0), 'at once')))",
            True,
            0,
            "ValueError: v (retry policy: retry, at once)",
        ),
        (
            "python(ValueError('v'), Policy(RetryDecision(RetryAction.DEFAULT, timedelta(9))))",
            True,
            None,
            "ValueError: v",
        ),
        ("python(AirflowSkipException('s'), Policy(RetryDecision.fail()))", True, None, "s"),
    ],
)
def test_policy_decides_when_its_task_failed(
    fail: Callable[..., Any], call: str, retry: bool, delay: int | None, reason: str
) -> None:
    word = fail(call)
    assert (word["retry"], word.get("delay"), word["reason"]) == (retry, delay, reason)


def test_policy_is_told_what_failed_and_which_try_it_was(
    fail: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    fail(
        "python(SystemExit(3), Policy(lambda: print(asked) or RetryDecision.default()))",
        try_number=2,
        max_tries=5,
    )
    assert "[('SystemExit', 2, 4, 't')]" in capfd.readouterr().out


@pytest.mark.parametrize(
    "error, retry",
    [
        ("AirflowFailException('never')", False),
        ("AirflowSensorTimeout('late')", False),
        ("AirflowTaskTerminated('ended')", True),
    ],
)
def test_policy_is_not_asked_when_the_end_is_decided_already(
    fail: Callable[..., Any], error: str, retry: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    word = fail(
        f"python({error}, Policy(lambda: print('it was asked') or RetryDecision.retry(timedelta(1))))"
    )
    assert (word["retry"], word["until"]) == (retry, None)
    assert "it was asked" not in capfd.readouterr().out


@pytest.mark.parametrize(
    "answer", ["lambda: 1 / 0", "None", "lambda: 'fail'", "RetryDecision.retry(timedelta.max)"]
)
def test_own_retries_count_and_the_log_says_why_when_a_policy_gives_no_usable_answer(
    fail: Callable[..., Any], answer: str, capfd: pytest.CaptureFixture[str]
) -> None:
    word = fail(f"python(ValueError('v'), Policy({answer}))")
    assert (word["state"], word["retry"], word["until"]) == ("failed", True, None)
    events = [
        json.loads(line[1:])["event"] for line in capfd.readouterr().out.split("\n") if line[:1] == "\x1e"
    ]
    failed = events.index("Task failed with exception")
    assert events[failed + 1].startswith("cannot use the retry policy")


@pytest.mark.parametrize(
    "error, number, called",
    [("KeyError()", 1, "failure"), ("OSError()", 1, "retry"), ("OSError()", 4, "failure")],
)
def test_callback_is_that_of_the_end_that_the_policy_decided(
    fail: Callable[..., Any], error: str, number: int, called: str, capfd: pytest.CaptureFixture[str]
) -> None:
    callbacks = ", ".join(
        f"on_{name}_callback=lambda context: print('called', '{name}')" for name in ("failure", "retry")
    )
    fail(f"python({error}, rules, {callbacks})", try_number=number)
    said = [line for line in capfd.readouterr().out.split("\n") if line.startswith("called")]
    assert said == [f"called {called}"]


def test_policy_of_a_mapped_task_is_asked_for_each_of_its_instances(fail: Callable[..., Any]) -> None:
    source = """
class Failing(BaseOperator):
    def __init__(self, number, **kwargs):
        super().__init__(**kwargs)
        self.number = number
    def execute(self, context):
        raise [ConnectionError, KeyError][self.number]()
Failing.partial(task_id="t", retry_policy=rules, dag=dag).expand(number=[0, 1])
"""
    assert [fail(source, map_index=i)["retry"] for i in (0, 1)] == [True, False]
