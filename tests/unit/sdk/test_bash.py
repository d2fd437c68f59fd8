"""BashOperator: what it runs, what it keeps, and that nothing outlives it."""

from __future__ import annotations

import os
import select
import time
from typing import Any

import pytest

from .conftest import Bundle

HEAD = """
from datetime import timedelta
from airflow import DAG
from airflow.operators.bash import BashOperator
dag = DAG('d')
"""


def run(bundle: Bundle, arguments: str) -> dict[str, Any]:
    return bundle.run(bundle.load(f"{HEAD}BashOperator(task_id='t', dag=dag, {arguments})"), "t")


@pytest.mark.parametrize(
    "arguments, state, value",
    [
        ("bash_command='echo one; echo two'", "success", "two"),
        ("bash_command='true'", "success", ""),
        (
            "bash_command='echo {{ params.x }} $Y', params={'x': 1}, env={'Y': '{{ ds }}'}",
            "success",
            "1 2024-05-06",
        ),
        ("bash_command='echo ${Y}${HOME:+set}', env={'Y': '1'}", "success", "1"),
        ("bash_command='echo ${Y}${HOME:+set}', env={'Y': '1'}, append_env=True", "success", "1set"),
        ("bash_command='echo $AIRFLOW_CTX_DAG_ID.$AIRFLOW_CTX_TASK_ID'", "success", "d.t"),
        ("bash_command='pwd', cwd='/'", "success", "/"),
        ("bash_command='echo 5', output_processor=int", "success", 5),
        ("bash_command='printf \"\\\\xff\\\\n\"'", "success", "\\xff"),
        ("bash_command='exit 3'", "failed", None),
        ("bash_command='exit 99'", "skipped", None),
        ("bash_command='exit 99', skip_on_exit_code=None", "failed", None),
        ("bash_command='exit 3', skip_on_exit_code=[2, 3]", "skipped", None),
        ("bash_command='pwd', cwd='/no/such/place'", "failed", None),
        ("bash_command='echo {{ nothing }}'", "failed", None),
    ],
)
def test_command(bundle: Bundle, arguments: str, state: str, value: Any) -> None:
    word = run(bundle, arguments)
    assert word["state"] == state, word["reason"]
    assert word["xcoms"].get("return_value") == value


def test_failure_says_the_exit_code(bundle: Bundle) -> None:
    assert "non-zero exit code 7" in run(bundle, "bash_command='exit 7'")["reason"]


def test_output_is_logged_line_by_line(bundle: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    run(bundle, "bash_command='echo one; echo two >&2'")
    out = capfd.readouterr().out
    assert '"event": "one"' in out and '"event": "two"' in out


def test_script_file_beside_the_dag_is_rendered(bundle: Bundle) -> None:
    bundle.write("echo script of {{ ds }}\n", "scripts/run.sh")
    assert run(bundle, "bash_command='scripts/run.sh'")["xcoms"]["return_value"] == "script of 2024-05-06"


def test_timeout_ends_the_command_and_what_it_started(bundle: Bundle) -> None:
    note = bundle.path / "pid"
    command = f"(sleep 60 & echo $! > {note}; wait) & sleep 60"
    began = time.monotonic()
    word = run(bundle, f"bash_command={command!r}, execution_timeout=timedelta(seconds=0.3)")
    assert word["state"] == "failed" and "execution_timeout" in word["reason"]
    assert time.monotonic() - began < 5
    assert has_ended(int(note.read_text()))


def has_ended(pid: int) -> bool:
    """Whether a process, which was told to end, does so soon."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)


def test_command_has_a_process_group_of_its_own_in_our_session(bundle: Bundle) -> None:
    value = run(bundle, "bash_command='ps -o pgid=,sid= -p $$'")["xcoms"]["return_value"].split()
    assert int(value[0]) != os.getpgid(0)
    assert int(value[1]) == os.getsid(0)
