"""The database itself: fresh and migrated are the same, writers take turns, readers cannot write."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from runner.store import migrate
from runner.store.database import REVISION, Database, DatabaseError
from runner.store.schema import dag, dag_version, meta


def describe(db: Database) -> dict[str, object]:
    """Every table with its columns, keys, constraints and indexes."""
    inspector = sa.inspect(db._engine)
    return {
        name: (
            [
                (c["name"], str(c["type"]), c["nullable"], str(c["default"]))
                for c in inspector.get_columns(name)
            ],
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted(str(sorted(u["column_names"])) for u in inspector.get_unique_constraints(name)),
            sorted(
                str((k["constrained_columns"], k["referred_table"])) for k in inspector.get_foreign_keys(name)
            ),
            sorted(" ".join(str(c["sqltext"]).split()) for c in inspector.get_check_constraints(name)),
            sorted(str((i["name"], i["column_names"])) for i in inspector.get_indexes(name)),
        )
        for name in sorted(inspector.get_table_names())
        if name != "alembic_version"
    }


def test_migrated_database_is_a_fresh_one(empty_databases: tuple[str, str]) -> None:
    fresh, migrated = map(Database, empty_databases)
    fresh.create_or_migrate()
    with migrated._engine.connect() as conn:
        migrate.upgrade(conn)
    assert describe(migrated) == describe(fresh)
    with migrated.read() as conn:
        assert conn.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == REVISION
    fresh.dispose()
    migrated.dispose()


def test_migrated_database_knows_which_dags_wait_for_partitions(database_url: str) -> None:
    db = Database(database_url)
    with db._engine.connect() as conn:
        migrate.upgrade(conn, "0002")
    tables = {"file": "f.py", "is_paused": False, "is_stale": False, "first_seen": 1.0, "last_parsed": 1.0}
    timetables = {
        "asset": '{"kind":"asset","partitions":{"default":{"kind":"identity"},"name":{},"uri":{}}}',
        "plain": '{"doc_md":"\\"partitions\\":{\\"default\\":{","kind":"asset"}',
    }
    with db.begin() as conn:
        for number, (dag_id, text) in enumerate(timetables.items(), 1):
            version = {"id": number, "dag_id": dag_id, "number": 1, "digest": "d", "bundle": "b"}
            data = '{"timetable":' + text + "}"
            conn.execute(dag_version.insert().values(**version, created_at=1.0, data=data))
            row = {"dag_id": dag_id, "version_id": number, "timetable_kind": "asset", **tables}
            conn.execute(dag.insert().values(row))
    db.create_or_migrate()
    with db.read() as conn:
        found = conn.execute(sa.select(dag.c.dag_id, dag.c.timetable_kind).order_by(dag.c.dag_id)).all()
        assert found == [("asset", "partitioned"), ("plain", "asset")]
    db.dispose()


def test_newest_migration_is_the_one_that_fresh_databases_are_stamped_with(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'x.db'}")
    with db._engine.connect() as conn:
        assert ScriptDirectory.from_config(migrate.config(conn)).get_current_head() == REVISION
    db.dispose()


def test_creating_twice_changes_nothing(database_url: str) -> None:
    db = Database(database_url)
    db.create_or_migrate()
    with db.begin() as conn:
        conn.execute(meta.insert().values(key="k", value="v"))
    db.create_or_migrate()
    with db.read() as conn:
        assert conn.execute(sa.select(meta.c.value).where(meta.c.key == "k")).scalar() == "v"
    db.dispose()


def test_reader_cannot_write(database_url: str) -> None:
    db = Database(database_url)
    db.create_or_migrate()
    with pytest.raises(DatabaseError), db.read() as conn:
        conn.execute(meta.insert().values(key="k", value="v"))
    db.dispose()


def test_failed_block_leaves_nothing_behind(database_url: str) -> None:
    db = Database(database_url)
    db.create_or_migrate()
    with pytest.raises(RuntimeError), db.begin() as conn:
        conn.execute(meta.insert().values(key="k", value="v"))
        raise RuntimeError
    with db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(meta)).scalar() == 0
    db.dispose()


def test_sqlite_is_durable_and_checks_foreign_keys(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'x.db'}")
    db.create_or_migrate()
    with db.read() as conn:
        found = {
            p: conn.exec_driver_sql(f"PRAGMA {p}").scalar()
            for p in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    db.dispose()


def test_writers_of_many_threads_take_turns(database_url: str) -> None:
    db = Database(database_url)
    db.create_or_migrate()
    with db.begin() as conn:
        conn.execute(meta.insert().values(key="n", value="0"))

    def add() -> None:
        for _ in range(20):
            with db.begin() as conn:
                query = sa.select(meta.c.value).where(meta.c.key == "n").with_for_update()
                value = int(conn.execute(query).scalar_one())
                conn.execute(meta.update().where(meta.c.key == "n").values(value=str(value + 1)))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as conn:
        assert conn.execute(sa.select(meta.c.value).where(meta.c.key == "n")).scalar() == "80"
    db.dispose()


def test_log_has_its_size_before_the_first_commit_and_the_database_is_as_it_was(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/cell.db")
    db.create_or_migrate()
    before, wal = describe(db), tmp_path / "cell.db-wal"
    db.grow_log()
    size, pages = wal.stat().st_size, (tmp_path / "cell.db").stat().st_size
    assert size > 3_900_000
    for number in range(150):
        with db.begin() as conn:
            conn.execute(meta.insert().values(key=f"k{number}", value="v" * 300))
    assert wal.stat().st_size == size
    assert (tmp_path / "cell.db").stat().st_size == pages
    with db.read() as conn:
        assert conn.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
        assert conn.execute(sa.text("SELECT count(*) FROM meta WHERE key LIKE 'k%'")).scalar() == 150
    assert describe(db) == before
    db.dispose()
