"""The service database: conditional status changes, the schema and its history, secrets that stay sealed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from control_plane.domain.defaults import fill
from control_plane.domain.environment import Environment, EnvironmentSpec, LastUpdate, arn
from control_plane.domain.errors import Code, ServiceError
from control_plane.domain.status import EDGES, Status
from control_plane.store import audit, environments, keys
from control_plane.store.database import ServiceDatabase, find_revision, head_revision
from control_plane.store.vault import open_vault

ACCOUNT = "000000000000"


@pytest.fixture
def db(database_url: str) -> Iterator[ServiceDatabase]:
    """A fresh database of each kind."""
    database = ServiceDatabase(database_url)
    database.prepare()
    yield database
    database.close()


def empty(database: ServiceDatabase) -> None:
    """Drop everything in a PostgreSQL database."""
    with database.begin() as conn:
        conn.execute(text("DROP SCHEMA public CASCADE"))
        conn.execute(text("CREATE SCHEMA public"))


def an_environment(name: str = "one", status: Status = Status.CREATING) -> Environment:
    body = {
        "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
        "SourceBucketArn": "arn:aws:s3:::bucket",
        "DagS3Path": "dags",
        "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
    }
    return Environment(
        name=name,
        uid=(name.encode().hex() * 16)[:32],
        arn=arn("us-east-1", ACCOUNT, name),
        status=status,
        status_since=100.0,
        spec=fill(body),
        created_at=100.0,
        last_update=LastUpdate("PENDING", 100.0, source="create"),
        webserver_url="localhost:8443",
    )


def test_environment_comes_back_equal_when_it_was_inserted(db: ServiceDatabase) -> None:
    wanted = an_environment()
    with db.begin() as conn:
        assert environments.insert(conn, wanted)
    with db.read() as conn:
        assert environments.get(conn, "one") == wanted
        assert environments.list_all(conn) == [wanted]


def test_insert_says_false_and_changes_nothing_when_the_name_is_taken(db: ServiceDatabase) -> None:
    with db.begin() as conn:
        environments.insert(conn, an_environment())
        assert not environments.insert(conn, replace(an_environment(), uid="f" * 32, created_at=5.0))
        assert environments.get(conn, "one").created_at == 100.0


def test_get_raises_not_found_when_there_is_none(db: ServiceDatabase) -> None:
    with db.read() as conn, pytest.raises(ServiceError) as caught:
        environments.get(conn, "none")
    assert caught.value.code is Code.NOT_FOUND


def test_transition_changes_nothing_when_the_status_is_another(db: ServiceDatabase) -> None:
    with db.begin() as conn:
        environments.insert(conn, an_environment(status=Status.AVAILABLE))
        assert not environments.transition(conn, "one", [Status.CREATING], Status.AVAILABLE, 200.0)
        assert not environments.transition(conn, "two", [Status.CREATING], Status.AVAILABLE, 200.0)
        assert environments.get(conn, "one").status_since == 100.0


def test_transition_keeps_time_and_last_update_when_it_happens(db: ServiceDatabase) -> None:
    failed = LastUpdate("FAILED", 200.0, "INCORRECT_CONFIGURATION", "cannot read the bucket", "create")
    with db.begin() as conn:
        environments.insert(conn, an_environment())
        assert environments.transition(conn, "one", [Status.CREATING], Status.CREATE_FAILED, 200.0, failed)
        found = environments.get(conn, "one")
    assert (found.status, found.status_since, found.last_update) == (Status.CREATE_FAILED, 200.0, failed)


@pytest.mark.parametrize("source", list(Status))
def test_transition_refuses_every_edge_the_table_lacks(db: ServiceDatabase, source: Status) -> None:
    with db.begin() as conn:
        environments.insert(conn, an_environment(status=source))
        for target in set(Status) - EDGES[source]:
            with pytest.raises(ValueError, match="no such edge"):
                environments.transition(conn, "one", [source], target, 1.0)


def test_check_constraint_refuses_a_status_of_its_own(db: ServiceDatabase) -> None:
    with db.begin() as conn:
        environments.insert(conn, an_environment())
    with pytest.raises(DBAPIError, match="ck_environment_status"), db.begin() as conn:
        conn.execute(text("UPDATE environment SET status = 'BROKEN'"))


def test_delete_forgets_only_what_is_deleting(db: ServiceDatabase) -> None:
    with db.begin() as conn:
        environments.insert(conn, an_environment(status=Status.AVAILABLE))
        assert not environments.delete(conn, "one")
        environments.transition(conn, "one", [Status.AVAILABLE], Status.DELETING, 2.0)
        assert environments.delete(conn, "one")
        assert environments.find(conn, "one") is None


def test_pages_meet_without_gap_when_listed_by_name(db: ServiceDatabase) -> None:
    names = sorted(f"env{number}" for number in range(12))
    with db.begin() as conn:
        for name in names:
            environments.insert(conn, replace(an_environment(name), uid=f"{names.index(name):032x}"))
    seen: list[str] = []
    with db.read() as conn:
        while page := environments.list_page(conn, seen[-1] if seen else "", 5):
            seen += [item.name for item in page]
    assert seen == names


def test_writers_wait_for_each_other_when_they_meet(db: ServiceDatabase) -> None:
    with db.begin() as conn:
        environments.insert(conn, an_environment())

    lock = "" if db.engine.dialect.name == "sqlite" else " FOR UPDATE"

    def count() -> None:
        for _ in range(25):
            with db.begin() as conn:
                value = conn.execute(text(f"SELECT generation FROM environment{lock}")).scalar_one()
                conn.execute(text("UPDATE environment SET generation = :value"), {"value": value + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as conn:
        assert environments.get(conn, "one").generation == 101


def test_audit_refuses_change_and_removal(db: ServiceDatabase) -> None:
    entry = audit.Entry(1.0, "arn:x", "airflow:GetEnvironment", "*", "allow", "r-1", source_ip="::1")
    with db.begin() as conn:
        audit.append(conn, entry)
    for statement in ("UPDATE audit SET decision = 'deny'", "DELETE FROM audit"):
        with pytest.raises(DBAPIError, match="append only"), db.begin() as conn:
            conn.execute(text(statement))
    with db.read() as conn:
        assert [row for _, row in audit.list_page(conn, 0, 10)] == [entry]


def test_changes_are_told_apart_from_reads(db: ServiceDatabase) -> None:
    rows: list[tuple[str, str, str | None]] = [
        ("airflow:GetEnvironment", "allow", None),
        ("airflow:GetEnvironment", "deny", None),
        ("airflow:DeleteEnvironment", "allow", None),
        ("airflow:InvokeRestApi", "allow", "GET /dags"),
        ("airflow:InvokeRestApi", "allow", "PATCH /dags/d"),
        ("iam:ListUsers", "allow", "MaxItems"),
    ]
    with db.begin() as conn:
        for action, decision, detail in rows:
            kind: Any = decision
            audit.append(conn, audit.Entry(1.0, "arn:x", action, "*", kind, "r", detail=detail))
        shown = audit.list_newest(conn, 10, changes=True)
    assert [(one.action, one.decision, one.detail) for one in reversed(shown)] == [rows[1], rows[2], rows[4]]


def a_trail(db: ServiceDatabase) -> None:
    """Five rows that can be changed, the first from before there were hashes."""
    entries = [audit.Entry(float(n), "arn:x", "airflow:X", f"r{n}", "allow", f"q-{n}") for n in range(5)]
    with db.begin() as conn:
        audit.append(conn, entries[0])
        sqlite = conn.dialect.name == "sqlite"
        triggers = ["audit_no_update", "audit_no_delete"] if sqlite else ["audit_no_change ON audit"]
        for trigger in triggers:
            conn.execute(text(f"DROP TRIGGER {trigger}"))
        conn.execute(text("UPDATE audit SET chain = NULL"))
        audit.append(conn, *entries[1:3])
        audit.append(conn, *entries[3:])


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("SELECT 1", None),
        ("UPDATE audit SET decision = 'deny' WHERE id = 3", 3),
        ("UPDATE audit SET at = at + 0.000001 WHERE id = 2", 2),
        ("UPDATE audit SET detail = 'x' WHERE id = 5", 5),
        ("DELETE FROM audit WHERE id = 3", 4),
        ("UPDATE audit SET chain = NULL WHERE id = 4", 4),
    ],
)
def test_chain_shows_the_first_row_that_is_not_as_it_was_written(
    db: ServiceDatabase, tampering: str, broken: int | None
) -> None:
    a_trail(db)
    with db.begin() as conn:
        conn.execute(text(tampering))
        found = audit.verify(conn)
    assert (found.broken, found.unchained) == (broken, 1)


def test_chain_has_one_order_when_many_write_it(db: ServiceDatabase) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            with db.begin() as conn:
                entry = audit.Entry(1.0, "arn:x", "airflow:X", f"{number}-{turn}", "allow", "r")
                audit.append(conn, entry, entry)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as conn:
        found = audit.verify(conn)
    assert (found.rows, found.broken) == (80, None)


def test_noted_head_shows_that_a_trail_was_cut(db: ServiceDatabase) -> None:
    a_trail(db)
    with db.begin() as conn:
        head = audit.verify(conn).head
        assert audit.verify(conn, head) == audit.Verdict(4, 1, head)
        audit.append(conn, audit.Entry(9.0, "arn:x", "airflow:X", "*", "allow", "q-9"))
        assert audit.verify(conn, head).seen, "one that was noted earlier"
        conn.execute(text("DELETE FROM audit WHERE id > 4"))
        assert not audit.verify(conn, head).seen


def test_bootstrap_gives_the_same_key_when_called_again(db: ServiceDatabase, tmp_path: Path) -> None:
    vault = open_vault(tmp_path / "master.key")
    with db.begin() as conn:
        first = keys.bootstrap_admin(conn, vault, ACCOUNT, 1.0)
    with db.begin() as conn:
        assert keys.bootstrap_admin(conn, open_vault(tmp_path / "master.key"), ACCOUNT, 2.0) == first
        found = keys.find_key(conn, vault, first.access_key_id)
    assert found is not None
    assert (found.secret, found.active) == (first.secret_access_key, True)
    assert found.principal.arn == f"arn:aws:iam::{ACCOUNT}:user/admin"
    assert first.secret_access_key not in repr(first) + repr(found)


def test_secret_is_in_no_file_when_the_database_is_read(db: ServiceDatabase, tmp_path: Path) -> None:
    with db.begin() as conn:
        made = keys.bootstrap_admin(conn, open_vault(tmp_path / "master.key"), ACCOUNT, 1.0)
    for path in tmp_path.iterdir():
        assert made.secret_access_key.encode() not in path.read_bytes()
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600


def test_find_key_says_what_to_do_when_the_master_key_is_another(db: ServiceDatabase, tmp_path: Path) -> None:
    with db.begin() as conn:
        made = keys.bootstrap_admin(conn, open_vault(tmp_path / "a"), ACCOUNT, 1.0)
        with pytest.raises(ValueError, match="restore that file"):
            keys.find_key(conn, open_vault(tmp_path / "b"), made.access_key_id)


def schema_of(database: ServiceDatabase) -> dict[str, object]:
    with database.read() as conn:
        look = inspect(conn)
        return {
            table: (
                sorted(
                    (column["name"], str(column["type"]), column["nullable"])
                    for column in look.get_columns(table)
                ),
                look.get_pk_constraint(table)["constrained_columns"],
                sorted(str(check["name"]) for check in look.get_check_constraints(table)),
                sorted(str(index["name"]) for index in look.get_indexes(table)),
                sorted(str(unique["column_names"]) for unique in look.get_unique_constraints(table)),
            )
            for table in sorted(look.get_table_names())
        }


def test_migrations_lead_to_the_same_schema_as_a_fresh_database(db: ServiceDatabase, tmp_path: Path) -> None:
    from control_plane.store import database as module

    fresh = schema_of(db)
    old = db
    if db.engine.dialect.name == "sqlite":
        old = ServiceDatabase(f"sqlite:///{tmp_path}/old.db")
    else:
        empty(db)
    with old.begin() as conn:
        module._upgrade(conn)
        assert find_revision(conn) == head_revision()
    assert schema_of(old) == fresh
    old.prepare()
    old.close()


def test_fresh_database_never_imports_alembic(tmp_path: Path) -> None:
    code = (
        "import sys; from control_plane.store.database import ServiceDatabase; "
        f"ServiceDatabase('sqlite:///{tmp_path}/x.db').prepare(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_administrator_keeps_every_right_when_an_old_database_is_upgraded(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    from control_plane.store import database as module
    from control_plane.store import policies, principals

    old = ServiceDatabase(f"sqlite:///{tmp_path}/old.db")
    config = Config()
    config.set_main_option("script_location", str(module._MIGRATIONS))
    with old.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        row = f"'{'a' * 32}', 'arn:aws:iam::{ACCOUNT}:user/admin', 'admin', 1.0"
        conn.execute(text(f"INSERT INTO principal (id, arn, name, created_at) VALUES ({row})"))
    old.prepare()
    with old.read() as conn:
        admin = principals.find(conn, "user", "admin")
        assert admin is not None
        assert policies.list_attached(conn, admin.id) == ["arn:aws:iam::aws:policy/AdministratorAccess"]
    old.close()


def test_update_keeps_both_specs_until_it_is_applied(db: ServiceDatabase) -> None:
    row = an_environment(status=Status.AVAILABLE)
    wanted: EnvironmentSpec = {**row.spec, "MaxWorkers": 20}
    asked = LastUpdate("PENDING", 200.0, source="UpdateEnvironment", strategy="FORCED")
    done = LastUpdate("SUCCESS", 200.0, strategy="FORCED")
    with db.begin() as conn:
        environments.insert(conn, row)
        assert not environments.apply_wanted(conn, "one", 201.0, done)
        assert environments.put_wanted(conn, "one", wanted, "FORCED", asked)
        assert not environments.put_wanted(conn, "one", row.spec, "GRACEFUL", asked), "one at a time"
        pending = environments.get(conn, "one")
        environments.put_tags(conn, "one", {"team": "data"})
        assert environments.apply_wanted(conn, "one", 300.0, done)
        applied = environments.get(conn, "one")
    assert (pending.status, pending.spec, pending.wanted) == (Status.UPDATING, row.spec, wanted)
    assert (pending.strategy, pending.last_update, pending.generation) == ("FORCED", asked, 1)
    assert (applied.status, applied.wanted, applied.generation) == (Status.AVAILABLE, None, 2)
    assert applied.spec == {**wanted, "Tags": {"team": "data"}}, "tags set meanwhile are not lost"


def test_update_that_is_given_up_leaves_the_spec_as_it_was(db: ServiceDatabase) -> None:
    row = an_environment(status=Status.AVAILABLE)
    failed = LastUpdate("FAILED", 200.0, "INCORRECT_CONFIGURATION", "cannot install")
    with db.begin() as conn:
        environments.insert(conn, row)
        environments.put_wanted(conn, "one", {**row.spec, "MaxWorkers": 20}, "GRACEFUL", row.last_update)
        sources = [Status.UPDATING, Status.ROLLING_BACK]
        assert environments.drop_wanted(conn, "one", sources, Status.UPDATE_FAILED, 300.0, failed)
        found = environments.get(conn, "one")
    assert (found.spec, found.wanted, found.generation) == (row.spec, None, 1)
    assert (found.status, found.last_update) == (Status.UPDATE_FAILED, failed)
