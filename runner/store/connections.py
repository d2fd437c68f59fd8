"""Connections: where other systems are and how to log in there; password and extra are encrypted at rest."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from runner.store.listing_page import Orders, Window, fetch_page, matches, starts
from runner.store.put import put_row
from runner.store.schema import connection
from runner.store.secrets import SecretBox

_SEALED = ("password", "extra")
_ORDERABLE = ("conn_id", "conn_type", "description", "host", "port", "login", "schema")
_ORDERS = Orders(
    {name: connection.c[name] for name in _ORDERABLE}
    | {"id": connection.c.conn_id, "connection_id": connection.c.conn_id},
    connection.c.conn_id,
)


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection, in the clear."""

    conn_id: str
    conn_type: str
    description: str | None = None
    host: str | None = None
    login: str | None = None
    password: str | None = None
    schema: str | None = None
    port: int | None = None
    extra: str | None = None


def find_connection(conn: sa.Connection, box: SecretBox, conn_id: str) -> Connection | None:
    """The connection. Raises SecretUnreadable."""
    row = conn.execute(sa.select(connection).where(connection.c.conn_id == conn_id)).first()
    return None if row is None else _open(row, box)


def list_connections(
    conn: sa.Connection, box: SecretBox, window: Window, pattern: str | None = None, prefix: str | None = None
) -> tuple[list[Connection], int]:
    """A page of connections and how many there are."""
    conditions = [*matches(connection.c.conn_id, pattern), *starts(connection.c.conn_id, prefix)]
    page = fetch_page(conn, sa.select(connection).where(*conditions), window, _ORDERS)
    return [_open(row, box) for row in page.rows], page.total


def put_connection(conn: sa.Connection, box: SecretBox, item: Connection) -> None:
    """Write the connection, new or not."""
    values = asdict(item)
    for name in _SEALED:
        values[name] = box.seal(values[name]) if values[name] is not None else None
    put_row(conn, connection, values)


def delete_connection(conn: sa.Connection, conn_id: str) -> bool:
    """Whether there was one to delete."""
    return conn.execute(sa.delete(connection).where(connection.c.conn_id == conn_id)).rowcount > 0


def _open(row: sa.Row[Any], box: SecretBox) -> Connection:
    values = dict(row._mapping)
    for name in _SEALED:
        values[name] = box.open(values[name]) if values[name] is not None else None
    return Connection(**values)
