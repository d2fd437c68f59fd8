"""A cell's metadata as a file: consistent while others write, and loaded into either kind of database."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner.store import dags
from runner.store.connections import Connection, find_connection, put_connection
from runner.store.copying import CannotCopy, load, save
from runner.store.database import Database
from runner.store.schema import connection, meta, metadata, pool, variable
from runner.store.secrets import open_box
from runner.store.variables import Variable, put_variable
from tests.unit.runner.store.cells import make_dag, make_run


def fill(db: Database, tmp_path: Path) -> None:
    box = open_box(tmp_path / "secrets.key")
    with db.begin() as conn:
        dags.put_dags(conn, "b1", "f.py", [make_dag("etl", {"a": [], "b": ["a"]})], 5.0)
        make_run(conn, "etl", "r1")
        make_run(conn, "etl", "r2")
        put_variable(conn, box, Variable("v", "one secret"))
        put_connection(conn, box, Connection("c", "http", host="example.org", password="another secret"))
        conn.execute(sa.insert(pool).values(name="mine", slots=3, description=None, include_deferred=False))


def rows_of(db: Database) -> dict[str, list[tuple[object, ...]]]:
    with db.read() as conn:
        return {
            table.name: sorted((tuple(row) for row in conn.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
            if table is not meta
        }


def test_everything_is_there_when_a_saved_file_is_loaded(database_url: str, tmp_path: Path) -> None:
    source, again = Database(database_url), Database(f"sqlite:///{tmp_path / 'again.db'}")
    source.create_or_migrate()
    fill(source, tmp_path)
    save(source, tmp_path / "out" / "saved.db")
    assert (tmp_path / "out" / "saved.db").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["saved.db"]
    load(tmp_path / "out" / "saved.db", again)
    assert rows_of(again) == rows_of(source)
    source.dispose()
    again.dispose()


def test_a_file_of_one_kind_is_loaded_into_the_other_and_counting_goes_on(
    database_url: str, tmp_path: Path
) -> None:
    source, target = Database(f"sqlite:///{tmp_path / 'one.db'}"), Database(database_url)
    source.create_or_migrate()
    fill(source, tmp_path)
    save(source, tmp_path / "saved.db")
    load(tmp_path / "saved.db", target)
    assert rows_of(target) == rows_of(source)
    with target.begin() as conn:
        make_run(conn, "etl", "r3")  # takes new numbers
    load(tmp_path / "saved.db", target)  # again, as after a crash: nothing more
    with target.begin() as conn:
        assert conn.execute(sa.delete(meta).where(meta.c.key == "loaded_from")).rowcount == 1
    with pytest.raises(CannotCopy, match="runs of its own"):
        load(tmp_path / "saved.db", target)
    source.dispose()
    target.dispose()


def test_no_secret_is_left_in_the_file_when_they_are_left_out(tmp_path: Path) -> None:
    source = Database(f"sqlite:///{tmp_path / 'one.db'}")
    source.create_or_migrate()
    fill(source, tmp_path)
    with source.read() as conn:
        sealed = [conn.execute(sa.select(variable.c.value)).scalar_one()]
        sealed.append(conn.execute(sa.select(connection.c.password)).scalar_one())
    save(source, tmp_path / "saved.db", with_secrets=False)
    data = (tmp_path / "saved.db").read_bytes()
    assert not any(text.encode() in data for text in sealed)
    again = Database(f"sqlite:///{tmp_path / 'again.db'}")
    load(tmp_path / "saved.db", again)
    with again.read() as conn:
        found = find_connection(conn, open_box(tmp_path / "secrets.key"), "c")
    assert found == Connection("c", "http", host="example.org")
    source.dispose()
    again.dispose()


def test_the_copy_is_of_one_moment_when_others_write_meanwhile(database_url: str, tmp_path: Path) -> None:
    """Two facts are always written together; no copy may have the one without the other."""
    source = Database(database_url)
    source.create_or_migrate()
    ending = threading.Event()

    def write() -> None:
        for number in range(10_000):
            if ending.is_set():
                return
            with source.begin() as conn:
                conn.execute(sa.delete(meta))
                conn.execute(sa.insert(meta), [{"key": key, "value": str(number)} for key in ("a", "b")])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            save(source, tmp_path / f"{number}.db")
            copy = Database(f"sqlite:///{tmp_path / f'{number}.db'}")
            with copy.read() as conn:
                values = list(conn.execute(sa.select(meta.c.value)).scalars())
            assert len(set(values)) <= 1 and len(values) in (0, 2)
            copy.dispose()
    finally:
        ending.set()
        writer.join()
        source.dispose()
