"""Statements of every turn: their SQL is made once, as SQLAlchemy's own way to it takes longer than running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa


def run_many(conn: sa.Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> int:
    """Run an insert, update or delete for each row; how many rows of the database that touched.

    `statement` is a constant, or cached, and has no values of its own: all come from `rows`, which name the same
    ones and hold what the driver takes as it is (texts, numbers, truth values, bytes, None).
    """
    sql, names = _compile(conn.dialect, statement, tuple(rows[0]))
    values: Any = rows if names is None else [tuple([row[name] for name in names]) for row in rows]
    return conn.exec_driver_sql(sql, values).rowcount


@lru_cache(maxsize=256)
def _compile(
    dialect: sa.Dialect, statement: Any, given: tuple[str, ...]
) -> tuple[str, tuple[str, ...] | None]:
    """The driver's SQL, and its parameters in order where they have no names in it."""
    compiled = statement.compile(dialect=dialect, column_keys=list(given))
    names = compiled.positiontup
    return str(compiled), None if names is None else tuple(names)
