"""The engine process: everything it is made of is put together here and nowhere else."""

from __future__ import annotations

import logging
import resource
import signal
from pathlib import Path

from airflow._wire import cell, jsonlog
from airflow._wire.layout import Layout
from runner.process import hold_role, show_role
from runner.scheduler.loop import Scheduler
from runner.store.database import Database

log = logging.getLogger(__name__)


def run_engine(home: Path) -> int:
    """Be the engine of the cell in `home` until SIGTERM or SIGINT. Raises RoleTaken when there is one already."""
    layout = Layout(home)
    layout.make()
    spec = cell.read(layout.spec)
    jsonlog.configure(layout.own_logs / "engine.log")
    raise_file_limit()
    with hold_role(layout.lock("engine"), "engine", spec.environment):
        show_role("engine", spec.environment)
        db = Database(spec.database_url)
        try:
            db.create_or_migrate()
            scheduler = Scheduler(db, spec, layout.engine_socket)
            stop_on_signals(scheduler)
            log.info("the engine of %s begins", spec.environment)
            scheduler.run()
            log.info("the engine of %s ends", spec.environment)
        finally:
            db.dispose()
    return 0


def stop_on_signals(scheduler: Scheduler) -> None:
    """Stop cleanly on SIGTERM and SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: scheduler.stop())


def raise_file_limit() -> None:
    """As many open files as the kernel lets us have."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
