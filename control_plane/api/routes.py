"""Every path the edge answers, with who may ask: one table.

Routing is on the raw path: a placeholder is one segment as it was sent, be it an ARN with an encoded slash;
one with a plus takes the rest, for clients that send such an ARN as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from control_plane.api.aws.body import decode_segment
from control_plane.domain.environment import arn
from control_plane.iam.authorize import AIRFLOW_ROLES
from control_plane.operations import archives, code, environments, lifecycle, rest_api, tags, tokens
from control_plane.operations.service import Call, Service

Resources = Callable[[Service, Mapping[str, str]], list[str]]


class Access(Enum):
    """Who may ask."""

    SIGNED = auto()
    """A request signed with an access key whose principal may do the action to the resource."""
    PUBLIC = auto()
    """Anybody."""
    LOCAL = auto()
    """This machine, not through a proxy."""


def never(_body: Mapping[str, Any]) -> bool:
    """Only reads."""
    return False


def always(_body: Mapping[str, Any]) -> bool:
    """Changes something."""
    return True


def unless_get(body: Mapping[str, Any]) -> bool:
    """Changes something when the method inside is not GET."""
    return body.get("Method") != "GET"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of AWS's API."""

    method: str
    pattern: str
    operation: str
    run: Callable[[Service, Call], dict[str, Any]]
    resources: Resources
    """What the action is authorised on; of several, one is enough and the first is taken."""
    access: Access = Access.SIGNED
    writes: Callable[[Mapping[str, Any]], bool] = never
    """Whether a request with this body changes something: then it leaves a row in the audit trail."""
    waits: bool = False
    """May wait for a cell, and must not hold up those that do not."""
    roles: Resources | None = None
    """For an action on the environment as a whole: the resources that say which Airflow role its caller has."""
    passes: str | None = None
    """The member of the body that names a role the environment will run as: its caller needs iam:PassRole on it."""

    @property
    def action(self) -> str:
        """The IAM action."""
        return f"airflow:{self.operation}"


def environment_arn(service: Service, path: Mapping[str, str]) -> list[str]:
    """The environment itself."""
    name = path.get("Name") or path["EnvironmentName"]
    return [arn(service.region, service.account_id, name)]


def named_arn(_service: Service, path: Mapping[str, str]) -> list[str]:
    """The ARN in the path; whether there is such a thing is the operation's to say."""
    return [path["ResourceArn"]]


def anything(_service: Service, _path: Mapping[str, str]) -> list[str]:
    """Operations on no resource in particular."""
    return ["*"]


def airflow_roles(service: Service, path: Mapping[str, str]) -> list[str]:
    """The environment's roles, mightiest first: the one a caller may reach decides what they are there."""
    prefix = f"arn:aws:airflow:{service.region}:{service.account_id}:role/{path['Name']}"
    return [f"{prefix}/{role}" for role in AIRFLOW_ROLES]


ONE = "/environments/{Name}"
TAGS = "/tags/{ResourceArn+}"
REST = "/restapi/{Name}"
METRICS = "/metrics/environments/{EnvironmentName}"

ROUTES = (
    Route(
        "PUT",
        ONE,
        "CreateEnvironment",
        environments.create_environment,
        environment_arn,
        writes=always,
        passes="ExecutionRoleArn",
    ),
    Route("GET", ONE, "GetEnvironment", environments.get_environment, environment_arn),
    Route(
        "PATCH",
        ONE,
        "UpdateEnvironment",
        environments.update_environment,
        environment_arn,
        writes=always,
        passes="ExecutionRoleArn",
    ),
    Route(
        "DELETE", ONE, "DeleteEnvironment", environments.delete_environment, environment_arn, writes=always
    ),
    Route(
        "POST",
        f"{ONE}/pause",
        "PauseEnvironment",
        lifecycle.pause_environment,
        environment_arn,
        writes=always,
    ),
    Route(
        "POST",
        f"{ONE}/resume",
        "ResumeEnvironment",
        lifecycle.resume_environment,
        environment_arn,
        writes=always,
    ),
    Route(
        "POST",
        f"{ONE}/export",
        "ExportEnvironment",
        archives.export_environment,
        environment_arn,
        writes=always,
        waits=True,
    ),
    Route(
        "POST",
        f"{ONE}/import",
        "ImportEnvironment",
        archives.import_environment,
        environment_arn,
        writes=always,
        waits=True,
        passes="ExecutionRoleArn",
    ),
    Route("GET", "/environments", "ListEnvironments", environments.list_environments, anything),
    Route("GET", f"{ONE}/code", "GetEnvironment", code.get_code, environment_arn),  # our own
    Route("GET", TAGS, "ListTagsForResource", tags.list_tags, named_arn),
    Route("POST", TAGS, "TagResource", tags.tag_resource, named_arn, writes=always),
    Route("DELETE", TAGS, "UntagResource", tags.untag_resource, named_arn, writes=always),
    Route("POST", METRICS, "PublishMetrics", environments.publish_metrics, environment_arn),
    Route(
        "POST",
        "/clitoken/{Name}",
        "CreateCliToken",
        tokens.create_cli_token,
        environment_arn,
        writes=always,
        roles=airflow_roles,
    ),
    Route(
        "POST",
        "/webtoken/{Name}",
        "CreateWebLoginToken",
        tokens.create_web_login_token,
        airflow_roles,
        writes=always,
    ),
    Route(
        "POST", REST, "InvokeRestApi", rest_api.invoke_rest_api, airflow_roles, writes=unless_get, waits=True
    ),
)

PAGES = (
    ("/health", "health", Access.PUBLIC),
    ("/metrics", "metrics", Access.LOCAL),  # with the cells' numbers
)
"""Our own, answered by `control_plane.api.pages`."""


def find_route(method: str, path: bytes) -> tuple[Route, dict[str, str]] | None:
    """The operation at a raw path, and the values of its placeholders."""
    for route in ROUTES:
        names = route.pattern.split("/")
        segments = path.split(b"/", len(names) - 1 if names[-1].endswith("+}") else -1)
        if route.method == method and len(names) == len(segments) and _fits(names, segments):
            pairs = zip(names, segments, strict=True)
            return route, {
                name.strip("{+}"): decode_segment(raw) for name, raw in pairs if name.startswith("{")
            }
    return None


def _fits(names: list[str], segments: list[bytes]) -> bool:
    pairs = zip(names, segments, strict=True)
    return all(bool(raw) if name.startswith("{") else raw == name.encode() for name, raw in pairs)
