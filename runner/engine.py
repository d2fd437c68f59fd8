"""The engine process: everything it is made of is put together here and nowhere else.

main thread: scheduler      thread: mirror (bucket -> snapshots)      thread: dag-processor (snapshots -> DAGs)
thread: api (REST and health on run/api.sock)                         threads: answers to tasks' questions
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow._wire import cell, jsonlog
from airflow._wire.cell import CellSpec
from airflow._wire.layout import Layout
from airflow._wire.reload import list_restarts

from runner import ownlogs
from runner.api import app as api
from runner.api.context import CellContext
from runner.api.execution.questions import handle
from runner.dag_processor.intake import Intake
from runner.events import SpecChanged
from runner.ownlogs import Shipping
from runner.process import close_to_others, hold_role, raise_file_limit, show_role
from runner.reign import Reign
from runner.reloading import SpecWatch
from runner.scheduler.loop import Scheduler
from runner.scheduler.questions import nobody
from runner.store.database import Database
from runner.store.pools import DEFAULT_SLOTS
from runner.store.secrets import open_box
from sync.mirror import Mirror, SyncReport
from sync.objects import ObjectStore, open_store
from sync.snapshot import Snapshot

log = logging.getLogger(__name__)
_END = (signal.SIGTERM, signal.SIGINT)


def run_engine(home: Path) -> int:
    """Be the engine of the cell in `home` until SIGTERM or SIGINT. Raises RoleTaken when there is one already."""
    layout = Layout(home)
    layout.make()
    spec = cell.read(layout.spec)
    jsonlog.configure(layout.own_logs / "engine.log")
    close_to_others()
    raise_file_limit()
    with hold_role(layout.lock("engine"), "engine", spec.environment):
        show_role("engine", spec.environment)
        db = Database(spec.database_url)
        shipping = Shipping(layout.own_logs / "shipping", ownlogs.ENGINE)
        try:
            shipping.take_up(spec)
            _reign(layout, spec, db, shipping.take_up)
        finally:
            shipping.stop()
            db.dispose()
    return 0


def _reign(layout: Layout, spec: CellSpec, db: Database, ship: Callable[[CellSpec], None]) -> None:
    """Schedule once the lease is ours. A database is migrated by its active engine only."""
    stopping = threading.Event()
    for number in _END:
        signal.signal(number, lambda _number, _frame: stopping.set())
    db.create(_pool_slots(spec))
    reign = Reign(db, layout.home)
    if not reign.wait(stopping):
        return
    try:
        db.create_or_migrate(_pool_slots(spec))
        db.grow_log()
        engine = Engine(layout, spec, db, ship, reign.epoch)
        reign.begin(engine.stop)
        engine.run()
    finally:
        reign.end()


def _pool_slots(spec: CellSpec) -> int:
    return int(spec.number("core", "default_pool_task_slot_count", DEFAULT_SLOTS))


class Engine:
    """The parts of one engine and who tells whom."""

    def __init__(
        self, layout: Layout, spec: CellSpec, db: Database, ship: Callable[[CellSpec], None], epoch: int
    ) -> None:
        """`ship` has our own log lines kept as a spec says; `epoch` is the lease's."""
        self._spec, self._ship = spec, ship
        self._watch = SpecWatch(layout.spec, spec, self._take_up)
        box = open_box(layout.secret_keys)
        self._scheduler = Scheduler(
            db,
            spec,
            layout.engine_socket,
            self._answer,
            box=box,
            drop_blobs=self._drop,
            epoch=epoch,
            has_bundle=lambda digest: layout.bundle(digest).is_dir(),
        )
        self._report: SyncReport | None = None
        self._newest = layout.newest_bundle
        self._intake = Intake(spec, db, self._scheduler, time.time, self._collect, self._look)
        self._mirror = _open_mirror(layout, spec, self._on_snapshot, self._on_report)
        self._context = CellContext(spec, layout, db, self._scheduler, time.time, lambda: self._report)
        self._socket = layout.api_socket

    def stop(self) -> None:
        """End soon; tasks go on."""
        self._scheduler.stop()

    def run(self) -> None:
        """Until a signal ends it. The API answers last to come and first to go: what it shows is there."""
        stop_on_signals(self._scheduler)
        log.info("the engine of %s begins", self._spec.environment)
        self._intake.start()
        self._mirror.start()
        self._watch.start()
        server = api.start(self._context, self._socket)
        try:
            self._scheduler.run()
        finally:
            self._watch.stop()
            server.stop()
            self._mirror.stop()
            self._intake.stop()
        log.info("the engine of %s ends", self._spec.environment)

    def _take_up(self, spec: CellSpec) -> None:
        """The control plane has replaced the spec (in the thread that noticed). Agents hear of it before any parse."""
        restarts = list_restarts(self._spec, spec)
        if restarts:
            log.info("the engine ends: only another one takes up a change of %s", ", ".join(restarts))
            self._scheduler.stop()
            return
        log.info("the engine takes up revision %d of its spec", spec.revision)
        self._spec = spec
        self._ship(spec)
        self._context.take_up(spec)
        self._mirror.use(_open_source(spec), spec.sync_interval)
        self._scheduler.post(SpecChanged(spec))
        self._intake.take_up(spec)

    def _answer(self, attempt: Any, method: str, params: Mapping[str, Any]) -> Any:
        return handle(self._context, attempt, method, params)

    def _drop(self, blobs: Sequence[str]) -> None:
        self._context.blobs.drop(blobs)

    def _look(self, method: str, params: Mapping[str, Any]) -> Any:
        """What a DAG file that asks while it is imported would be told now."""
        return handle(self._context, nobody("look"), method, params)

    def _collect(self, keep: set[str], older_than: float) -> Iterable[str]:
        return self._mirror.collect(keep, older_than)

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        """In the mirror's thread: the link first, as files may be opened by it as soon as they are parsed."""
        fresh = self._newest.with_name(".newest.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(snapshot.path)
        fresh.replace(self._newest)
        self._intake.on_snapshot(snapshot)

    def _on_report(self, report: SyncReport) -> None:
        self._report = report
        if report.ok:  # else nothing was seen
            self._intake.on_refused(report.refused)


def _open_mirror(
    layout: Layout,
    spec: CellSpec,
    on_snapshot: Callable[[Snapshot], None],
    on_report: Callable[[SyncReport], None],
) -> Mirror:
    return Mirror(
        _open_source(spec),
        spec.source.prefix,
        layout.store,
        layout.bundles,
        interval=spec.sync_interval,
        on_snapshot=on_snapshot,
        on_report=on_report,
    )


def _open_source(spec: CellSpec) -> ObjectStore:
    source = spec.source
    return open_store(
        bucket=source.bucket,
        region=source.region,
        endpoint=source.endpoint,
        access_key_id=source.access_key_id,
        secret_access_key=source.secret_access_key,
        session_token=source.session_token,
    )


def stop_on_signals(scheduler: Scheduler) -> None:
    """Stop cleanly on SIGTERM and SIGINT."""
    for number in _END:
        signal.signal(number, lambda _number, _frame: scheduler.stop())
