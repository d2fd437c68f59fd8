"""Many variables, connections or pools in one request: each action is done whole, or not at all and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, Field
from starlette.responses import Response

from runner.api.airflow import connections, pools, variables
from runner.api.airflow.bodies import ConnectionBody, PoolBody, Strict, VariableBody
from runner.api.answers import reply
from runner.api.call import Call
from runner.domain.spec import DEFAULT_POOL
from runner.store.connections import delete_connection
from runner.store.pools import delete_pool
from runner.store.variables import delete_variable

_Body = TypeVar("_Body", bound=BaseModel)
_Mask = frozenset[str] | None
_Many = Field(max_length=1000)
_Missing = Literal["fail", "skip"]


class Create(Strict, Generic[_Body]):
    action: Literal["create"]
    entities: Annotated[list[_Body], _Many]
    action_on_existence: Literal["fail", "skip", "overwrite"] = "fail"


class Update(Strict, Generic[_Body]):
    action: Literal["update"]
    entities: Annotated[list[_Body], _Many]
    update_mask: list[str] | None = None
    action_on_non_existence: _Missing = "fail"


class Delete(Strict, Generic[_Body]):
    action: Literal["delete"]
    entities: Annotated[list[str | _Body], _Many]
    action_on_non_existence: _Missing = "fail"


class Bulk(Strict, Generic[_Body]):
    """The body of a bulk request."""

    actions: Annotated[
        list[Annotated[Create[_Body] | Update[_Body] | Delete[_Body], Field(discriminator="action")]], _Many
    ]


@dataclass(frozen=True, slots=True)
class _Kind(Generic[_Body]):
    """What bulk changes can be made of. `write` makes or changes one; of `mask`'s members, None: all it brings."""

    bulk: type[Bulk[_Body]]
    key: str
    what: str
    exists: Callable[[Call, sa.Connection, str], bool]
    write: Callable[[Call, sa.Connection, _Body, _Mask], None]
    delete: Callable[[sa.Connection, str], bool]
    kept: frozenset[str] = frozenset()
    """Keys that cannot be deleted."""


_VARIABLES = _Kind(Bulk[VariableBody], "key", "variables", variables.exists, variables.write, delete_variable)
_CONNECTIONS = _Kind(
    Bulk[ConnectionBody],
    "connection_id",
    "connections",
    connections.exists,
    connections.write,
    delete_connection,
)
_POOLS = _Kind(
    Bulk[PoolBody],
    "name",
    "pools",
    pools.exists,
    pools.write,
    delete_pool,
    frozenset({DEFAULT_POOL}),
)


def change_variables(call: Call) -> Response:
    """PATCH /variables"""
    return reply(_change(call, _VARIABLES))


def change_connections(call: Call) -> Response:
    """PATCH /connections"""
    return reply(_change(call, _CONNECTIONS))


def change_pools(call: Call) -> Response:
    """PATCH /pools"""
    answer = reply(_change(call, _POOLS))
    call.cell.post_dags_changed()
    return answer


def _change(call: Call, kind: _Kind[Any]) -> dict[str, Any]:
    """The answer: what each sort of action did, null for those that were not asked for."""
    body = call.parse(kind.bulk)
    told: dict[str, Any] = {"create": None, "update": None, "delete": None}
    with call.begin() as conn:
        for action in body.actions:
            part = told[action.action] = told[action.action] or {"success": [], "errors": []}
            done, error = _act(call, conn, kind, action)
            part["success"] += done
            part["errors"] += error
    return told


def _act(
    call: Call, conn: sa.Connection, kind: _Kind[Any], action: Any
) -> tuple[list[str], list[dict[str, Any]]]:
    """The keys that the action changed, or why it changed none."""
    items = {item if isinstance(item, str) else getattr(item, kind.key): item for item in action.entities}
    there = {key for key in items if kind.exists(call, conn, key)}
    if action.action == "create":
        if there and action.action_on_existence == "fail":
            return [], [_refuse(409, "create", kind, there, "exist")]
        chosen = [key for key in items if key not in there or action.action_on_existence == "overwrite"]
    else:
        if (missing := items.keys() - there) and action.action_on_non_existence == "fail":
            return [], [_refuse(404, action.action, kind, missing, "do not exist")]
        chosen = [key for key in items if key in there]
    if action.action == "delete":
        if kept := set(chosen) & kind.kept:
            return [], [_refuse(400, "delete", kind, kept, "are the service's own")]
        for key in chosen:
            kind.delete(conn, key)
        return chosen, []
    mask = getattr(action, "update_mask", None)
    for key in chosen:
        kind.write(call, conn, items[key], None if mask is None else frozenset(mask))
    return chosen, []


def _refuse(status: int, verb: str, kind: _Kind[Any], keys: set[str], why: str) -> dict[str, Any]:
    return {"error": f"cannot {verb} these {kind.what}: {sorted(keys)} {why}", "status_code": status}
