"""What must hold whatever happens, checked after every committed transaction. Numbers as in the reliability notes.

I1 one run per DAG and logical date · I2 in the end the runs are those of the schedule · I3 at most one live attempt ·
I4 tries without gaps · I5 only steps of the state machine · I6 what is over stays unless a person acted ·
I8 a state is that of its own attempt · I9 limits hold · I10 what starts may start · I11 in the end all is over ·
I13 a run keeps its snapshot · I16 callbacks are called
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from runner.domain.states import LIVE, TERMINAL, TRANSITIONS, TaskInstanceState
from runner.scheduler.callbacks import MAX_TRIES
from runner.store.schema import callback, dag_run, task_instance, task_try
from tests.unit.runner.simulation.dags import POOLS, list_dates

_OVER = {str(state) for state in TERMINAL}
_LIVE = {str(state) for state in LIVE}
_WORKING = _LIVE | {"scheduled"}
_RULES: Mapping[str, Callable[[list[str | None]], bool]] = {
    "all_success": lambda above: all(state == "success" for state in above),
    "one_failed": lambda above: any(state in ("failed", "upstream_failed") for state in above),
    "all_done": lambda above: all(state in _OVER for state in above),
}


class Violation(AssertionError):
    """An invariant does not hold."""


def close_over(edges: Mapping[Any, set[Any]]) -> dict[Any, set[Any]]:
    """What can be reached in one transaction, by any number of steps."""
    reach = {source: set(targets) for source, targets in edges.items()}
    for _ in reach:
        for source, targets in reach.items():
            reach[source] = targets.union(*(reach[target] for target in targets))
    return reach


def _list_engine_edges() -> dict[Any, set[Any]]:
    """The steps that the engine takes of its own accord: none leaves an end, and only a restart begins anew."""
    return {
        source: {
            target
            for target in targets
            if (target is not None or source is TaskInstanceState.RESTARTING)
            and (source not in TERMINAL or target is TaskInstanceState.REMOVED)
        }
        for source, targets in TRANSITIONS.items()
    }


_REACH = {
    _name(source): {_name(target) for target in targets}
    for _name in (lambda state: None if state is None else str(state),)
    for source, targets in close_over(_list_engine_edges()).items()
}
_STEPS = {
    None if source is None else str(source): {None if t is None else str(t) for t in targets}
    for source, targets in TRANSITIONS.items()
}


def check_commit(world: Any, conn: sa.Connection, by_user: bool) -> None:
    """After every transaction."""
    runs = {row.id: row for row in conn.execute(sa.select(dag_run))}
    tasks = conn.execute(sa.select(task_instance)).all()
    _check_runs(world, list(runs.values()))
    _check_steps(world, conn, tasks, runs, by_user)
    _check_tries(conn, tasks)
    _check_limits(world, tasks, list(runs.values()), by_user)
    for row in tasks:
        _check_truth(world, row)
    check_processes(world)


def check_processes(world: Any) -> None:
    """I3 by ground truth: what the machine runs."""
    alive = Counter(held.key for held in world.agent.attempts.values() if held.alive and not held.is_callback)
    if twice := [key for key, number in alive.items() if number > 1]:
        raise Violation(f"I3: {twice[0]} runs twice at once")


def check_works(world: Any, runs: Mapping[str, Any]) -> None:
    """I13: what is handed over is of the snapshot that its run is pinned to."""
    for work in world.agent.works:
        row = runs.get(f"{work['dag_id']}/{work['run_id']}")
        if row is not None and work["bundle"] != row.bundle:
            raise Violation(f"I13: {work['task_id']} of {work['run_id']} got snapshot {work['bundle'][:4]}")
    world.agent.works.clear()


def check_end(world: Any, conn: sa.Connection) -> None:
    """When all has come to rest."""
    runs = conn.execute(sa.select(dag_run)).all()
    for name in ("chain", "pooled", "ruled"):
        found = {row.logical_date for row in runs if row.dag_id == name and row.run_type == "scheduled"}
        if found != list_dates(name):
            missing, extra = list_dates(name) - found, found - list_dates(name)
            raise Violation(f"I2: {name} lacks runs of {sorted(missing)}, has {sorted(extra)} too many")
    for row in runs:
        if row.state not in ("success", "failed"):
            raise Violation(f"I11: {row.dag_id} {row.run_id} is still {row.state}")
    ended = {row.id: row for row in runs}
    for task in conn.execute(sa.select(task_instance)):
        if task.state not in _OVER:
            raise Violation(f"I11: {task.task_id} of {ended[task.run].run_id} is still {task.state}")
    called = {(dag_id, run_id) for dag_id, run_id, kind in world.agent.called if kind == "dag_failure"}
    tired = sa.select(callback.c.run).where(callback.c.state == "failed", callback.c.tries >= MAX_TRIES)
    given_up = set(conn.execute(tired).scalars())
    for row in runs:
        is_to_be_told = row.dag_id in ("ruled", "manual") and row.state == "failed" and not _is_marked(row)
        if is_to_be_told and row.id not in given_up and (row.dag_id, row.run_id) not in called:
            raise Violation(f"I16: nobody was told that {row.run_id} of {row.dag_id} failed")


def _is_marked(row: Any) -> bool:
    return bool(row.reason and row.reason.startswith("user"))


def _check_runs(world: Any, runs: list[Any]) -> None:
    dates = Counter((row.dag_id, row.logical_date) for row in runs if row.logical_date is not None)
    if twice := [key for key, number in dates.items() if number > 1]:
        raise Violation(f"I1: {twice[0]} has two runs")
    for row in runs:
        pinned = world.pinned.setdefault(row.id, row.bundle)
        if row.bundle != pinned:
            raise Violation(f"I13: {row.run_id} moved from snapshot {pinned[:4]} to {row.bundle[:4]}")


def _check_steps(
    world: Any, conn: sa.Connection, tasks: list[Any], runs: Mapping[int, Any], by_user: bool
) -> None:
    log = conn.execute(sa.text("SELECT ti, old, new FROM sim_log ORDER BY rowid")).all()
    if not log:
        return
    conn.execute(sa.text("DELETE FROM sim_log"))
    by_id = {row.id: row for row in tasks}
    for ti, old, new in log:
        name = by_id[ti].task_id if ti in by_id else ti
        if not by_user and old in _OVER and new not in ("removed", old):
            raise Violation(f"I6: {name} was {old} and became {new}, and nobody asked for it")
        if new not in (_STEPS if by_user else _REACH)[old]:
            raise Violation(f"I5: {name} went from {old} to {new}")
        if not by_user and old is None and new in _WORKING and ti in by_id:
            _check_start(world, by_id[ti], tasks)


def _check_start(world: Any, row: Any, tasks: list[Any]) -> None:
    if world.is_fresh_edit(row.run):
        return
    spec = world.specs[row.dag_id, row.task_id]
    names = set(spec["upstream"])
    above = [task.state for task in tasks if task.run == row.run and task.task_id in names]
    if above and not _RULES[spec["trigger_rule"]](above):
        raise Violation(f"I10: {row.task_id} started while above it was {above}")


def _check_tries(conn: sa.Connection, tasks: list[Any]) -> None:
    kept: dict[int, set[int]] = {}
    for row in conn.execute(sa.select(task_try.c.task_instance, task_try.c.try_number)):
        kept.setdefault(row[0], set()).add(row[1])
    for task in tasks:
        numbers = kept.get(task.id, set())
        if not set(range(1, task.try_number)) <= numbers or max(numbers, default=0) > task.try_number:
            raise Violation(f"I4: {task.task_id} is at try {task.try_number} after tries {sorted(numbers)}")


def _check_limits(world: Any, tasks: list[Any], runs: list[Any], by_user: bool) -> None:
    live = [task for task in tasks if task.state in _LIVE]
    for pool, slots in POOLS.items():
        taken = sum(task.pool_slots for task in live if task.pool == pool)
        if taken > slots:
            raise Violation(f"I9: {taken} slots of pool {pool} are taken, there are {slots}")
    for dag_id, number in Counter(task.dag_id for task in live).items():
        if number > world.dags[dag_id]["max_active_tasks"]:
            raise Violation(f"I9: {number} tasks of {dag_id} are live")
    own = [row.dag_id for row in runs if row.state == "running" and row.backfill is None]
    for dag_id, number in Counter(own).items():
        if number > world.dags[dag_id]["max_active_runs"]:
            raise Violation(f"I9: {number} runs of {dag_id} are running")


_SAYS = {"success": {"success"}, "failed": {"failed", "lost"}, "up_for_retry": {"failed", "lost"}}


def _check_truth(world: Any, row: Any) -> None:
    """I8: a task's end is what its own attempt's process really did."""
    if row.state not in _SAYS or (row.reason or "").startswith("user"):
        return
    truth = world.agent.truth.get(row.attempt)
    if truth is None and row.attempt not in world.agent.attempts and row.state != "success":
        return  # it never reached an agent that lives
    if truth not in _SAYS[row.state]:
        raise Violation(f"I8: {row.task_id} is {row.state}, and its attempt {row.attempt} is {truth}")
