"""What many store tests begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner.store.database import Connection, Database


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    """A transaction on a new database, of each kind."""
    db = Database(database_url)
    db.create_or_migrate()
    with db.begin() as conn:
        yield conn
    db.dispose()
