"""The service database: connections, transactions, and getting its schema up to date.

SQLite (WAL, synchronous=FULL) by default, PostgreSQL by URL. A fresh database is created from `schema` and
stamped without importing Alembic, which costs memory and time; an older one is upgraded by it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from control_plane.store import guards
from control_plane.store.schema import metadata

_MIGRATIONS = Path(__file__).parent / "migrations"


class ServiceDatabase:
    """Opens transactions, from any thread. SQLite's one writer is queued for here, not in SQLite."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _create_engine(url)
        self._writer = threading.Lock()
        self._one_writer = self.engine.dialect.name == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: committed when the block ends, rolled back when it raises."""
        if not self._one_writer:
            with self.engine.begin() as connection:
                yield connection
            return
        writer = self.engine.execution_options(aerodrome_write=True)
        with self._writer, writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; nothing written in it is kept."""
        with self.engine.connect() as connection:
            yield connection

    def prepare(self) -> None:
        """Create or upgrade the schema. Idempotent; of several starters one does it, the rest wait."""
        with self.begin() as connection:
            if not self._one_writer:
                connection.execute(text("SELECT pg_advisory_xact_lock(4715832)"))
            current = find_revision(connection)
            if current == head_revision():
                return
            if current is None:
                _create(connection)
            else:
                _upgrade(connection)

    def is_answering(self) -> bool:
        """Whether a query comes back; for health checks."""
        try:
            with self.read() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def head_revision() -> str:
    """The newest migration: file names begin with their number, NNNN_title.py."""
    return max(path.name.partition("_")[0] for path in _MIGRATIONS.glob("versions/[0-9]*_*.py"))


def find_revision(connection: Connection) -> str | None:
    """The migration the database stands at; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    guards.install(connection)
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head_revision()})


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _create_engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by us, below
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    """Writers take the lock at once: a reader that turns writer half-way cannot wait, it fails."""
    write = connection.get_execution_options().get("aerodrome_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
