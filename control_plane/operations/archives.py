"""ExportEnvironment and ImportEnvironment, which AWS does not have: an environment as one object of a bucket."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from control_plane.domain import model
from control_plane.domain.defaults import fill
from control_plane.domain.environment import Environment, EnvironmentSpec, LastUpdate, arn
from control_plane.domain.errors import validation
from control_plane.domain.status import Status
from control_plane.domain.validation import refuse, validate, validate_create
from control_plane.domain.web_hosts import make_host
from control_plane.operations.service import ArchiveRoom, Call, Service
from control_plane.store import environments

_EXPORTABLE = {Status.AVAILABLE, Status.UPDATE_FAILED, Status.UNAVAILABLE}


def export_environment(service: Service, call: Call) -> dict[str, Any]:
    """Write metadata and spec into the environment's bucket. Secrets are in it only with a passphrase, encrypted."""
    name = call.path["Name"]
    validate(model.EXPORT, {**call.body, "Name": name})
    with service.db.read() as conn:
        found = environments.get(conn, name)
    if found.status not in _EXPORTABLE:
        raise validation(f"Environments with {found.status} status cannot be exported")
    moment = dt.datetime.fromtimestamp(service.clock(), dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    key = call.body.get("Key") or f"exports/{name}/{moment}.zip"
    passphrase = call.body.get("Passphrase")
    location = _room(service).export(found, key, passphrase)
    return {"Location": location, "Secrets": "SEALED" if passphrase else "LEFT_OUT"}


def import_environment(service: Service, call: Call) -> dict[str, Any]:
    """Make an environment from an archive, under a name that is free. Members of CreateEnvironment replace its own."""
    name = call.path["Name"]
    own = {key: call.body.get(key) for key in ("Location", "Passphrase")}
    validate(model.IMPORT, {**{key: value for key, value in own.items() if value is not None}, "Name": name})
    with service.db.read() as conn:
        if environments.find(conn, name) is not None:
            raise validation(f"An environment named {name} already exists. Choose another name.")
    uid, room = secrets.token_hex(16), _room(service)
    spec, origin = room.fetch(str(own["Location"]), own["Passphrase"], uid)
    try:
        overrides = {key: value for key, value in call.body.items() if key not in own}
        body = {**_creatable(spec), "ExecutionRoleArn": _role(service, name), **overrides}
        refuse(validate_create(name, body, service.versions))
        row = _make_row(service, name, uid, fill(body), origin)
        with service.db.begin() as conn:
            if not environments.insert(conn, row):
                raise validation(f"An environment named {name} already exists. Choose another name.")
    except BaseException:
        room.discard(origin)
        raise
    service.on_change()
    return {"Arn": row.arn}


def _make_row(service: Service, name: str, uid: str, spec: EnvironmentSpec, origin: str) -> Environment:
    now = service.clock()
    return Environment(
        name=name,
        uid=uid,
        arn=arn(service.region, service.account_id, name),
        status=Status.CREATING,
        status_since=now,
        spec=spec,
        created_at=now,
        last_update=LastUpdate("PENDING", now, source="ImportEnvironment"),
        webserver_url=make_host(service.web_host, service.web_domain, name, uid),
        origin=origin,
    )


def _creatable(spec: EnvironmentSpec) -> dict[str, Any]:
    """A spec as the body of CreateEnvironment: maps that must not be empty are left out when they are."""
    return {key: value for key, value in spec.items() if not (key in ("Tags", "Teams") and not value)}


def _role(service: Service, name: str) -> str:
    """Of an environment whose owner names none: that of the archive is not theirs to pass."""
    return f"arn:aws:iam::{service.account_id}:role/{name}-execution"


def _room(service: Service) -> ArchiveRoom:
    if service.archives is None:
        raise validation("This service keeps no archives: ask one that `aerodrome up` runs.")
    return service.archives
