"""A cell's metadata as one file, consistent as of one moment, and from such a file into an empty database.

The file is a SQLite database of this schema whatever the cell keeps its metadata in: it moves between the kinds, and a
file of an older release is brought to the newest schema on its way in. The cell may run while it is copied.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from runner.store.bundles import ACTIVE
from runner.store.database import Connection, Database
from runner.store.meta import find_fact, put_fact
from runner.store.schema import connection, meta, metadata, pool, process, trigger, variable

_ROWS = 1000
LOADED = "loaded_from"
"""The fact that says that a cell's metadata came from a file."""


class CannotCopy(RuntimeError):
    """The metadata cannot be copied as asked; one line for people."""


def save(source: Database, path: Path, with_secrets: bool = True) -> None:
    """Copy everything into a new file, which has its name only when it is whole.

    Without secrets connections lose password and extra, and variables are left out; deferred tasks forbid it, for what
    they wait for is sealed. Raises CannotCopy.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    _remove(temporary)
    try:
        if source.is_sqlite:
            _back_up(Path(source.url.database or ""), temporary)
        else:
            _dump(source, temporary)
        if not with_secrets:
            _drop_secrets(temporary)
        _settle(temporary)
        temporary.replace(path)
    finally:
        _remove(temporary)


def load(path: Path, target: Database) -> None:
    """Make the metadata of a cell that has none from a saved file, once. Raises CannotCopy when it has some."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy = Path(folder) / "metadata.db"
        _back_up(path, copy)
        source = Database(f"sqlite:///{copy}")
        try:
            source.create_or_migrate()
            target.create_or_migrate()
            with source.read() as reader, target.begin() as writer:
                if find_fact(writer, LOADED) is not None:
                    return  # an earlier try came to its end
                if writer.execute(sa.text("SELECT count(*) FROM dag_run")).scalar():
                    raise CannotCopy("cannot load an archive into a cell that has runs of its own")
                writer.execute(sa.delete(pool))
                _copy_rows(reader, writer)
                writer.execute(sa.delete(process))  # of the cell that was saved, as its snapshots
                writer.execute(sa.delete(meta).where(meta.c.key == ACTIVE))
                put_fact(writer, LOADED, path.name)
        finally:
            source.dispose()


def _back_up(source: Path, target: Path) -> None:
    """SQLite's own copy of a database that others read and write."""
    if not source.is_file():
        raise CannotCopy(f"cannot copy {source}: there is no such file")
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def _dump(source: Database, path: Path) -> None:
    target = Database(f"sqlite:///{path}")
    try:
        target.create_or_migrate()
        with source.read() as reader, target.begin() as writer:
            reader.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            writer.execute(sa.delete(pool))
            _copy_rows(reader, writer)
    finally:
        target.dispose()


def _copy_rows(reader: Connection, writer: Connection) -> None:
    for table in metadata.sorted_tables:
        rows = reader.execute(sa.select(table)).mappings()
        while batch := rows.fetchmany(_ROWS):
            writer.execute(sa.insert(table), [dict(row) for row in batch])
        _continue_counting(writer, table)


def _continue_counting(writer: Connection, table: sa.Table) -> None:
    """PostgreSQL's sequences know nothing of rows that came with their numbers."""
    number = table.autoincrement_column
    if number is None or writer.dialect.name == "sqlite":
        return
    newest = writer.execute(sa.select(sa.func.max(number))).scalar()
    if newest is not None:
        sequence = sa.func.pg_get_serial_sequence(table.name, number.name)
        writer.execute(sa.select(sa.func.setval(sequence, newest)))


def _drop_secrets(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    try:
        with database.begin() as conn:
            waiting = conn.execute(sa.select(sa.func.count()).select_from(trigger)).scalar() or 0
            if waiting:
                raise CannotCopy(
                    f"cannot leave the secrets out: {waiting} tasks are deferred, and what they wait for is sealed; "
                    "give a passphrase instead, or wait until they are done"
                )
            conn.execute(sa.delete(variable))
            conn.execute(sa.update(connection).values(password=None, extra=None))
    finally:
        database.dispose()


def _settle(path: Path) -> None:
    """All of it in the one file, compact (what was deleted is gone from it), and on the disk."""
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA journal_mode=DELETE")
        conn.execute("VACUUM")
    path.chmod(0o600)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
