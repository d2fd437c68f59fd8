"""Write a row whether it is there or not: one statement, safe against another writer, on both databases."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def put_row(conn: sa.Connection, table: sa.Table, values: dict[str, Any]) -> None:
    """Insert `values`; where a row with the same primary key exists, set the other columns named."""
    put_rows(conn, table, [values])


def put_rows(conn: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """`put_row` for many rows that name the same columns."""
    if not rows:
        return
    statement = _insert(conn, table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    if changed:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    conn.execute(statement, rows)


def insert_missing(
    conn: sa.Connection, table: sa.Table, rows: list[dict[str, Any]], unique: list[str]
) -> None:
    """Insert the rows that are not there yet, by the columns that are unique together."""
    if rows:
        statement = _insert(conn, table)
        conn.execute(statement.on_conflict_do_nothing(index_elements=unique), rows)


def _insert(conn: sa.Connection, table: sa.Table) -> Any:
    """The database's own insert; a dialect takes a tenth of a second to load, so only the one in use is."""
    if conn.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert

        return insert(table)
    from sqlalchemy.dialects.postgresql import insert as insert_postgresql

    return insert_postgresql(table)
