"""Which part gets which: database, vault, app, jobs and reconciler of one service."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import airflow._wire
from setproctitle import setproctitle

import control_plane
from control_plane.commands.provisioner import Site
from control_plane.domain.throttle import Rates, parse_rates
from control_plane.operations.trail import Trail
from control_plane.reconcile.archives import Archives
from control_plane.reconcile.cell import ObjectStoreAccess, Roots, process_env
from control_plane.reconcile.cell_keys import KeyIssuer
from control_plane.reconcile.equipment import find_kept
from control_plane.reconcile.interpreters import Interpreters
from control_plane.reconcile.jobs import Jobs
from control_plane.reconcile.journal import Journal
from control_plane.reconcile.loop import Reconciler
from control_plane.reconcile.newest import find_newest
from control_plane.settings import Settings
from control_plane.store.cell_databases import CellDatabases
from control_plane.store.cell_secrets import CellSecrets
from control_plane.store.database import ServiceDatabase
from control_plane.store.keys import bootstrap_admin
from control_plane.store.opening import CannotOpen, open_prepared
from control_plane.store.vault import Vault, open_vault


class CannotWire(RuntimeError):
    """A part cannot be had; one line for the owner."""


@dataclass(frozen=True, slots=True)
class AdminKey:
    """The administrator's access key."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """The parts that `up` drives."""

    app: Any
    reconciler: Reconciler
    credentials: AdminKey
    database: ServiceDatabase
    interpreters: Interpreters
    trail: Trail

    def prepare_interpreter(self, say: Callable[[str], None]) -> None:
        """Build the environments' interpreter in the background, so that the first create finds it."""
        threading.Thread(target=self.interpreters.prepare, args=(say,), name="base-venv", daemon=True).start()

    def close(self) -> None:
        self.trail.flush()
        self.database.close()


@dataclass(frozen=True, slots=True)
class Stores:
    """What must be there before anything else: the object store, too, asks it for keys."""

    database: ServiceDatabase
    vault: Vault


def open_stores(settings: Settings) -> Stores:
    """The service database, up to date, and the vault. Raises CannotWire."""
    return Stores(_open_database(settings), _open_vault(settings.paths.keys / "master.key"))


def build(
    settings: Settings,
    tls_port: int,
    stores: Stores,
    access: ObjectStoreAccess,
    keys: KeyIssuer,
    site: Site,
) -> ServiceParts:
    """Put a service together; nothing runs yet. Raises CannotWire."""
    paths, database, vault = settings.paths, stores.database, stores.vault
    with database.begin() as connection:
        admin = bootstrap_admin(connection, vault, settings.account_id, time.time())
    interpreters = Interpreters(paths.venvs.resolve(), site.roots, site.builder)
    jobs = Jobs(
        database=database,
        provisioner=site.provisioner,
        access=access,
        keys=keys,
        cell_databases=CellDatabases(settings.database),
        cell_secrets=CellSecrets(database, vault),
        journal=Journal(paths.steps),
        roots=site.roots,
        surroundings=site.surroundings,
        helper_env=own_process_env(),
        account=settings.account_id,
        sync_interval=settings.sync_interval,
        interpreters=interpreters,
        clock=time.time,
        plugins=paths.plugins,
        indexes=settings.package_indexes == "allow",
        run=site.run,
    )
    reconciler = Reconciler(jobs, time.time, settings.follow_interval)
    trail = Trail(database, reads=settings.audit == "all")
    archives = Archives(jobs, paths.imports)
    app = _build_app(settings, tls_port, database, vault, reconciler, trail, archives)
    key = AdminKey(admin.access_key_id, admin.secret_access_key)
    return ServiceParts(app, reconciler, key, database, interpreters, trail)


def find_roots() -> Roots:
    """Where our packages lie."""
    return Roots(Path(control_plane.__file__).parents[1], Path(airflow._wire.__file__).parents[2])


def own_process_env() -> dict[str, str]:
    """The environment of a helper process of the service itself."""
    return process_env(find_roots(), os.environ)


def name_process(title: str) -> None:
    """Show the role in `ps`."""
    setproctitle(title)


def _open_database(settings: Settings) -> ServiceDatabase:
    try:
        return open_prepared(settings.database or f"sqlite:///{settings.paths.database}")
    except CannotOpen as error:
        raise CannotWire(str(error)) from error


def _open_vault(path: Path) -> Vault:
    try:
        return open_vault(path)
    except ValueError as error:
        raise CannotWire(str(error)) from None


def _read_rates(settings: Settings) -> Rates:
    try:
        return parse_rates(settings.rate_limits)
    except ValueError as error:
        raise CannotWire(f"cannot use rate limits: {error}") from None


def _build_app(
    settings: Settings,
    tls_port: int,
    database: ServiceDatabase,
    vault: Vault,
    reconciler: Reconciler,
    trail: Trail,
    archives: Archives,
) -> Any:
    from control_plane.api.app import create_app
    from control_plane.api.cell import CellCaller
    from control_plane.operations.service import Service

    service = Service(
        db=database,
        vault=vault,
        cells=CellCaller(settings.paths.cells),
        region=settings.region,
        account_id=settings.account_id,
        web_host=f"localhost:{tls_port}",
        web_domain=settings.web_domain,
        clock=time.time,
        on_change=reconciler.wake,
        trail=trail,
        archives=archives,
        rates=_read_rates(settings),
        find_code=lambda name: (
            find_kept(settings.paths.cells / name),
            find_newest(settings.paths.cells / name),
        ),
    )
    return create_app(service)
