"""Following the newest: objects that an environment names without a version are looked at again and again.

    look (every few seconds, HEAD) --newer than what is applied?--> refresh: built beside what is in force, checked,
                                                                    then the cell is told
                                     what cannot be used ---------> all stays as it was; LastUpdate says why

The environment is AVAILABLE all the time, and an update by its owner comes first: a refresh gives way to it. Nothing is
remembered that a restart would miss: a refresh that was cut short is found by the next look.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from airflow._wire import cell as wire
from sqlalchemy.exc import SQLAlchemyError

from control_plane.domain.environment import Environment, LastUpdate
from control_plane.domain.equipment import NAMES, Equipment, Source
from control_plane.domain.newest import Newest, list_due, list_followed, list_newer
from control_plane.domain.status import Status
from control_plane.reconcile import before
from control_plane.reconcile.alive import keeping_alive
from control_plane.reconcile.checks import SEE_LOG, CannotApply
from control_plane.reconcile.code_files import read_code_file
from control_plane.reconcile.collecting import collect_unused
from control_plane.reconcile.equipment import equip, find_kept
from control_plane.reconcile.health import waiting_for
from control_plane.reconcile.jobs import Interrupted, Jobs
from control_plane.reconcile.newest import find_newest, put_newest
from control_plane.store import environments
from infra.provisioner import CellPlan
from sync.venv import VenvCancelled

log = logging.getLogger(__name__)
RESTING = (Status.AVAILABLE, Status.UPDATE_FAILED)
"""Nobody is at work on the environment, and it serves."""
_LOOKERS = 8
_ROUND_SECONDS = 120.0


class Follower:
    """Looks at the objects of all environments. `stale` is what it found, until it is `taken`."""

    def __init__(self, jobs: Jobs, interval: float, wake: Callable[[], None]) -> None:
        self._jobs, self._interval, self._wake = jobs, interval, wake
        self._stale: frozenset[str] = frozenset()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def is_stale(self, name: str) -> bool:
        """Whether the bucket had something newer at the last look."""
        return name in self._stale

    def taken(self, name: str) -> None:
        """It is being dealt with; the next look tells whether it was enough."""
        self._stale -= {name}

    def look(self) -> None:
        """Look at all of them once."""
        with self._jobs.database.read() as connection:
            rows = [row for row in environments.list_all(connection) if is_resting(row)]
        with ThreadPoolExecutor(_LOOKERS) as pool:
            found = pool.map(self._find, rows)
            self._stale = frozenset(row.name for row, stale in zip(rows, found, strict=True) if stale)
        if self._stale:
            self._wake()

    def _find(self, row: Environment) -> bool:
        try:
            return look_at(self._jobs, row)
        except Exception:
            log.exception("cannot look at what an environment names", extra={"environment": row.name})
            return False

    def _run(self) -> None:
        next_round = self._jobs.clock() + _ROUND_SECONDS
        while not self._jobs.stopping.wait(self._interval):
            try:
                self.look()
                if self._jobs.clock() >= next_round:
                    next_round = self._jobs.clock() + _ROUND_SECONDS
                    self.collect()
            except Exception:
                log.exception("cannot look for newer requirements, plugins and startup scripts")

    def collect(self) -> list[str]:
        """Remove the venvs and plugin folders that nobody needs."""
        jobs = self._jobs
        base = jobs.interpreters.find_base()
        homes = [jobs.provisioner.home(name) for name in jobs.provisioner.names()]
        return collect_unused(Path(base).parents[2], jobs.plugins, homes, base, jobs.clock())


def is_resting(row: Environment) -> bool:
    """Whether it may be refreshed now."""
    return row.status in RESTING and row.wanted is None and row.paused is None


def look_at(jobs: Jobs, row: Environment) -> bool:
    """Whether there is something to do: newer objects, or a refresh that was cut short. Writes down what it saw."""
    return has_newer(jobs, row) or row.last_update.status == "PENDING"


def has_newer(jobs: Jobs, row: Environment) -> bool:
    """Whether the bucket has something that is to be applied."""
    followed = list_followed(dict(row.spec))
    home = jobs.provisioner.home(row.name)
    kept = find_kept(home)
    if kept is None or not followed:
        return False
    seen = {member: source for member in followed if (source := _head(jobs, row, member)) is not None}
    newest = replace(find_newest(home), sources=seen)
    put_newest(home, newest)
    return bool(list_due(newest, kept.sources, jobs.clock()))


def _head(jobs: Jobs, row: Environment, member: str) -> Source | None:
    """The object as it is; None when there is none just now: then what is applied stays."""
    try:
        file = read_code_file(row, jobs.access, member)
    except CannotApply:
        return None
    return file.source if file is not None else None


def refresh(jobs: Jobs, row: Environment) -> None:
    """Apply what is newer, or say why it stays as it was. Raises Interrupted when it has to give way."""
    home = jobs.provisioner.home(row.name)
    kept, newest = find_kept(home), find_newest(home)
    if kept is None or not _is_due(jobs, row, newest, kept):
        return
    if jobs.stands_by(row.name):
        _keep_up(jobs, row, newest)
        return
    names = ", ".join(NAMES[member] for member in list_newer(newest.sources, kept.sources)) or "its code"
    jobs.journal.begin(row.name)
    began = LastUpdate("PENDING", jobs.clock(), source=f"{names}: newer in the bucket")
    if not _tell(jobs, row, began):
        return
    try:
        made = _equip(jobs, row, began)
        _switch(jobs, row, made)
    except (Interrupted, SQLAlchemyError):
        raise
    except CannotApply as refusal:
        _refuse(jobs, row, began, names, newest, refusal)
    except Exception as error:  # nor must it be PENDING for ever, and tried again at once
        log.exception("refresh failed", extra={"environment": row.name})
        unknown = CannotApply("INTERNAL_ERROR", f"cannot apply newer {names}: {error}", SEE_LOG)
        _refuse(jobs, row, began, names, newest, unknown)
    else:
        done = replace(began, status="SUCCESS", source=f"{names}: the newest is in force")
        _end(jobs, row, Newest(newest.sources), done)
        jobs.step(row.name, f"{names}: in force")


def _keep_up(jobs: Jobs, row: Environment, newest: Newest) -> None:
    """Have the same as the active engine of another machine, whose control plane tells how it went."""
    home = jobs.provisioner.home(row.name)
    try:
        jobs.provisioner.create(jobs.plan_cell(row, _equip(jobs, row, None)))
        found = Newest(newest.sources)
    except (Interrupted, SQLAlchemyError):
        raise
    except Exception as error:
        log.warning("newer code not applied", extra={"environment": row.name, "reason": str(error)})
        found = Newest(newest.sources, newest.sources, jobs.clock(), str(error))
    put_newest(home, found)


def _refuse(
    jobs: Jobs, row: Environment, began: LastUpdate, names: str, tried: Newest, refusal: CannotApply
) -> None:
    """Say why all stays as it was; what was tried is tried again after `RETRY_SECONDS`."""
    message = refusal.tell("upload it again")
    log.warning("newer code not applied", extra={"environment": row.name, "reason": message})
    said = f"{names}: not applied, all stays as it was"
    failed = replace(began, status="FAILED", error_code=refusal.code, error_message=message, source=said)
    _end(jobs, row, Newest(tried.sources, tried.sources, jobs.clock(), message), failed)
    jobs.step(row.name, said)


def _end(jobs: Jobs, row: Environment, newest: Newest, update: LastUpdate) -> None:
    """Write it down. On a full disk, too, its owner is told that it has ended."""
    try:
        put_newest(jobs.provisioner.home(row.name), newest)
    finally:
        _tell(jobs, row, update)


def _is_due(jobs: Jobs, row: Environment, newest: Newest, kept: Equipment) -> bool:
    """Whether there is something to do still: the look that found it may be older than the last refresh."""
    with jobs.database.read() as connection:
        found = environments.find(connection, row.name)
    if found is None or not is_resting(found):
        return False
    return found.last_update.status == "PENDING" or bool(list_due(newest, kept.sources, jobs.clock()))


def _equip(jobs: Jobs, row: Environment, began: LastUpdate | None) -> Equipment:
    """Built beside what is in force; how far it is shows in what `began`.

    Gives way when the owner changes the environment, or the service stops.
    """
    home = jobs.provisioner.home(row.name)

    def tell(step: str) -> None:
        jobs.step(row.name, step)
        if began is not None:
            _tell(jobs, row, replace(began, source=step))

    def must_give_way() -> bool:
        return jobs.stopping.is_set() or not _is_still(jobs, row)

    try:
        with keeping_alive(jobs, row):
            return equip(row, jobs.tools, home, tell, must_give_way, retry=True)
    except VenvCancelled:
        raise Interrupted from None


def _switch(jobs: Jobs, row: Environment, made: Equipment) -> None:
    """Tell the cell; if it cannot take it up, tell it the former again. Raises what hindered it, or Interrupted."""
    home = jobs.provisioner.home(row.name)
    if not _is_still(jobs, row):
        raise Interrupted
    plan = jobs.plan_cell(row, made)
    former = before.read(home, plan.files)
    try:
        jobs.provisioner.create(plan)
        jobs.wait_until(plan, waiting_for(plan))
    except (Interrupted, SQLAlchemyError):
        raise
    except Exception:
        texts = {path: text for path, text in former.items() if text is not None}
        spec = wire.follow(wire.from_json(plan.files["cell.json"]), wire.from_json(texts["cell.json"]))
        back = CellPlan(row.name, plan.processes, {**texts, "cell.json": spec.to_json()})
        jobs.provisioner.create(back)
        raise


def _is_still(jobs: Jobs, row: Environment) -> bool:
    """Whether the environment is as it was when the refresh began."""
    with jobs.database.read() as connection:
        found = environments.find(connection, row.name)
    return (
        found is not None and is_resting(found) and (found.uid, found.generation) == (row.uid, row.generation)
    )


def _tell(jobs: Jobs, row: Environment, update: LastUpdate) -> bool:
    """In LastUpdate, unless its owner has changed it meanwhile."""
    with jobs.database.begin() as connection:
        return environments.put_last_update(connection, row.name, row.generation, RESTING, update)
