"""A cell's metadata database: one writer at a time on SQLite, as many as wish on PostgreSQL.

Every write transaction of a process goes through `begin`; everything else through `read`.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError as DatabaseError

from runner.store.meta import LEASE
from runner.store.pools import DEFAULT_SLOTS, ensure_default_pool
from runner.store.schema import meta, metadata

log = logging.getLogger(__name__)
__all__ = ["REVISION", "Connection", "Database", "DatabaseError", "Fenced"]

REVISION = "0003"
"""The newest migration: a fresh database is made from `schema` and stamped with it."""

_STAMP = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), nullable=False))


_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(hashtext('aerodrome: create'))")
_LEASE = sa.select(meta.c.value).where(meta.c.key == LEASE).with_for_update(read=True, key_share=True)
_LOG_BYTES, _PIECE = 4_000_000, 60_000
"""About what SQLite's log has when it is first written back (1,000 pages), and what is added to it at a time."""
_FEW_PAGES = 16
_STUCK_SECONDS = 4
"""A transaction that does nothing for so long is ended by PostgreSQL: that of a frozen engine holds up the next one."""


class Fenced(RuntimeError):
    """This engine's reign is over: another one writes now."""


class Database:
    """Connections to one database. Safe to share between threads; a connection is not."""

    def __init__(self, url: str) -> None:
        self.url = _with_driver(make_url(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = threading.RLock()
        self._held: Connection | None = None
        self._epoch: int | None = None
        if self.is_sqlite:
            self._engine = _open_sqlite(self.url, "BEGIN IMMEDIATE")
            self._reading = _open_sqlite(self.url, "BEGIN", "query_only=ON")
        else:
            options = {"options": f"-c idle_in_transaction_session_timeout={_STUCK_SECONDS}s"}
            self._engine = sa.create_engine(
                self.url, pool_size=5, max_overflow=15, pool_pre_ping=True, connect_args=options
            )
            self._reading = self._engine.execution_options(postgresql_readonly=True)

    def fence(self, epoch: int) -> None:
        """Refuse every later write as soon as the cell's engine is of another epoch. For PostgreSQL."""
        self._epoch = epoch

    @contextmanager
    def begin(self, fenced: bool = True) -> Iterator[Connection]:
        """A write transaction: committed at the end of the block, rolled back when the block raises.

        Raises Fenced when this is the database of an engine whose reign is over.
        """
        if not self.is_sqlite:
            with self._engine.begin() as conn:
                if fenced and self._epoch is not None:
                    self._check_epoch(conn)
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

    def _check_epoch(self, conn: Connection) -> None:
        """The lock has the next engine wait for this transaction, and holds up neither renewals nor other writers."""
        found = conn.execute(_LEASE).scalar()
        if str(found).partition(" ")[0] != str(self._epoch):
            raise Fenced(f"cannot write in epoch {self._epoch}: another engine is active ({found})")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only view of one moment, from any thread; it never waits for a writer."""
        with self._reading.connect() as conn:
            yield conn

    def create(self, pool_slots: int = DEFAULT_SLOTS) -> str:
        """Make the tables of an empty database; the revision that it has. One of several engines makes them."""
        with self.begin(fenced=False) as conn:
            if not self.is_sqlite:
                conn.execute(_ONE_AT_A_TIME)
            revision = _find_revision(conn)
            if revision is None:
                metadata.create_all(conn)
                ensure_default_pool(conn, pool_slots)
                _stamp(conn)
        return revision or REVISION

    def create_or_migrate(self, pool_slots: int = DEFAULT_SLOTS) -> None:
        """Bring the database to the newest schema: made at once when it is empty, else by its migrations.

        `pool_slots`: the size of a new database's default pool.
        """
        revision = self.create(pool_slots)
        if revision != REVISION:
            from runner.store.migrate import upgrade

            with self._engine.connect() as conn:
                upgrade(conn)

    def grow_log(self) -> None:
        """Let SQLite's log have the size that it keeps once it has been used for a while. Nothing is written.

        A commit that makes a file longer takes nearly twice as long to be durable as one that writes where something
        was; and somebody waits for the first tasks of a new cell. A full disk changes nothing.
        """
        if not self.is_sqlite:
            return
        with self._writer, self._engine.connect() as conn:
            driver: Any = conn.connection.driver_connection
            (pages,) = driver.execute("PRAGMA cache_size").fetchone()
            driver.execute(
                f"PRAGMA cache_size={_FEW_PAGES}"
            )  # what finds no room in it is in the log before a commit
            try:
                with conn.begin() as transaction:
                    conn.exec_driver_sql("CREATE TABLE room (it BLOB)")
                    for _ in range(_LOG_BYTES // _PIECE):
                        conn.exec_driver_sql("INSERT INTO room VALUES (zeroblob(?))", (_PIECE,))
                    transaction.rollback()
            except DatabaseError as error:
                log.warning("cannot give the database's log its size ahead of time: %s", error)
            finally:
                driver.execute(f"PRAGMA cache_size={pages}")

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
