"""Variables: names with text, encrypted at rest."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from runner.store.listing_page import Orders, Window, fetch_page, matches, starts
from runner.store.put import put_row
from runner.store.schema import variable
from runner.store.secrets import SecretBox

_ORDERS = Orders(
    {"key": variable.c.key, "description": variable.c.description, "id": variable.c.key}, variable.c.key
)


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable; `value` is in the clear."""

    key: str
    value: str
    description: str | None = None


def find_variable(conn: sa.Connection, box: SecretBox, key: str) -> Variable | None:
    """The variable. Raises SecretUnreadable."""
    row = conn.execute(sa.select(variable).where(variable.c.key == key)).first()
    return None if row is None else Variable(row.key, box.open(row.value), row.description)


def list_variables(
    conn: sa.Connection, box: SecretBox, window: Window, pattern: str | None = None, prefix: str | None = None
) -> tuple[list[Variable], int]:
    """A page of variables and how many there are."""
    conditions = [*matches(variable.c.key, pattern), *starts(variable.c.key, prefix)]
    page = fetch_page(conn, sa.select(variable).where(*conditions), window, _ORDERS)
    return [Variable(row.key, box.open(row.value), row.description) for row in page.rows], page.total


def put_variable(conn: sa.Connection, box: SecretBox, item: Variable) -> None:
    """Write the variable, new or not."""
    put_row(conn, variable, {"key": item.key, "value": box.seal(item.value), "description": item.description})


def delete_variable(conn: sa.Connection, key: str) -> bool:
    """Whether there was one to delete."""
    return conn.execute(sa.delete(variable).where(variable.c.key == key)).rowcount > 0
