"""CreateCliToken and CreateWebLoginToken: 60 seconds of access to an environment's web host."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from control_plane.domain import model
from control_plane.domain.environment import Environment
from control_plane.domain.errors import validation
from control_plane.domain.status import SERVING
from control_plane.domain.validation import validate
from control_plane.domain.web_hosts import make_host
from control_plane.iam.authorize import Caller
from control_plane.iam.tokens import LIFETIME, Grant, Kind, sign
from control_plane.operations.service import Call, Service
from control_plane.store import environments

PURPOSE = "web-tokens"
_LONGEST_IDENTITY = 64


def create_cli_token(service: Service, call: Call) -> dict[str, Any]:
    """A token for `/aws_mwaa/cli`, good as often as it is used."""
    environment = _get_serving(service, call)
    return {
        "CliToken": _make(service, call, environment, "cli"),
        "WebServerHostname": _host(service, environment),
    }


def create_web_login_token(service: Service, call: Call) -> dict[str, Any]:
    """A token for one sign-in, as the Airflow role that the caller's policies reach."""
    environment = _get_serving(service, call)
    return {
        "WebToken": _make(service, call, environment, "web"),
        "WebServerHostname": _host(service, environment),
        "IamIdentity": call.caller.arn.split(":", 5)[-1],
        "AirflowIdentity": airflow_identity(call.caller),
    }


def airflow_identity(caller: Caller) -> str:
    """The caller's name in Airflow: at most 64 characters, of a longer one the rest as a hash."""
    name = caller.name
    if len(name) <= _LONGEST_IDENTITY:
        return name
    return f"{name[:47]}-{hashlib.sha256(caller.arn.encode()).hexdigest()[:16]}"


def _get_serving(service: Service, call: Call) -> Environment:
    name = call.path["Name"]
    validate(model.NAMED, {"Name": name})
    with service.db.read() as conn:
        found = environments.get(conn, name)
    if found.status not in SERVING:
        raise validation(
            f"Environment {name} has status {found.status}: it gives out tokens when it is AVAILABLE"
        )
    return found


def _make(service: Service, call: Call, environment: Environment, kind: Kind) -> str:
    grant = Grant(
        kind=kind,
        id=secrets.token_hex(16),
        environment=environment.uid,
        access_key_id=call.caller.access_key_id,
        role=call.role,
        expires_at=service.clock() + LIFETIME,
    )
    return sign(grant, service.vault.derive(PURPOSE)[0])


def _host(service: Service, environment: Environment) -> str:
    return make_host(service.web_host, service.web_domain, environment.name, environment.uid)
