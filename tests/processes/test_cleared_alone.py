"""Tasks that are cleared without the branch before them: a real engine and agent end them as Airflow does.

What it makes of each was seen in the scheduler of 3.3.2, with these tasks, each cleared alone in a run that had ended.
"""

from __future__ import annotations

from pathlib import Path

from tests.processes.cells import wait_for
from tests.processes.whole import WholeCell, run_cell

FILE = """
from airflow.providers.standard.operators.python import ShortCircuitOperator
from airflow.sdk import DAG, task

with DAG("d", schedule=None):
    @task
    def work(x=None):
        return x

    @task.branch
    def choose(ti=None):
        return "yes" if ti.try_number == 1 else "no"
    choose() >> [
        work.override(task_id="yes")(),
        (no := work.override(task_id="no")()),
        work.override(task_id="no_done", trigger_rule="all_done")(),
    ]
    no >> work.override(task_id="below", trigger_rule="all_done")()

    cut = ShortCircuitOperator(task_id="cut", python_callable=lambda: False)
    cut >> work.override(task_id="s1")() >> work.override(task_id="s2", trigger_rule="all_done")()
    soft = ShortCircuitOperator(
        task_id="soft", python_callable=lambda: False, ignore_downstream_trigger_rules=False
    )
    soft >> work.override(task_id="p1")() >> work.override(task_id="p2", trigger_rule="all_done")()

    @task.branch
    def choose_none():
        return []
    choose_none() >> work.override(task_id="wide").expand(x=[1, 2])
"""
ENDED = {
    "below": ["success"],
    "choose": ["success"],
    "choose_none": ["success"],
    "cut": ["success"],
    "no": ["skipped"],
    "no_done": ["skipped"],
    "p1": ["skipped"],
    "p2": ["success"],
    "s1": ["skipped"],
    "s2": ["skipped"],
    "soft": ["success"],
    "wide": ["skipped", "skipped"],
    "yes": ["success"],
}


def test_tasks_that_a_branch_skipped_are_skipped_again_until_the_branch_itself_runs_again(
    tmp_path: Path,
) -> None:
    with run_cell(tmp_path / "cell", FILE, airflow_version="3.3.2") as whole:
        key = whole.cell.trigger("d")
        wait_for(lambda: whole.cell.run_state(key) == "success", 60)
        assert states(whole, key) == ENDED
        tries = clear(whole, key, ["no", "no_done", "below", "s1", "p1", "wide"])
        assert states(whole, key) == ENDED
        assert tries == {"below"}  # its rule is met, and no branch is right before it
        assert clear(whole, key, ["s2", "p2", "yes"]) == {"s2", "p2", "yes"}
        assert states(whole, key) == {**ENDED, "s2": ["success"]}
        assert clear(whole, key, ["choose", "yes", "no", "no_done"]) == {"choose", "no"}
        changed = {"s2": ["success"], "yes": ["skipped"], "no": ["success"]}
        assert states(whole, key) == {**ENDED, **changed}
        assert clear(whole, key, ["yes", "no"]) == {"no"}
        assert states(whole, key) == {**ENDED, **changed}


def clear(whole: WholeCell, key: int, task_ids: list[str]) -> set[str]:
    """Clear tasks and wait for the run's end; those that had another try."""
    before = tries(whole, key)
    body = {"dry_run": False, "dag_run_id": "r1", "task_ids": task_ids, "only_failed": False}
    assert whole.call("POST", "/dags/d/clearTaskInstances", json=body).status_code == 200
    wait_for(lambda: whole.cell.run_state(key) == "success", 60)
    after = tries(whole, key)
    return {name for name in after if after[name] != before[name]}


def tries(whole: WholeCell, key: int) -> dict[str, int]:
    return {row.task_id: row.try_number for row in whole.cell.instances(key, "task_id", "try_number")}


def states(whole: WholeCell, key: int) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for row in whole.cell.instances(key, "task_id", "map_index", "state"):
        found.setdefault(row.task_id, []).append(row.state)
    return found
