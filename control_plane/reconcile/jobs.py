"""The work on one cell: start again, stop, delete, and what every job needs. Each is idempotent, in its own thread."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from airflow._wire import cell as wire
from airflow._wire.cell import CellSpec
from airflow._wire.layout import KEY_FILE, Layout

from control_plane.domain.environment import Environment
from control_plane.domain.equipment import Equipment
from control_plane.reconcile.cell import (
    UID_FILE,
    ObjectStoreAccess,
    Roots,
    cell_plan,
    cell_spec,
    processes,
    with_keys,
)
from control_plane.reconcile.cell_keys import KeyIssuer
from control_plane.reconcile.checks import CannotApply
from control_plane.reconcile.equipment import Tools, equip, restore
from control_plane.reconcile.health import find_health
from control_plane.reconcile.journal import Journal
from control_plane.reconcile.requirements import Finder
from control_plane.store import environments
from control_plane.store.cell_databases import CellDatabases
from control_plane.store.cell_secrets import CellSecrets
from control_plane.store.database import ServiceDatabase
from infra.provisioner import CellPlan, ProcessSpec, Provisioner
from sync.startup import Run, run_here
from sync.venv import VenvCancelled

log = logging.getLogger(__name__)
GRACE = 10.0
_READY_SECONDS = 60.0
_LOOK_SECONDS = 0.03
_STANDBY_LOOK_SECONDS = 0.3
_START_TRIES = 3


class Interrupted(Exception):
    """The service stops; the job is taken up again by the next one."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """What jobs work with."""

    database: ServiceDatabase
    provisioner: Provisioner
    access: ObjectStoreAccess
    """The service's own."""
    keys: KeyIssuer
    cell_databases: CellDatabases
    cell_secrets: CellSecrets
    journal: Journal
    roots: Roots
    surroundings: Mapping[str, str]
    helper_env: Mapping[str, str]
    """The environment of a helper process beside us; cells may run elsewhere, where `roots` and `surroundings` hold."""
    account: str
    sync_interval: float
    interpreters: Finder
    clock: Callable[[], float]
    plugins: Path
    """Where unpacked plugins lie."""
    indexes: bool = True
    """Whether requirements may name package indexes of their own."""
    run: Run = run_here
    """Runs user code as whoever user code runs as."""
    stopping: threading.Event = field(default_factory=threading.Event)

    def start(self, environment: Environment, roles: tuple[str, ...]) -> None:
        """Start dead processes. When none lives the files are written anew: addresses may have changed."""
        seen = self.provisioner.observe(environment.name)
        plan = CellPlan(environment.name, self.list_processes(environment))
        if any(pid is not None for pid in seen.processes.values()):
            self.provisioner.ensure(plan)
        else:
            self.provisioner.create(self.plan_cell(environment, self._restore(environment)))
        log.info("cell processes started", extra={"environment": environment.name, "roles": list(roles)})

    def needs_keys(self, environment: Environment) -> bool:
        """Whether the living cell must be told other S3 keys."""
        told = _find_spec(self.provisioner.home(environment.name))
        return told is not None and self.keys.is_due(environment, told)

    def renew_keys(self, environment: Environment) -> None:
        """Tell the cell its new keys; it takes them up while it runs."""
        told = _find_spec(self.provisioner.home(environment.name))
        if told is None:
            return
        ring = self.keys.issue(environment, told)
        spec = wire.follow(told, with_keys(told, ring))
        files = {"cell.json": spec.to_json()}
        self.provisioner.create(CellPlan(environment.name, self.list_processes(environment), files))
        log.info("S3 keys renewed", extra={"environment": environment.name})

    def stop(self, environment: Environment) -> None:
        """End what still runs of a cell that must not."""
        self.provisioner.stop(environment.name, GRACE)

    def delete(self, environment: Environment) -> None:
        """Remove the cell, then its row. Logs and bucket stay in S3."""
        name = environment.name
        told = _find_spec(self.provisioner.home(name))
        self.forget(environment)
        if told is not None:
            self.keys.revoke(told)
        self.cell_databases.drop(environment)
        if environment.origin is not None:
            shutil.rmtree(environment.origin, ignore_errors=True)
        with self.database.begin() as connection:
            environments.delete(connection, name)

    def forget(self, environment: Environment) -> None:
        """Remove the cell. That is all there is to do when another control plane has deleted database and row."""
        layout = Layout(self.provisioner.home(environment.name))
        sockets = layout.engine_socket.parent
        self.provisioner.destroy(environment.name, GRACE)
        if sockets != layout.home / "run":
            shutil.rmtree(sockets, ignore_errors=True)
        self.journal.forget(environment.name)

    def prepare(self, environment: Environment) -> CellPlan:
        """The whole cell by what the bucket has now: fetched, built and checked, and nothing of it in force.

        Raises CannotApply, Interrupted.
        """
        return self.plan_cell(environment, self._equip(environment))

    def plan_cell(self, environment: Environment, equipment: Equipment) -> CellPlan:
        """The whole cell, as it is to be with that equipment."""
        home = self.provisioner.home(environment.name)
        spec = cell_spec(
            environment,
            self.keys.issue(environment, _find_spec(home)),
            database_url=self.cell_databases.ensure(environment, home),
            equipment=equipment,
            sdk=self.roots.sdk,
            token=_find_token(home) or secrets.token_urlsafe(32),
            account=self.account,
            sync_interval=self.sync_interval,
        )
        spec = wire.follow(_find_spec(home), spec)
        keys = self.cell_secrets.agree(environment.uid, _find_secret_keys(environment, home))
        return cell_plan(environment, spec, self.list_processes(environment), equipment, keys)

    def list_processes(self, environment: Environment) -> tuple[ProcessSpec, ...]:
        """The environment's processes as they are to be."""
        home = self.provisioner.home(environment.name)
        return processes(environment, home, self.roots, self.surroundings)

    @property
    def tools(self) -> Tools:
        """What equipment is made with."""
        return Tools(
            self.access,
            self.interpreters,
            self.plugins,
            self.account,
            self.surroundings,
            self.indexes,
            self.run,
        )

    def _equip(self, environment: Environment) -> Equipment:
        """By what the bucket has now. What is left of another environment of that name is removed first."""
        home = self.provisioner.home(environment.name)
        if home.is_dir() and _read(home / UID_FILE) not in ("", environment.uid):
            self.provisioner.destroy(environment.name, GRACE)
        try:
            return equip(
                environment, self.tools, home, partial(self.tell, environment.name), self.stopping.is_set
            )
        except VenvCancelled:
            raise Interrupted from None

    def _restore(self, environment: Environment) -> Equipment:
        """As it was when the cell ran last; by the bucket where that is gone."""
        try:
            kept = restore(self.provisioner.home(environment.name), self.tools, self.stopping.is_set)
        except VenvCancelled:
            raise Interrupted from None
        return kept or self._equip(environment)

    def stands_by(self, name: str) -> bool:
        """Whether another machine's engine is active for the environment, and ours waits for its end."""
        return Layout(self.provisioner.home(name)).standing_by.exists()

    def wait_until(
        self, plan: CellPlan, is_done: Callable[[dict[str, Any] | None], bool], row: Environment | None = None
    ) -> None:
        """Until the engine says what is wished. A process that ends meanwhile is started again, a few times.

        Of several control planes on one database the one with the active engine ends a `row`'s job, for all of them.
        Raises CannotApply naming the process and its last words, Interrupted.
        """
        deadline, tries = self.clock() + _READY_SECONDS, 1
        while not is_done(self.find_health(plan.name)):
            stands_by = self.stands_by(plan.name)
            if self.stopping.wait(_STANDBY_LOOK_SECONDS if stands_by else _LOOK_SECONDS):
                raise Interrupted
            if stands_by and row is not None and not self.is_under_way(row):
                raise Interrupted
            if self.clock() > deadline and stands_by:
                raise self._failed(
                    plan.name, "engine", "stands by: another machine's is active, and not told so"
                )
            if self.clock() > deadline:
                raise self._failed(plan.name, "engine", f"was not ready within {_READY_SECONDS:.0f} s")
            seen = self.provisioner.observe(plan.name)
            dead = [spec.role for spec in plan.processes if not seen.is_running(spec.role)]
            if dead and tries >= _START_TRIES:
                raise self._failed(plan.name, dead[0], "ended as soon as it was started")
            if dead:
                tries += len(self.provisioner.ensure(plan))

    def is_under_way(self, row: Environment) -> bool:
        """Whether the job that the row stands for has not been ended elsewhere."""
        with self.database.read() as connection:
            found = environments.find(connection, row.name)
        return found is not None and found.goes_on(row)

    def find_health(self, name: str) -> dict[str, Any] | None:
        """What the environment's engine says of itself; None when it does not answer."""
        home = self.provisioner.home(name)
        return find_health(Layout(home).api_socket, _find_token(home) or "")

    def end_tasks(self, plan: CellPlan, reason: str) -> None:
        """End what runs, with the reason in its log; it is tried again as its retries allow."""
        self._end(plan.name, reason, ("agent",))
        self.provisioner.ensure(plan)

    def end_cell(self, name: str, reason: str) -> None:
        """End everything; its home stays."""
        self._end(name, reason, None)

    def _end(self, name: str, reason: str, roles: tuple[str, ...] | None) -> None:
        home = self.provisioner.home(name)
        note = Layout(home).ending
        self.provisioner.create(CellPlan(name, (), {str(note.relative_to(home)): reason}))
        self.provisioner.stop(name, GRACE, roles)
        note.unlink(missing_ok=True)

    def _failed(self, name: str, role: str, how: str) -> CannotApply:
        words = self.provisioner.last_words(name, role).splitlines()
        said = words[-1] if words else "it said nothing"
        message = f"cannot start environment {name}: its {role} {how}: {said}"
        whole = f"log/{role}.out of {self.provisioner.home(name)} has all its words"
        return CannotApply("INTERNAL_ERROR", message, f"mend what it says ({whole})")

    def tell(self, name: str, step: str) -> None:
        """A step that may take minutes: GetEnvironment shows it, too."""
        self.step(name, step)
        with self.database.begin() as connection:
            environments.put_progress(connection, name, step)

    def step(self, name: str, step: str) -> None:
        """For `aerodrome status` only."""
        self.journal.add(name, step, self.clock())


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _find_secret_keys(environment: Environment, home: Path) -> str:
    """Those of the archive that it is made from, or of its home; '' when neither has any."""
    if environment.origin is not None and (found := _read(Path(environment.origin) / KEY_FILE)):
        return found
    return _read(home / KEY_FILE) if _read(home / UID_FILE) == environment.uid else ""


def _find_token(home: Path) -> str | None:
    """The token of the cell that is there already: processes of it may run and know no other."""
    spec = _find_spec(home)
    return spec.token if spec else None


def _find_spec(home: Path) -> CellSpec | None:
    """What the cell that is there already was told last."""
    try:
        return wire.read(home / "cell.json")
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
