"""Becoming the tasks' user: nothing of user code acts before the agent's powers are gone."""

from __future__ import annotations

from pathlib import Path

from airflow._wire.cell import Bucket, CellSpec

from runner.agent.interpreter import Interpreter, _split, of_spec


def make(outer: dict[str, str]) -> Interpreter:
    bucket = Bucket("b", "")
    exports = {
        "worker": {"LD_PRELOAD": "/cell/evil.so", "GLIBC_TUNABLES": "x=1", "PATH": "/cell/bin", "A": "1"}
    }
    spec = CellSpec("e", "2.10.3", "", bucket, bucket, "/venv/bin/python", "/sdk", "t", exports=exports)
    return of_spec(spec, Path("/cell"), outer)


def test_nothing_comes_before_the_interpreter_when_the_cell_has_one_user() -> None:
    assert make({}).become == ()


def test_all_powers_are_gone_before_the_interpreter_when_tasks_have_a_user() -> None:
    become = make({"AERODROME_TASK_USER": "4711"}).become
    assert Path(become[0]).is_absolute(), "by no PATH that user code could have set"
    assert {"--reuid=4711", "--regid=4711", "--clear-groups", "--no-new-privs"} < set(become)
    assert {"--inh-caps=-all", "--ambient-caps=-all"} < set(become)
    assert become[-1] == "--"


def test_what_the_loader_acts_on_is_set_after_the_powers_are_gone() -> None:
    early, late = _split(make({"AERODROME_TASK_USER": "4711"}).variables)
    assert not any(name.startswith(("LD_", "GLIBC_")) for name in early)
    assert early["A"] == "1"
    assert Path(late[0]).is_absolute()
    assert {"LD_PRELOAD=/cell/evil.so", "GLIBC_TUNABLES=x=1"} == set(late[1:])
