"""The update of a living environment: what is wanted is made beside what is in force, then the cell is told.

    UPDATING -> [CREATING_SNAPSHOT -> UPDATING] -> AVAILABLE       the wanted spec is in force
       '------------------------> ROLLING_BACK -> UPDATE_FAILED    that of before is; LastUpdate says what failed
                                       '--------> UNAVAILABLE      not even that; it is tried on and on

Everything is found again from the row and the cell's home: a control plane that is killed at any moment is followed by
one that begins the same job and finds it half done. The environment serves all the time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from airflow._wire import cell as wire
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from control_plane.domain.changes import Changes, Need, find_changes
from control_plane.domain.environment import Environment, LastUpdate
from control_plane.domain.status import Status
from control_plane.reconcile import before
from control_plane.reconcile.alive import keeping_alive
from control_plane.reconcile.checks import SEE_LOG, CannotApply, check_role, check_source
from control_plane.reconcile.following import has_newer
from control_plane.reconcile.health import is_ready, waiting_for
from control_plane.reconcile.jobs import Interrupted, Jobs
from control_plane.reconcile.snapshots import take_snapshot
from control_plane.store import environments
from infra.provisioner import CellPlan

log = logging.getLogger(__name__)
_AT_WORK = (Status.UPDATING, Status.CREATING_SNAPSHOT)
_ENDED = "ended"
FORCED_REASON = "the environment was updated and its owner wanted running tasks ended (FORCED)"


def update(jobs: Jobs, row: Environment) -> None:
    """Bring the wanted spec into force, or the old one again. Raises Interrupted when the service stops meanwhile."""
    if row.wanted is None:
        return  # ended meanwhile
    changes = find_changes(row.spec, row.wanted)
    jobs.journal.begin(row.name)
    jobs.tell(row.name, changes.describe())
    try:
        target = replace(row, spec=row.wanted)
        if not changes.is_row_only or (not changes.members and has_newer(jobs, target)):
            _bring_about(jobs, row, target, changes)
    except (Interrupted, SQLAlchemyError):
        raise
    except CannotApply as refusal:
        _give_up(jobs, row, refusal)
    except Exception as error:  # an environment that serves must not stay UPDATING for ever
        log.exception("update failed", extra={"environment": row.name})
        _give_up(
            jobs,
            row,
            CannotApply("INTERNAL_ERROR", f"cannot update environment {row.name}: {error}", SEE_LOG),
        )
    else:
        _settle(jobs, row, changes)


def roll_back(jobs: Jobs, row: Environment) -> None:
    """ROLLING_BACK to UPDATE_FAILED: the files of before are in the cell again, and in force."""
    home = jobs.provisioner.home(row.name)
    kept = before.find(home, row.generation)
    outcome, to = row.last_update, Status.UPDATE_FAILED
    try:
        if kept is not None:
            jobs.step(row.name, "bringing the former settings back")
            _restore(jobs, row, kept)
    except CannotApply as worse:
        outcome, to = _worsen(outcome, worse.tell("update it again")), Status.UNAVAILABLE
    except (Interrupted, SQLAlchemyError):
        raise
    except Exception as error:  # nor must it be ROLLING_BACK for ever
        log.exception("rolling back failed", extra={"environment": row.name})
        outcome, to = _worsen(outcome, str(error)), Status.UNAVAILABLE
    before.forget(home)
    jobs.step(row.name, str(to))
    with jobs.database.begin() as connection:
        environments.drop_wanted(connection, row.name, [Status.ROLLING_BACK], to, jobs.clock(), outcome)


def _worsen(outcome: LastUpdate, why: str) -> LastUpdate:
    message = f"{outcome.error_message}; and its former settings are not in force again: {why}"
    return replace(outcome, error_message=message)


def recover(jobs: Jobs, row: Environment) -> None:
    """UNAVAILABLE to AVAILABLE as soon as the engine is ready."""
    if not is_ready(jobs.find_health(row.name)):
        jobs.stopping.wait(1.0)
        return
    now = jobs.clock()
    with jobs.database.begin() as connection:
        found = environments.find(connection, row.name)
        if found is not None and not found.is_paused:
            outcome = _recovered(found.last_update, now)
            environments.transition(
                connection, row.name, [Status.UNAVAILABLE], Status.AVAILABLE, now, outcome
            )


def _recovered(last: LastUpdate, now: float) -> LastUpdate:
    """A resumption has succeeded; the story of an update that failed stays."""
    return last if last.status == "FAILED" else replace(last, status="SUCCESS")


def _bring_about(jobs: Jobs, row: Environment, target: Environment, changes: Changes) -> None:
    home = jobs.provisioner.home(row.name)
    with keeping_alive(jobs, row):
        if Need.SNAPSHOT in changes.needs:
            _snapshot(jobs, row)
        jobs.tell(row.name, "checking the bucket")
        check_source(target, jobs.access)
        plan = jobs.prepare(target)
        check_role(target, plan)
    if jobs.stopping.is_set():
        raise Interrupted
    before.keep(home, row.generation, plan.files)
    jobs.tell(row.name, "telling engine and agent")
    jobs.provisioner.create(plan)
    jobs.provisioner.resize(plan)
    if changes.ends_tasks(row.strategy) and not before.is_marked(home, row.generation, _ENDED):
        jobs.tell(row.name, "ending the tasks that run with the former settings")
        jobs.end_tasks(plan, FORCED_REASON)
        before.mark(home, row.generation, _ENDED)
    jobs.tell(row.name, "waiting for engine and agent")
    jobs.wait_until(plan, waiting_for(plan), row)


def _snapshot(jobs: Jobs, row: Environment) -> None:
    """The metadata as it is before another version works with it; one that is there already is kept."""
    _move(jobs, row.name, Status.UPDATING, Status.CREATING_SNAPSHOT)
    jobs.tell(row.name, "copying the metadata")
    take_snapshot(jobs, row)
    _move(jobs, row.name, Status.CREATING_SNAPSHOT, Status.UPDATING)


def _move(jobs: Jobs, name: str, source: Status, target: Status) -> None:
    with jobs.database.begin() as connection:
        environments.transition(connection, name, [source], target, jobs.clock())


def _settle(jobs: Jobs, row: Environment, changes: Changes) -> None:
    last = row.last_update
    done = LastUpdate(
        "SUCCESS",
        last.created_at,
        source=f"UpdateEnvironment: {', '.join(changes.members) or 'nothing differs'}",
        strategy=last.strategy,
    )
    jobs.step(row.name, str(Status.AVAILABLE))
    with jobs.database.begin() as connection:
        if _is_ours(connection, row):
            environments.apply_wanted(connection, row.name, jobs.clock(), done)
    before.forget(jobs.provisioner.home(row.name))


def _give_up(jobs: Jobs, row: Environment, refusal: CannotApply) -> None:
    """First say so, then undo: whoever comes after a crash knows why it is being rolled back."""
    message = refusal.tell("update it again")
    log.warning("environment not updated", extra={"environment": row.name, "reason": message})
    failed = replace(
        row.last_update, status="FAILED", error_code=refusal.code, error_message=message, source="rolled back"
    )
    with jobs.database.begin() as connection:
        if _is_ours(connection, row):
            environments.transition(connection, row.name, _AT_WORK, Status.ROLLING_BACK, jobs.clock(), failed)
        fresh = environments.find(connection, row.name)
    if fresh is not None and fresh.status is Status.ROLLING_BACK and fresh.goes_on(row):
        roll_back(jobs, fresh)


def _is_ours(connection: Connection, row: Environment) -> bool:
    """Whether the update is still to be ended: another control plane on the database may have been faster."""
    found = environments.find(connection, row.name, lock=True)
    return found is not None and found.goes_on(row)


def _restore(jobs: Jobs, row: Environment, kept: Mapping[str, str | None]) -> None:
    """The files of before, in a spec that is newer than the one they replace."""
    home = jobs.provisioner.home(row.name)
    texts = {path: text for path, text in kept.items() if text is not None}
    spec = wire.follow(wire.read(home / "cell.json"), wire.from_json(texts["cell.json"]))
    plan = CellPlan(row.name, jobs.list_processes(row), {**texts, "cell.json": spec.to_json()})
    jobs.provisioner.create(plan)
    before.remove_missing(home, kept)
    jobs.provisioner.resize(plan)
    jobs.wait_until(plan, waiting_for(plan))
