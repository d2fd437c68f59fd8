"""Pools, with how full they are."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import PoolBody, PoolPatch
from runner.api.answers import empty, reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.domain.spec import DEFAULT_POOL
from runner.store import pools as store
from runner.store.pools import Pool

_MEMBERS = frozenset({"slots", "description", "include_deferred"})


def list_pools(call: Call) -> Response:
    """GET /pools"""
    query = call.query()
    pattern, prefix = query.text("pool_name_pattern"), query.text("pool_name_prefix_pattern")
    window = query.window()
    query.check()
    with call.cell.db.begin() as conn:
        store.ensure_default_pool(conn)
    with call.cell.db.read() as conn:
        found, total = store.list_pools(conn, window, pattern, prefix)
        bodies = _bodies(conn, found)
    return reply({"pools": bodies, "total_entries": total})


def get_pool(call: Call) -> Response:
    """GET /pools/{pool_name}"""
    with call.cell.db.read() as conn:
        return reply(_bodies(conn, [_get(call, conn)])[0])


def post_pool(call: Call) -> Response:
    """POST /pools"""
    body = call.parse(PoolBody)
    item = Pool(body.name, body.slots, body.description, body.include_deferred)
    with call.begin() as conn:
        if store.find_pool(conn, item.name) is not None:
            raise ApiError("conflict", f"cannot create pool {item.name!r}: it exists; PATCH changes it")
        store.put_pool(conn, item)
        answer = _bodies(conn, [item])[0]
    call.cell.post_dags_changed()
    return reply(answer, 201)


def patch_pool(call: Call) -> Response:
    """PATCH /pools/{pool_name}"""
    body = call.parse(PoolPatch)
    name = call.path["pool_name"]
    mask = call.update_mask(_MEMBERS | {"pool", "name", "team_name"})
    if (body.pool or body.name or name) != name:
        raise ApiError("invalid", f"cannot rename pool {name!r}")
    chosen = (_MEMBERS if mask is None else mask & _MEMBERS) & body.model_fields_set
    values = {
        member: value
        for member in chosen
        if (value := getattr(body, member)) is not None or member == "description"
    }
    if name == DEFAULT_POOL and "description" in values:
        raise ApiError("invalid", "cannot change the default pool but for its slots and include_deferred")
    with call.begin() as conn:
        item = replace(_get(call, conn), **values)
        store.put_pool(conn, item)
        answer = _bodies(conn, [item])[0]
    call.cell.post_dags_changed()
    return reply(answer)


def exists(call: Call, conn: sa.Connection, name: str) -> bool:
    """Whether there is such a pool."""
    return name == DEFAULT_POOL or store.find_pool(conn, name) is not None


def write(call: Call, conn: sa.Connection, body: PoolBody, mask: frozenset[str] | None) -> None:
    """Make a pool, or change of it what the body brings, or the members in `mask`."""
    old = store.find_pool(conn, body.name) or Pool(body.name, body.slots)
    chosen = _MEMBERS & (body.model_fields_set if mask is None else mask)
    if body.name == DEFAULT_POOL:
        chosen -= {"description"}
    store.put_pool(conn, replace(old, **{member: getattr(body, member) for member in chosen}))


def delete_pool(call: Call) -> Response:
    """DELETE /pools/{pool_name}"""
    name = call.path["pool_name"]
    if name == DEFAULT_POOL:
        raise ApiError("invalid", "cannot delete the default pool")
    with call.begin() as conn:
        if not store.delete_pool(conn, name):
            raise not_found("pool", name)
    call.cell.post_dags_changed()
    return empty()


def _get(call: Call, conn: sa.Connection) -> Pool:
    found = store.find_pool(conn, call.path["pool_name"])
    if found is None:
        raise not_found("pool", call.path["pool_name"])
    return found


def _bodies(conn: sa.Connection, found: list[Pool]) -> list[dict[str, object]]:
    counts = store.count_slots(conn, [item.name for item in found])
    return [_body(item, counts[item.name]) for item in found]


def _body(item: Pool, held: dict[str, int]) -> dict[str, object]:
    running = held.get("running", 0) + held.get("restarting", 0)
    queued, deferred = held.get("queued", 0), held.get("deferred", 0)
    occupied = running + queued + (deferred if item.include_deferred else 0)
    return {
        "name": item.name,
        "slots": item.slots,
        "description": item.description,
        "include_deferred": item.include_deferred,
        "occupied_slots": occupied,
        "running_slots": running,
        "queued_slots": queued,
        "scheduled_slots": held.get("scheduled", 0),
        "open_slots": -1 if item.slots < 0 else item.slots - occupied,
        "deferred_slots": deferred,
        "team_name": None,
    }
