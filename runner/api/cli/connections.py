"""`airflow connections ...`"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from runner.api.airflow.masking import MASK, mask_extra, mask_userinfo
from runner.api.cli.dags import OUTPUT, VERBOSE
from runner.api.cli.parsing import Command, option
from runner.api.cli.shell import Exit, Shell
from runner.api.errors import ApiError
from runner.store import connections as store
from runner.store.connections import Connection

_ALL, _ONE = "/connections", "/connections/{connection_id}"
_CONN_ID = option("conn_id", help="id of the connection")
_PARTS = ("type", "host", "login", "password", "schema", "port")


def _list(shell: Shell) -> None:
    ids = [item["connection_id"] for item in shell.ask_all(_ALL, "connections", order_by="conn_id")]
    wanted = shell.args.conn_id
    shell.show(
        [_row(shell, number, conn_id) for number, conn_id in enumerate(ids, 1) if wanted in (None, conn_id)]
    )


def _get(shell: Shell) -> None:
    try:
        shell.ask("GET", _ONE, {"connection_id": shell.args.conn_id})
    except ApiError as error:
        if error.code != "not_found":
            raise
        raise Exit(1, "Connection not found.") from None
    shell.show([_row(shell, 1, shell.args.conn_id)])


def _row(shell: Shell, number: int, conn_id: str) -> dict[str, Any]:
    """As it is for those who may see secrets, masked for the rest."""
    with shell.call.cell.db.read() as conn:
        found = store.find_connection(conn, shell.call.cell.box, conn_id)
    if found is None:
        raise Exit(1, "Connection not found.")
    values = asdict(found) if shell.sees_secrets else _mask(found)
    return {
        "id": number,
        **{name: values[name] for name in ("conn_id", "conn_type", "description", "host", "schema", "login")},
        "password": values["password"],
        "port": values["port"],
        "is_encrypted": True,
        "is_extra_encrypted": True,
        "extra_dejson": _load(values["extra"]),
        "get_uri": make_uri(values),
    }


def _mask(found: Connection) -> dict[str, Any]:
    values = asdict(found)
    return values | {
        "password": MASK if found.password else found.password,
        "host": mask_userinfo(found.host) if found.host else found.host,
        "extra": mask_extra(found.extra),
    }


def _load(extra: str | None) -> Any:
    try:
        return json.loads(extra) if extra else {}
    except ValueError:
        return {}


def make_uri(values: dict[str, Any]) -> str:
    """A connection as a URI."""
    login, password, host = (
        quote(str(values[name] or ""), safe="") for name in ("login", "password", "host")
    )
    authority = f"{login}{':' + password if password else ''}@" if login or password else ""
    address = f"{authority}{host}{':' + str(values['port']) if values['port'] else ''}"
    uri = f"{str(values['conn_type']).lower().replace('_', '-')}://{address}/{quote(values['schema'] or '', safe='')}"
    extra = _load(values["extra"])
    if not extra:
        return uri
    is_flat = isinstance(extra, dict) and all(isinstance(item, str) for item in extra.values())
    return f"{uri}?{urlencode(extra if is_flat else {'__extra__': values['extra']})}"


def read_uri(uri: str) -> dict[str, Any]:
    """The members of a connection that a URI spells. Raises Exit."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise Exit(1, f"The URI provided to --conn-uri is invalid: {error}") from None
    if not parts.scheme:
        raise Exit(1, "The URI provided to --conn-uri is invalid: it has no scheme")
    extra: dict[str, str] = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {
        "conn_type": parts.scheme.replace("-", "_"),
        "host": unquote(parts.hostname) if parts.hostname else None,
        "login": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "schema": unquote(parts.path[1:]) or None,
        "port": port,
        "extra": extra.get("__extra__") or (json.dumps(extra) if extra else None),
    }


def _add(shell: Shell) -> None:
    body = {"description": shell.args.conn_description, **_read_members(shell)}
    if shell.args.conn_extra is not None:
        body["extra"] = shell.args.conn_extra
    body["connection_id"] = conn_id = shell.args.conn_id
    try:
        shell.ask("POST", _ALL, body=body)
    except ApiError as error:
        if error.code != "conflict":
            raise
        raise Exit(1, f"A connection with `conn_id`={conn_id} already exists.") from None
    shown = mask_userinfo(shell.args.conn_uri) if shell.args.conn_uri else _describe(body)
    shell.say(f"Successfully added `conn_id`={conn_id} : {shown}")


def _read_members(shell: Shell) -> dict[str, Any]:
    args = shell.args
    ways = [name for name in ("uri", "json") if getattr(args, f"conn_{name}")]
    single = {part: getattr(args, f"conn_{part}") for part in _PARTS}
    given = [f"conn_{part}" for part, value in single.items() if value is not None]
    if len(ways) == 2:
        raise Exit(1, "Cannot supply both conn-uri and conn-json")
    if ways and given:
        raise Exit(1, f"The following args are not compatible with the --conn-{ways[0]} flag: {given!r}")
    if not ways and not args.conn_type:
        raise Exit(1, "Must supply either conn-uri or conn-json if not supplying conn-type")
    if ways == ["uri"]:
        return read_uri(args.conn_uri)
    if ways == ["json"]:
        return _read_json(args.conn_json)
    return {"conn_type": single.pop("type"), **single}


def _read_json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Exit(1, f"cannot read --conn-json: it is not JSON: {error}") from None
    if not isinstance(found, dict) or not found.get("conn_type"):
        raise Exit(1, "conn-json is invalid; must supply conn-type")
    extra = found.get("extra")
    return {**found, "extra": extra if extra is None or isinstance(extra, str) else json.dumps(extra)}


def _describe(body: dict[str, Any]) -> str:
    stars = "******" if body.get("password") else ""
    who, where = f"{body.get('login') or ''}:{stars}", f"{body.get('host') or ''}:{body.get('port') or ''}"
    return f"{body['conn_type']}://{who}@{where}/{body.get('schema') or ''}"


def _delete(shell: Shell) -> None:
    try:
        shell.ask("DELETE", _ONE, {"connection_id": shell.args.conn_id})
    except ApiError as error:
        if error.code != "not_found":
            raise
        raise Exit(1, f"Did not find a connection with `conn_id`={shell.args.conn_id}") from None
    shell.say(f"Successfully deleted connection with `conn_id`={shell.args.conn_id}")


COMMANDS = (
    Command(
        ("connections", "list"),
        "List the connections",
        _list,
        ("GET", _ALL),
        (option("--conn-id", help="only this one"), OUTPUT, VERBOSE),
    ),
    Command(("connections", "get"), "Show a connection", _get, ("GET", _ONE), (_CONN_ID, OUTPUT, VERBOSE)),
    Command(
        ("connections", "add"),
        "Add a connection",
        _add,
        ("POST", _ALL),
        (
            _CONN_ID,
            option("--conn-uri", help="the connection as a URI"),
            option("--conn-json", help="the connection as JSON"),
            option("--conn-description", help="what it is for"),
            option("--conn-extra", help="its extra, JSON"),
            *(option(f"--conn-{part}", help=f"its {part}") for part in _PARTS if part != "port"),
            option("--conn-port", type=int, help="its port"),
            VERBOSE,
        ),
    ),
    Command(("connections", "delete"), "Delete a connection", _delete, ("DELETE", _ONE), (_CONN_ID, VERBOSE)),
)
