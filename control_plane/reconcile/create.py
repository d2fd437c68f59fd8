"""The creation of an environment: CREATING to AVAILABLE, or to CREATE_FAILED with the reason."""

from __future__ import annotations

import logging
import shutil

from sqlalchemy.exc import SQLAlchemyError

from control_plane.domain.environment import Environment, LastUpdate
from control_plane.domain.status import Status
from control_plane.reconcile.archives import load_origin
from control_plane.reconcile.checks import SEE_LOG, CannotApply, check_role, check_source
from control_plane.reconcile.health import is_ready
from control_plane.reconcile.jobs import GRACE, Interrupted, Jobs
from control_plane.store import environments
from infra.provisioner import CellPlan

log = logging.getLogger(__name__)


def create(jobs: Jobs, row: Environment) -> None:
    """Make the cell and wait until it works. Raises Interrupted when the service stops meanwhile."""
    name, at = row.name, row.last_update.created_at
    jobs.journal.begin(name)
    try:
        _make(jobs, row)
        outcome, to = LastUpdate("SUCCESS", at), Status.AVAILABLE
    except (Interrupted, SQLAlchemyError):
        raise
    except CannotApply as refusal:
        outcome, to = _fail(jobs, row, refusal), Status.CREATE_FAILED
    except Exception as error:  # what cannot be made must not be CREATING for ever
        log.exception("creation failed", extra={"environment": name})
        unknown = CannotApply("INTERNAL_ERROR", f"cannot create environment {name}: {error}", SEE_LOG)
        outcome, to = _fail(jobs, row, unknown), Status.CREATE_FAILED
    jobs.step(name, str(to))
    with jobs.database.begin() as connection:
        environments.transition(connection, name, [Status.CREATING], to, jobs.clock(), outcome)
        environments.drop_origin(connection, name)
    if row.origin is not None:
        shutil.rmtree(row.origin, ignore_errors=True)


def _fail(jobs: Jobs, row: Environment, refusal: CannotApply) -> LastUpdate:
    message = refusal.tell("create it again")
    log.warning("environment not created", extra={"environment": row.name, "reason": message})
    jobs.provisioner.stop(row.name, GRACE)
    return LastUpdate("FAILED", row.last_update.created_at, refusal.code, message)


def _make(jobs: Jobs, row: Environment) -> None:
    jobs.step(row.name, "checking the bucket")
    check_source(row, jobs.access)
    jobs.step(row.name, "preparing the interpreter")
    plan = jobs.prepare(row)
    check_role(row, plan)
    if jobs.stopping.is_set():
        raise Interrupted
    if row.origin is not None:
        jobs.tell(row.name, "loading the archive")
        jobs.provisioner.create(CellPlan(row.name, (), plan.files))
        load_origin(jobs, row)
    jobs.step(row.name, "starting engine and agent")
    jobs.provisioner.create(plan)
    jobs.step(row.name, "waiting for the engine")
    jobs.wait_until(plan, is_ready, row)
