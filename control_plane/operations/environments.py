"""CreateEnvironment, GetEnvironment, UpdateEnvironment, ListEnvironments, DeleteEnvironment."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Any

from control_plane.domain import model
from control_plane.domain.defaults import fill
from control_plane.domain.environment import DEFAULT_STRATEGY, Environment, LastUpdate, Strategy, arn
from control_plane.domain.errors import ServiceError, validation
from control_plane.domain.output import to_output
from control_plane.domain.shapes import Violation, check
from control_plane.domain.status import BUSY, DELETABLE, UPDATABLE, Status
from control_plane.domain.update import merge
from control_plane.domain.validation import refuse, validate, validate_create, validate_update
from control_plane.domain.web_hosts import make_host
from control_plane.operations.service import Call, Service
from control_plane.store import environments

_PAGE = 25
_TOKEN_MARK = "after:"  # noqa: S105 - where a page begins, not a secret


def create_environment(service: Service, call: Call) -> dict[str, Any]:
    """Accept a new environment; the reconciler makes it, and checks bucket and files while it does."""
    name = call.path["Name"]
    refuse(validate_create(name, call.body, service.versions))
    now, uid = service.clock(), secrets.token_hex(16)
    wanted = Environment(
        name=name,
        uid=uid,
        arn=arn(service.region, service.account_id, name),
        status=Status.CREATING,
        status_since=now,
        spec=fill(call.body),
        created_at=now,
        last_update=LastUpdate("PENDING", now, source="CreateEnvironment"),
        webserver_url=make_host(service.web_host, service.web_domain, name, uid),
    )
    with service.db.begin() as conn:
        if not environments.insert(conn, wanted):
            raise _taken(environments.get(conn, name))
    service.on_change()
    return {"Arn": wanted.arn}


def get_environment(service: Service, call: Call) -> dict[str, Any]:
    """Everything about one environment."""
    name = call.path["Name"]
    validate(model.NAMED, {"Name": name})
    with service.db.read() as conn:
        return {"Environment": to_output(environments.get(conn, name))}


def update_environment(service: Service, call: Call) -> dict[str, Any]:
    """Accept what an environment shall become; the reconciler makes it so, or leaves it as it was and says why.

    Workers are replaced gracefully unless FORCED is asked for; AWS does it the other way round.
    """
    name = call.path["Name"]
    validate(model.UPDATE, {**call.body, "Name": name})
    with service.db.begin() as conn:
        found = environments.get(conn, name, lock=True)
        refuse(validate_update(call.body, found.spec, service.versions))
        if found.status not in UPDATABLE:
            raise _busy(found.status) if found.status in BUSY else _cannot(found.status, "updated")
        strategy: Strategy = call.body.get("WorkerReplacementStrategy") or DEFAULT_STRATEGY
        pending = LastUpdate("PENDING", service.clock(), source="UpdateEnvironment", strategy=strategy)
        environments.put_wanted(conn, name, merge(found.spec, call.body), strategy, pending)
    service.on_change()
    return {"Arn": found.arn}


def list_environments(service: Service, call: Call) -> dict[str, Any]:
    """A page of names."""
    given: dict[str, Any] = dict(call.query)
    if "MaxResults" in given:
        given["MaxResults"] = _to_integer(given["MaxResults"])
    validate(model.LIST, given)
    limit = given.get("MaxResults", _PAGE)
    with service.db.read() as conn:
        found = environments.list_page(conn, _read_token(given.get("NextToken", "")), limit + 1)
    names = [environment.name for environment in found[:limit]]
    more = {"NextToken": _make_token(names[-1])} if len(found) > limit else {}
    return {"Environments": names, **more}


def delete_environment(service: Service, call: Call) -> dict[str, Any]:
    """Accept that an environment goes; the reconciler stops its cell and forgets it."""
    name = call.path["Name"]
    validate(model.NAMED, {"Name": name})
    now = service.clock()
    update = LastUpdate("PENDING", now, source="DeleteEnvironment")
    with service.db.begin() as conn:
        status = environments.get(conn, name, lock=True).status
        if status not in DELETABLE:
            raise _busy(status) if status in BUSY else _cannot(status, "deleted")
        environments.transition(conn, name, DELETABLE, Status.DELETING, now, update)
    service.on_change()
    return {}


def _taken(existing: Environment) -> ServiceError:
    if existing.status in BUSY:
        return _busy(existing.status)
    return validation(
        f"An environment named {existing.name} already exists, in status {existing.status}. "
        "Choose another name, or delete that environment first."
    )


def _busy(status: Status) -> ServiceError:
    return validation(
        f"Environments with {status} status must complete previous operation "
        "before initiating a new operation"
    )


def _cannot(status: Status, verb: str) -> ServiceError:
    return validation(f"Environments with {status} status cannot be {verb}")


def _to_integer(text: str) -> int | str:
    """The number, or the text as it is for the validation to refuse."""
    return int(text) if text.isascii() and text.lstrip("-").isdigit() and len(text) < 12 else text


def _make_token(name: str) -> str:
    return base64.urlsafe_b64encode(f"{_TOKEN_MARK}{name}".encode()).decode()


def _read_token(token: str) -> str:
    if not token:
        return ""
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError):
        text = ""
    name = text.removeprefix(_TOKEN_MARK)
    if name == text or list(check(model.NAMED, {"Name": name}, "")):
        raise validation("The NextToken is not one that ListEnvironments gave: start again without it.")
    return name


def publish_metrics(service: Service, call: Call) -> dict[str, Any]:
    """Keep the last values for our metrics page. AWS ignores them: the operation is of its own containers."""
    name = call.path["EnvironmentName"]
    validate(model.PUBLISH, {**call.body, "EnvironmentName": name})
    with service.db.read() as conn:
        if environments.find(conn, name) is None:  # the model has no ResourceNotFoundException here
            refuse([Violation("environmentName", "Member must name an environment that exists", name)])
    service.published.put(name, call.body["MetricData"])
    return {}
