"""Runs whose snapshot is not on this machine: nothing of theirs starts without its code, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow._wire import messages

from runner.events import DagsChanged
from runner.store.dag_files import DagFile, put_dag_files
from tests.processes.cells import Cell, make_dag
from tests.processes.rig import Rig


@pytest.fixture
def rig(database_url: str, tmp_path: Path) -> Iterator[Rig]:
    """`d` was recorded by another machine; `here` is of this one."""
    cell = Cell(tmp_path / "cell", database_url)
    cell.put(make_dag("here", {"a": []}, file="here.py"), bundle="new")
    cell.put(make_dag("d", {"a": [], "b": ["a"]}, has_on_success_callback=True))
    rig = Rig(cell)
    rig.elsewhere.add("bundle")
    yield rig
    rig.close()
    cell.close()


def works(rig: Rig) -> list[tuple[str, str, str, bool]]:
    """What was handed to the agent: run, task, snapshot, and whether it is a callback."""
    return [(w["run_id"], w["task_id"], w["bundle"], "callback" in w["extra"]) for w in rig.agent.runs]


def test_tasks_wait_until_their_snapshot_is_here_and_hold_nobody_up(rig: Rig) -> None:
    rig.connect()
    keys = [rig.trigger("d", f"waits{turn}") for turn in range(40)]  # more than the agent has slots
    rig.finish(rig.trigger("here"))
    assert works(rig) == [("r1", "a", "new", False)]
    assert {tuple(row) for key in keys for row in rig.cell.instances(key, "state", "try_number")} <= {
        ("scheduled", 0),
        (None, 0),
    }
    rig.elsewhere.clear()
    rig.scheduler.post(DagsChanged())
    for key in keys:
        rig.finish(key)
    tasks = [work for work in works(rig)[1:] if not work[3]]
    assert sorted(tasks) == sorted((f"waits{n}", name, "bundle", False) for n in range(40) for name in "ab")
    assert {tuple(row) for row in rig.cell.instances(keys[0], "state", "try_number")} == {("success", 1)}


def test_a_run_goes_on_with_the_newest_version_when_nobody_has_its_files_any_more(rig: Rig) -> None:
    rig.connect()
    key = rig.trigger("d")
    rig.finish(rig.trigger("here"))
    rig.cell.put(make_dag("d", {"a": [], "c": ["a"]}), bundle="new")
    rig.scheduler.post(DagsChanged())
    rig.finish(key)
    assert works(rig)[1:] == [("r1", "a", "new", False), ("r1", "c", "new", False)]
    states = {row.task_id: row.state for row in rig.cell.instances(key, "task_id", "state")}
    assert states == {"a": "success", "b": "removed", "c": "success"}


@pytest.mark.parametrize("brought", ["bundle", "new"])
def test_a_callback_waits_for_its_snapshot_and_takes_the_newest_when_nobody_has_it(
    rig: Rig, brought: str
) -> None:
    def leave_with_the_last_task(work: dict[str, Any]) -> dict[str, Any]:
        if work["task_id"] == "b":
            rig.elsewhere.add("bundle")
        return messages.outcome("success", started_at=1.0, ended_at=2.0)

    rig.elsewhere.clear()
    rig.agent.decide = leave_with_the_last_task
    rig.connect()
    rig.finish(rig.trigger("d"))
    rig.finish(rig.trigger("here"))
    assert not any(work[3] for work in works(rig))
    with rig.cell.db.begin() as conn:
        put_dag_files(conn, [DagFile("f.py", "digest", brought, 1.0, 0.1)])
    rig.elsewhere -= {brought}
    rig.scheduler.post(DagsChanged())
    rig.agent.serve(lambda: any(work[3] for work in works(rig)) and not rig.agent.held)
    assert [(run, bundle) for run, _task, bundle, called in works(rig) if called] == [("r1", brought)]


def test_a_callback_that_never_arrived_is_handed_over_again_with_the_files_that_are_here(rig: Rig) -> None:
    def call_nobody(work: dict[str, Any]) -> dict[str, Any] | None:
        if work["task_id"] == "b":
            rig.elsewhere.add("bundle")
        return (
            None if "callback" in work["extra"] else messages.outcome("success", started_at=1.0, ended_at=2.0)
        )

    rig.elsewhere.clear()
    with rig.cell.db.begin() as conn:
        put_dag_files(conn, [DagFile("f.py", "digest", "new", 1.0, 0.1)])
    rig.agent.decide = call_nobody
    rig.connect()
    rig.trigger("d")
    rig.agent.serve(lambda: any(work[3] for work in works(rig)))
    rig.agent.close()
    rig.agent.held.clear()
    rig.elsewhere.add("bundle")
    rig.connect()
    rig.agent.serve(lambda: sum(work[3] for work in works(rig)) == 2)
    assert [bundle for _run, _task, bundle, called in works(rig) if called][1] == "new"
