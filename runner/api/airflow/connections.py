"""Connections: passwords and extras are encrypted at rest and masked on reading."""

from __future__ import annotations

from dataclasses import asdict

import orjson
import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import ConnectionBody
from runner.api.airflow.masking import MASK, keep_masked, mask_extra, mask_userinfo
from runner.api.answers import empty, reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.store import connections as store
from runner.store.connections import Connection

_MEMBERS = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")


def list_connections(call: Call) -> Response:
    """GET /connections"""
    query = call.query()
    pattern, prefix = query.text("connection_id_pattern"), query.text("connection_id_prefix_pattern")
    window = query.window()
    query.check()
    with call.cell.db.read() as conn:
        found, total = store.list_connections(conn, call.cell.box, window, pattern, prefix)
    return reply({"connections": [_body(item) for item in found], "total_entries": total})


def get_connection(call: Call) -> Response:
    """GET /connections/{connection_id}"""
    with call.cell.db.read() as conn:
        return reply(_body(_get(call, conn)))


def post_connection(call: Call) -> Response:
    """POST /connections"""
    item = _read(call.parse(ConnectionBody))
    with call.begin() as conn:
        if store.find_connection(conn, call.cell.box, item.conn_id) is not None:
            raise ApiError(
                "conflict", f"cannot create connection {item.conn_id!r}: it exists; PATCH changes it"
            )
        store.put_connection(conn, call.cell.box, item)
    return reply(_body(item), 201)


def patch_connection(call: Call) -> Response:
    """PATCH /connections/{connection_id}: members sent, or those of update_mask; a mask keeps what it hides."""
    body = call.parse(ConnectionBody)
    chosen = call.update_mask(frozenset({*_MEMBERS, "connection_id", "team_name"}))
    conn_id = call.path["connection_id"]
    if body.connection_id != conn_id:
        raise ApiError("invalid", f"cannot rename connection {conn_id!r} to {body.connection_id!r}")
    with call.begin() as conn:
        _get(call, conn)
        write(call, conn, body, chosen)
        item = _get(call, conn)
    return reply(_body(item))


def exists(call: Call, conn: sa.Connection, conn_id: str) -> bool:
    """Whether there is such a connection."""
    return store.find_connection(conn, call.cell.box, conn_id) is not None


def write(call: Call, conn: sa.Connection, body: ConnectionBody, mask: frozenset[str] | None) -> None:
    """Make a connection, or change of it what the body brings, or the members in `mask`."""
    found = store.find_connection(conn, call.cell.box, body.connection_id)
    if found is None:
        store.put_connection(conn, call.cell.box, _read(body))
        return
    sent = {"schema" if name == "schema_" else name for name in body.model_fields_set}
    old, given = asdict(found), asdict(_read(body))
    new = {name: given[name] for name in _MEMBERS if name in (mask if mask is not None else sent)}
    if new.get("password") == MASK:
        new["password"] = old["password"]
    if new.get("extra"):
        new["extra"] = _unmask_extra(new["extra"], old["extra"])
    store.put_connection(conn, call.cell.box, Connection(**{**old, **new}))


def delete_connection(call: Call) -> Response:
    """DELETE /connections/{connection_id}"""
    with call.begin() as conn:
        if not store.delete_connection(conn, call.path["connection_id"]):
            raise not_found("connection", call.path["connection_id"])
    return empty()


def refuse_test(call: Call) -> Response:
    """POST /connections/test: the engine opens no connections for users, and says so as Airflow does by default."""
    raise ApiError(
        "forbidden", "Testing connections is disabled: it would open connections from inside the service"
    )


def _get(call: Call, conn: sa.Connection) -> Connection:
    found = store.find_connection(conn, call.cell.box, call.path["connection_id"])
    if found is None:
        raise not_found("connection", call.path["connection_id"])
    return found


def _read(body: ConnectionBody) -> Connection:
    values = body.model_dump(exclude={"connection_id", "schema_", "team_name"})
    return Connection(conn_id=body.connection_id, schema=body.schema_, **values)


def _unmask_extra(new: str, old: str | None) -> str:
    """The extra to store when a client sends one back that it read masked."""
    if old is None:
        return new
    if new == MASK:
        return old
    try:
        return orjson.dumps(keep_masked(orjson.loads(new), orjson.loads(old))).decode()
    except orjson.JSONDecodeError:
        return new


def _body(item: Connection) -> dict[str, object]:
    return {
        "connection_id": item.conn_id,
        "conn_type": item.conn_type,
        "description": item.description,
        "host": mask_userinfo(item.host) if item.host else item.host,
        "login": item.login,
        "schema": item.schema,
        "port": item.port,
        "password": MASK if item.password else item.password,
        "extra": mask_extra(item.extra),
        "team_name": None,
    }
