"""What is kept of sessions and of login tokens that were used, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from control_plane.store import web_sessions as store
from control_plane.store.database import ServiceDatabase
from control_plane.store.web_sessions import WebSession


@pytest.fixture
def db(database_url: str) -> Iterator[ServiceDatabase]:
    database = ServiceDatabase(database_url)
    database.prepare()
    yield database
    database.close()


def a_session(secret: str, expires_at: float = 1000.0, seen_at: float = 100.0) -> WebSession:
    return WebSession(store.hash_id(secret), "e" * 32, "AKIA", "Op", 100.0, expires_at, seen_at)


def test_one_of_many_spends_a_token(db: ServiceDatabase) -> None:
    def spend(_number: int) -> bool:
        with db.begin() as conn:
            return store.spend(conn, "t" * 32, 160.0)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(spend, range(24))) == [False] * 23 + [True]


def test_old_sessions_and_tokens_are_forgotten_and_the_rest_stays(db: ServiceDatabase) -> None:
    with db.begin() as conn:
        for secret, expires_at, seen_at in (
            ("over", 200.0, 190.0),
            ("idle", 900.0, 50.0),
            ("kept", 900.0, 150.0),
        ):
            store.insert_session(conn, a_session(secret, expires_at, seen_at))
        assert store.spend(conn, "old", 160.0) and store.spend(conn, "new", 260.0)
        store.delete_old(conn, now=200.0, idle_since=100.0)
        left = [name for name in ("over", "idle", "kept") if store.find(conn, store.hash_id(name))]
        assert left == ["kept"]
        assert store.spend(conn, "old", 300.0) and not store.spend(conn, "new", 300.0)
        store.put_seen(conn, store.hash_id("kept"), 199.0)
        assert store.find(conn, store.hash_id("kept")) == a_session("kept", 900.0, 199.0)
        assert store.delete_session(conn, store.hash_id("kept"))
        assert not store.delete_session(conn, store.hash_id("kept"))
