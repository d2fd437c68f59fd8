"""Running one task: its end, its XComs, its callbacks, its log."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Bundle

HEAD = """
import os, signal, sys, time
from datetime import datetime, timedelta
from airflow import DAG
from airflow.exceptions import *
from airflow.models import BaseOperator
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import *
from airflow.decorators import task
dag = DAG("d", schedule=None)
def python(f=None, **kwargs):
    return PythonOperator(task_id="t", python_callable=f, dag=dag, **kwargs)
"""


@pytest.fixture
def one(bundle: Bundle) -> Callable[..., dict[str, Any]]:
    """Run the task `t` of a file."""

    def run(source: str, **changes: Any) -> dict[str, Any]:
        return bundle.run(bundle.load(HEAD + source), "t", **changes)

    return run


def log_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[1:]) for line in text.split("\n") if line.startswith("\x1e")]


@pytest.mark.parametrize(
    "error, state, retry, reason",
    [
        ("AirflowSkipException('not today')", "skipped", True, "not today"),
        ("AirflowFailException('never')", "failed", False, "AirflowFailException: never"),
        ("AirflowSensorTimeout('long')", "failed", False, "AirflowSensorTimeout: long"),
        ("AirflowException('once')", "failed", True, "AirflowException: once"),
        ("ValueError('two\\nlines')", "failed", True, "ValueError: two lines"),
        ("KeyError('k')", "failed", True, "KeyError: 'k'"),
        ("AirflowTaskTimeout('late')", "failed", True, "AirflowTaskTimeout: late"),
        ("SystemExit(3)", "failed", True, "SystemExit: the task ended the interpreter with 3"),
        ("KeyboardInterrupt()", "failed", True, "KeyboardInterrupt"),
    ],
)
def test_exception_decides_the_state(
    one: Callable[..., Any], error: str, state: str, retry: bool, reason: str
) -> None:
    word = one(f"def f():\n    raise {error}\npython(f)")
    assert (word["state"], word["retry"], word["reason"]) == (state, retry, reason)


def test_reschedule_says_when(one: Callable[..., Any]) -> None:
    from datetime import UTC, datetime

    raising = "raise AirflowRescheduleException(datetime(2030, 1, 1, tzinfo=UTC))"
    word = one(f"def f():\n    from datetime import UTC\n    {raising}\npython(f)")
    assert (word["state"], word["until"]) == (
        "up_for_reschedule",
        datetime(2030, 1, 1, tzinfo=UTC).timestamp(),
    )


def test_failure_is_in_the_log_without_our_frames(
    one: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    one("def f():\n    raise ValueError('broken')\npython(f)")
    (line,) = [line for line in log_lines(capfd.readouterr().out) if line["level"] == "error"]
    assert "ValueError: broken" in line["error_detail"] and "in f" in line["error_detail"]
    assert "runner/sdk/airflow" not in line["error_detail"]


def test_prints_stay_raw_and_in_order_with_logs(
    one: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    source = """
def f(ti):
    print("first")
    ti.log.warning("second %s", "time")
    print("third")
python(f)
"""
    one(source)
    out = capfd.readouterr().out.split("\n")  # splitlines would split at the mark
    assert [line if not line.startswith("\x1e") else json.loads(line[1:])["event"] for line in out][:3] == [
        "first",
        "second time",
        "third",
    ]
    assert json.loads(out[1][1:])["level"] == "warning"


@pytest.mark.parametrize("level, seen", [("INFO", True), ("ERROR", False)])
def test_log_level_is_that_of_the_environment(
    one: Callable[..., Any], capfd: pytest.CaptureFixture[str], level: str, seen: bool
) -> None:
    one("def f(ti):\n    ti.log.info('detail')\npython(f)", settings={"log_level": level})
    assert ("detail" in capfd.readouterr().out) is seen


@pytest.mark.parametrize(
    "returned, arguments, xcoms",
    [
        ("5", "", {"return_value": 5}),
        ("None", "", {}),
        ("5", "do_xcom_push=False", {}),
        ("{'a': 1, 'b': (2,)}", "multiple_outputs=True",
         {"a": 1, "b": {"__type": "tuple", "__var": [2]},
          "return_value": {"a": 1, "b": {"__type": "tuple", "__var": [2]}}}),
    ],
)  # fmt: skip
def test_return_value_is_handed_over_with_the_state(
    one: Callable[..., Any], returned: str, arguments: str, xcoms: dict[str, Any]
) -> None:
    assert one(f"python(lambda: {returned}, {arguments})")["xcoms"] == xcoms


@pytest.mark.parametrize(
    "returned, arguments, words",
    [
        ("object()", "", "cannot encode the return value: builtins.object has no JSON form"),
        ("[1, {'k': open}]", "", "cannot encode the return value[1].k"),
        ("5", "multiple_outputs=True", "multiple_outputs needs a dict"),
        ("{1: 2}", "multiple_outputs=True", "keys must be text"),
    ],
)
def test_result_that_cannot_be_kept_fails_the_task(
    one: Callable[..., Any], returned: str, arguments: str, words: str
) -> None:
    word = one(f"python(lambda: {returned}, {arguments})")
    assert (word["state"], word["xcoms"]) == ("failed", {})
    assert words in word["reason"]


def test_execution_timeout_stops_a_function_that_catches_exceptions(one: Callable[..., Any]) -> None:
    source = """
def f():
    for _ in range(100):
        try:
            time.sleep(0.1)
        except Exception:
            pass
python(f, execution_timeout=timedelta(seconds=0.1))
"""
    began = time.monotonic()
    word = one(source)
    assert word["state"] == "failed" and "execution_timeout of 0.1 seconds" in word["reason"]
    assert time.monotonic() - began < 3
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_workload_limit_is_over_the_tasks(one: Callable[..., Any]) -> None:
    word = one("python(lambda: time.sleep(5), execution_timeout=timedelta(9))", execution_timeout=0.05)
    assert "0.05 seconds" in word["reason"]


def test_sigterm_calls_on_kill_and_fails(one: Callable[..., Any], capfd: pytest.CaptureFixture[str]) -> None:
    source = """
class Killed(BaseOperator):
    def execute(self, context):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    def on_kill(self):
        print("stopping what was started")
Killed(task_id="t", dag=dag)
"""
    word = one(source)
    assert (word["state"], word["reason"]) == ("failed", "the task was told to end (SIGTERM)")
    assert "stopping what was started" in capfd.readouterr().out
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


CALLBACKS = """
called = []
names = ("execute", "success", "failure", "retry", "skipped")
callbacks = {f"on_{name}_callback": (lambda c, name=name: print("called", name, c["ti"].task_id)) for name in names}
"""


@pytest.mark.parametrize(
    "body, tries, expected",
    [
        ("None", (1, 1), ["execute", "success"]),
        ("1 / 0", (1, 2), ["execute", "retry"]),
        ("1 / 0", (2, 2), ["execute", "failure"]),
        ("fail(AirflowFailException())", (1, 9), ["execute", "failure"]),
        ("fail(AirflowSkipException())", (1, 1), ["execute", "skipped"]),
    ],
)
def test_callback_of_each_end(
    one: Callable[..., Any],
    capfd: pytest.CaptureFixture[str],
    body: str,
    tries: tuple[int, int],
    expected: list[str],
) -> None:
    source = f"{CALLBACKS}\ndef fail(e): raise e\npython(lambda: {body}, **callbacks)"
    one(source, try_number=tries[0], max_tries=tries[1])
    called = [line.split()[1] for line in capfd.readouterr().out.splitlines() if line.startswith("called")]
    assert called == expected


def test_a_task_that_skips_itself_counts_as_a_success_up_to_2_11(
    one: Callable[..., Any], capfd: pytest.CaptureFixture[str], generation: int
) -> None:
    one(
        "def skip(): raise AirflowSkipException\n"
        "python(skip, on_skipped_callback=lambda c: print('called skipped'),"
        " on_success_callback=lambda c: print('called success', c['ti'].state))"
    )
    called = [line for line in capfd.readouterr().out.splitlines() if line.startswith("called")]
    assert called == ["called skipped", "called success skipped"][: 1 if generation == 3 else 2]


def test_callback_that_raises_changes_nothing(
    one: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    word = one(
        "def bad(c):\n    raise RuntimeError('in the callback')\npython(int, on_success_callback=[bad, print])"
    )
    assert word["state"] == "success"
    assert "in the callback" in capfd.readouterr().out


@pytest.mark.parametrize(
    "rest, skipped",
    [
        ("BranchPythonOperator(task_id='t', python_callable=lambda: 'a', dag=dag) >> [a, b]", ["b"]),
        ("BranchPythonOperator(task_id='t', python_callable=lambda: ['a', 'b'], dag=dag) >> [a, b, c]", ["c"]),
        ("BranchPythonOperator(task_id='t', python_callable=lambda: None, dag=dag) >> [a, b]", ["a", "b"]),
        ("BranchPythonOperator(task_id='t', python_callable=lambda: 'c', dag=dag) >> [a, b]; b << c", ["a"]),
        # what the chosen branch leads to is not skipped, although it is a direct successor
        ("t = BranchPythonOperator(task_id='t', python_callable=lambda: 'a', dag=dag)\nt >> [a, b]\na >> b", []),
        ("ShortCircuitOperator(task_id='t', python_callable=lambda: False, dag=dag) >> a >> b", ["a", "b"]),
        ("ShortCircuitOperator(task_id='t', python_callable=lambda: 1, dag=dag) >> a >> b", []),
        ("ShortCircuitOperator(task_id='t', python_callable=lambda: 0, ignore_downstream_trigger_rules=False, dag=dag)"
         " >> a >> b", ["a"]),
    ],
)  # fmt: skip
def test_branches_skip(one: Callable[..., Any], rest: str, skipped: list[str]) -> None:
    head = "a, b, c = (EmptyOperator(task_id=name, dag=dag) for name in 'abc')\n"
    word = one(head + rest)
    assert word["state"] == "success", word["reason"]
    assert word["details"].get("skip", []) == skipped


@pytest.mark.parametrize(
    "chosen, words",
    [("'nowhere'", "has no such task"), ("5", "not a task id")],
)
def test_branch_to_a_wrong_place_fails(one: Callable[..., Any], chosen: str, words: str) -> None:
    word = one(
        "a = EmptyOperator(task_id='a', dag=dag)\n"
        f"BranchPythonOperator(task_id='t', python_callable=lambda: {chosen}, dag=dag) >> a"
    )
    assert word["state"] == "failed" and words in word["reason"]


def test_missing_dag_and_task_fail_with_a_reason(bundle: Bundle) -> None:
    dags = bundle.load(HEAD)
    assert "cannot find the task 't' in DAG 'd'" in bundle.run(dags, "t")["reason"]
    from airflow._task.execute import execute
    from airflow._wire.workload import Workload

    word = execute(Workload("a", "other", "r", "t", 1, 1, "b", "f.py", {}), dags, bundle.comms, {})
    assert word["state"] == "failed" and "cannot find the DAG 'other' in f.py" in word["reason"]


def test_attempts_do_not_change_the_loaded_task(bundle: Bundle) -> None:
    dags = bundle.load(HEAD + "BashOperator(task_id='t', bash_command='echo {{ ds }}', dag=dag)")
    assert bundle.run(dags, "t")["xcoms"] == {"return_value": "2024-05-06"}
    assert dags["d"].get_task("t").bash_command == "echo {{ ds }}"


def test_exit_code_of_the_process_is_untouched(one: Callable[..., Any]) -> None:
    before = os.getpid()
    one("python(lambda: sys.exit(0))")
    assert os.getpid() == before


CALLS = """
calls = []
def note(context):
    ti = context["ti"]
    error, run = str(context.get("exception")), context["dag_run"]
    calls.append((ti.task_id, ti.try_number, context["reason"], error, run.state))
dag.on_failure_callback = [note, note]
python(lambda: 1, on_retry_callback=note)
"""


@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [
        ("dag_failure", "failed", [("t", 2, "why", "None", "failed")] * 2),
        ("dag_success", "success", []),
        ("task", "up_for_retry", [("t", 2, "why", "why", "up_for_retry")]),
    ],
    ids=["of the DAG", "none there", "of a task"],
)
def test_a_callback_gets_the_context_of_the_task_it_is_about(
    bundle: Bundle, kind: str, state: str, expected: list[Any]
) -> None:
    dags = bundle.load(HEAD + CALLS)
    about = {"task_id": "t", "map_index": -1, "try_number": 2, "max_tries": 3}
    wanted = {"id": 1, "kind": kind, "state": state, "reason": "why", "task": about}
    word = bundle.run(dags, "t", extra={"callback": wanted})
    assert word["state"] == "success"
    assert _calls(dags) == expected


def test_a_callback_that_raises_says_so_and_is_not_called_again(
    bundle: Bundle, capfd: pytest.CaptureFixture[str]
) -> None:
    dags = bundle.load(HEAD + "dag.on_success_callback = lambda context: 1 / 0\npython(lambda: 1)")
    wanted = {"id": 1, "kind": "dag_success", "state": "success", "reason": "success", "task": None}
    word = bundle.run(dags, "t", extra={"callback": wanted})
    assert (word["state"], word["retry"]) == ("failed", False)
    assert "ZeroDivisionError" in capfd.readouterr().out


def _calls(dags: dict[str, Any]) -> list[Any]:
    return dags["d"].get_task("t").python_callable.__globals__["calls"]  # type: ignore[no-any-return]


def test_tasks_to_skip_may_be_ids_pairs_and_tasks(one: Callable[..., Any]) -> None:
    word = one(
        "a = EmptyOperator(task_id='a', dag=dag)\ndef skip():\n"
        "    raise DownstreamTasksSkipped(tasks=[a, 'b', ('c', -1)])\npython(skip) >> a"
    )
    assert (word["state"], word["details"]["skip"]) == ("success", ["a", "b", "c"])
