"""Write a row whether it is there or not: one statement, safe against another writer, on both databases."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from runner.store.prepared import run_many


def put_row(conn: sa.Connection, table: sa.Table, values: dict[str, Any]) -> None:
    """Insert `values`; where a row with the same primary key exists, set the other columns named."""
    put_rows(conn, table, [values])


def put_rows(conn: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """`put_row` for many rows that name the same columns."""
    if rows:
        run_many(conn, _make_put(conn.dialect.name, table, tuple(rows[0])), rows)


@lru_cache(maxsize=256)
def _make_put(dialect: str, table: sa.Table, names: tuple[str, ...]) -> Any:
    """The statement is made once: making it takes longer than the rest of a small transaction."""
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    if changed:
        return statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return statement.on_conflict_do_nothing(index_elements=keys)


def insert_missing(
    conn: sa.Connection, table: sa.Table, rows: list[dict[str, Any]], unique: list[str]
) -> None:
    """Insert the rows that are not there yet, by the columns that are unique together."""
    if rows:
        run_many(conn, _make_insert(conn.dialect.name, table, tuple(unique)), rows)


@lru_cache(maxsize=256)
def _make_insert(dialect: str, table: sa.Table, unique: tuple[str, ...]) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=list(unique))


def _insert(dialect: str, table: sa.Table) -> Any:
    """The database's own insert; a dialect takes a tenth of a second to load, so only the one in use is."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert

        return insert(table)
    from sqlalchemy.dialects.postgresql import insert as insert_postgresql

    return insert_postgresql(table)
