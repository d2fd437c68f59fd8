"""Runs whose code is not on this machine: another one was the cell's before, or the disk is a new one.

Nothing of them is handed to an agent until the bucket has brought their snapshot. Where it has brought other files
since, nobody has the old ones any more, and the runs go on with the newest version of their DAG.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from functools import cache

from runner.events import RunChanged
from runner.scheduler.frontier import Frontier
from runner.store.dags import find_runnable
from runner.store.database import Database
from runner.store.versions import move_to_newest

log = logging.getLogger(__name__)
HasBundle = Callable[[str], bool]
"""Is the snapshot with this digest on this machine?"""


def list_elsewhere(frontier: Frontier, has_bundle: HasBundle) -> dict[int, str]:
    """The unfinished runs, with their DAGs, whose snapshot is not here."""
    is_here = cache(has_bundle)
    return {run.key: run.dag_id for run in frontier.runs.values() if not is_here(run.row.bundle)}


def bring_here(
    db: Database,
    runs: dict[int, str],
    has_bundle: HasBundle,
    now: float,
    post: Callable[[RunChanged], None],
) -> None:
    """Move runs to the newest version of their DAG if that is here. Not in the loop's thread."""
    with db.read() as conn:
        newest = {dag_id: find_runnable(conn, dag_id) for dag_id in set(runs.values())}
    ready = {dag_id for dag_id, found in newest.items() if found is not None and has_bundle(found.bundle)}
    keys = [key for key, dag_id in runs.items() if dag_id in ready]
    if len(keys) < len(runs):
        _say_waiting({dag_id for dag_id in runs.values() if dag_id not in ready})
    if not keys:
        return
    with db.begin() as conn:
        moved = move_to_newest(conn, keys, now)
    for key in moved:
        log.warning(
            "a run of %s goes on with its newest version: no machine has the files that it began with",
            runs[key],
        )
        post(RunChanged(key))


def _say_waiting(dag_ids: Collection[str]) -> None:
    names = ", ".join(sorted(dag_ids))
    log.warning(
        "runs of %s wait: their files are not on this machine, and the bucket has not brought them", names
    )
