"""Variables: encrypted at rest, masked on reading when the name says that they are secret."""

from __future__ import annotations

import orjson
import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import VariableBody
from runner.api.airflow.masking import MASK, mask_text
from runner.api.answers import empty, reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.store import variables as store
from runner.store.variables import Variable


def list_variables(call: Call) -> Response:
    """GET /variables"""
    query = call.query()
    pattern, prefix = query.text("variable_key_pattern"), query.text("variable_key_prefix_pattern")
    window = query.window()
    query.check()
    with call.cell.db.read() as conn:
        found, total = store.list_variables(conn, call.cell.box, window, pattern, prefix)
    return reply({"variables": [_body(item) for item in found], "total_entries": total})


def get_variable(call: Call) -> Response:
    """GET /variables/{variable_key}"""
    with call.cell.db.read() as conn:
        return reply(_body(_get(call, conn)))


def post_variable(call: Call) -> Response:
    """POST /variables"""
    body = call.parse(VariableBody)
    item = Variable(body.key, _text(body), body.description)
    with call.begin() as conn:
        if store.find_variable(conn, call.cell.box, body.key) is not None:
            raise ApiError("conflict", f"cannot create variable {body.key!r}: it exists; PATCH changes it")
        store.put_variable(conn, call.cell.box, item)
    return reply(_body(item), 201)


def patch_variable(call: Call) -> Response:
    """PATCH /variables/{variable_key}"""
    body = call.parse(VariableBody)
    mask = call.update_mask(frozenset({"key", "value", "description", "team_name"}))
    key = call.path["variable_key"]
    if body.key != key:
        raise ApiError("invalid", f"cannot rename variable {key!r} to {body.key!r}")
    with call.begin() as conn:
        _get(call, conn)
        write(call, conn, body, mask)
        item = _get(call, conn)
    return reply(_body(item))


def exists(call: Call, conn: sa.Connection, key: str) -> bool:
    """Whether there is such a variable."""
    return store.find_variable(conn, call.cell.box, key) is not None


def write(call: Call, conn: sa.Connection, body: VariableBody, mask: frozenset[str] | None) -> None:
    """Make a variable, or change of it what the body brings, or the members in `mask`."""
    old = store.find_variable(conn, call.cell.box, body.key) or Variable(body.key, "", None)
    chosen = body.model_fields_set if mask is None else mask
    value = _text(body) if "value" in chosen else old.value
    description = body.description if "description" in chosen else old.description
    item = Variable(body.key, old.value if value == MASK and old.value else value, description)
    store.put_variable(conn, call.cell.box, item)


def delete_variable(call: Call) -> Response:
    """DELETE /variables/{variable_key}"""
    with call.begin() as conn:
        if not store.delete_variable(conn, call.path["variable_key"]):
            raise not_found("variable", call.path["variable_key"])
    return empty()


def _get(call: Call, conn: sa.Connection) -> Variable:
    found = store.find_variable(conn, call.cell.box, call.path["variable_key"])
    if found is None:
        raise not_found("variable", call.path["variable_key"])
    return found


def _text(body: VariableBody) -> str:
    return body.value if isinstance(body.value, str) else orjson.dumps(body.value).decode()


def _body(item: Variable) -> dict[str, object]:
    return {
        "key": item.key,
        "value": mask_text(item.value, item.key),
        "description": item.description,
        "is_encrypted": True,
        "team_name": None,
    }
