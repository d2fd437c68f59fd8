"""The lease: one holder, epochs that never come back, and no write of a former holder."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from runner.store import leases
from runner.store.database import Database, Fenced
from runner.store.meta import find_fact, put_fact


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = Database(database_url)
    db.create_or_migrate()
    yield db
    db.dispose()


def need_postgresql(db: Database) -> None:
    if db.is_sqlite:
        pytest.skip("on SQLite the lock of the engine's role is the lease")


def test_epochs_rise_when_one_holder_claims_again_and_again(db: Database) -> None:
    assert [leases.claim(db, "a") for _ in range(3)] == [1, 2, 3]


def test_a_second_holder_waits_when_the_lease_runs_and_gets_it_when_released(db: Database) -> None:
    need_postgresql(db)
    assert leases.claim(db, "a") == 1
    assert leases.claim(db, "b") is None
    leases.release(db, 1, "a")
    assert leases.claim(db, "b") == 2
    assert not leases.renew(db, 1, "a")
    assert leases.claim(db, "a") is None


def test_a_lease_that_was_not_renewed_is_taken_when_its_time_is_over(db: Database) -> None:
    need_postgresql(db)
    assert leases.claim(db, "a", seconds=0.0) == 1
    assert leases.renew(db, 1, "a", seconds=0.0)
    assert leases.claim(db, "b") == 2


def test_a_write_is_refused_when_another_engine_reigns(db: Database, database_url: str) -> None:
    need_postgresql(db)
    db.fence(leases.claim(db, "a", seconds=0.0) or 0)
    with db.begin() as conn:
        put_fact(conn, "k", "mine")
    heir = Database(database_url)
    assert leases.claim(heir, "b") == 2
    with pytest.raises(Fenced, match="epoch 1"), db.begin() as conn:
        put_fact(conn, "k", "too late")
    with heir.read() as conn:
        assert find_fact(conn, "k") == "mine"
    heir.dispose()


def test_the_next_engine_waits_when_a_write_of_the_former_is_under_way(
    db: Database, database_url: str
) -> None:
    need_postgresql(db)
    db.fence(leases.claim(db, "a", seconds=0.0) or 0)
    heir, claimed = Database(database_url), threading.Event()

    def claim() -> None:
        assert leases.claim(heir, "b") == 2
        claimed.set()

    thread = threading.Thread(target=claim)
    with db.begin() as conn:
        put_fact(conn, "k", "in time")
        thread.start()
        assert leases.renew(db, 1, "a", seconds=0.0), "a writer holds up no renewal"
        assert not claimed.wait(0.3)
    assert claimed.wait(10)
    thread.join()
    heir.dispose()


def test_a_frozen_transaction_is_ended_by_the_server_when_it_holds_up_the_next_engine(
    db: Database, database_url: str
) -> None:
    need_postgresql(db)
    db.fence(leases.claim(db, "a", seconds=0.0) or 0)
    heir = Database(database_url)
    with pytest.raises(sa.exc.DBAPIError), db.begin() as conn:
        put_fact(conn, "k", "frozen")
        assert leases.claim(heir, "b") == 2  # returns when the server has ended the other's transaction
        put_fact(conn, "k", "thawed")
    heir.dispose()
