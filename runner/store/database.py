"""A cell's metadata database: one writer at a time on SQLite, as many as wish on PostgreSQL.

Every write transaction of a process goes through `begin`; everything else through `read`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError as DatabaseError

from runner.store.pools import DEFAULT_SLOTS, ensure_default_pool
from runner.store.schema import metadata

__all__ = ["REVISION", "Connection", "Database", "DatabaseError"]

REVISION = "0002"
"""The newest migration: a fresh database is made from `schema` and stamped with it."""

_STAMP = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), nullable=False))


class Database:
    """Connections to one database. Safe to share between threads; a connection is not."""

    def __init__(self, url: str) -> None:
        self.url = _with_driver(make_url(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = threading.RLock()
        self._held: Connection | None = None
        if self.is_sqlite:
            self._engine = _open_sqlite(self.url, "BEGIN IMMEDIATE")
            self._reading = _open_sqlite(self.url, "BEGIN", "query_only=ON")
        else:
            self._engine = sa.create_engine(self.url, pool_size=5, max_overflow=15, pool_pre_ping=True)
            self._reading = self._engine.execution_options(postgresql_readonly=True)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: committed at the end of the block, rolled back when the block raises."""
        if not self.is_sqlite:
            with self._engine.begin() as conn:
                yield conn
            return
        with self._writer:
            conn = self._held or self._engine.connect()
            self._held = None
            try:
                with conn.begin():
                    yield conn
            except BaseException:
                conn.close()
                raise
            self._held = conn  # taking one from the pool and giving it back costs as much as a small commit

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only view of one moment, from any thread; it never waits for a writer."""
        with self._reading.connect() as conn:
            yield conn

    def create_or_migrate(self, pool_slots: int = DEFAULT_SLOTS) -> None:
        """Bring the database to the newest schema: made at once when it is empty, else by its migrations.

        `pool_slots`: the size of a new database's default pool.
        """
        with self.begin() as conn:
            revision = _find_revision(conn)
            if revision is None:
                metadata.create_all(conn)
                ensure_default_pool(conn, pool_slots)
                _stamp(conn)
                return
        if revision != REVISION:
            from runner.store.migrate import upgrade

            with self._engine.connect() as conn:
                upgrade(conn)

    def dispose(self) -> None:
        """Close all connections."""
        with self._writer:
            if self._held is not None:
                self._held.close()
                self._held = None
        self._engine.dispose()
        self._reading.dispose()


def _with_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url


def _open_sqlite(url: URL, begin: str, *pragmas: str) -> sa.Engine:
    """An engine whose transactions start with `begin`: ours, because the driver would start them too late."""
    engine = sa.create_engine(
        url, connect_args={"timeout": 30.0, "check_same_thread": False}, pool_size=8, max_overflow=56
    )

    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        durable = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
        for pragma in (*durable, *pragmas):
            connection.execute(f"PRAGMA {pragma}")

    def start(conn: Connection) -> None:
        driver: Any = conn.connection.driver_connection
        driver.execute(begin)

    sa.event.listen(engine, "connect", set_up)
    sa.event.listen(engine, "begin", start)
    return engine


def _find_revision(conn: Connection) -> str | None:
    if not sa.inspect(conn).has_table(_STAMP.name):
        return None
    return conn.execute(sa.select(_STAMP.c.version_num)).scalar()


def _stamp(conn: Connection) -> None:
    _STAMP.create(conn)
    conn.execute(_STAMP.insert().values(version_num=REVISION))
