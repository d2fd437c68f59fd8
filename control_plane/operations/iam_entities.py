"""What the IAM operations share: finding principals, describing them, checking documents, pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection

from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.dates import to_iso
from control_plane.iam.grammar import parse
from control_plane.iam.managed import MANAGED, MANAGED_TEXTS
from control_plane.iam.policy import Kind as PolicyKind
from control_plane.iam.policy import MalformedPolicy
from control_plane.operations.service import Call
from control_plane.store import policies, principals
from control_plane.store.policies import Managed
from control_plane.store.principals import Kind, Principal

T = TypeVar("T")
_PAGE = 100
_MANAGED_SIZE = 6144
_EPOCH = 0.0
_POLICY_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::(\d{12}|aws):policy/.+", re.DOTALL)
TITLES: Mapping[Kind, str] = {"user": "User", "role": "Role", "group": "Group"}


def no_such_entity(message: str) -> ServiceError:
    """What was named is not there."""
    return ServiceError(Code.NO_SUCH_ENTITY, message)


def get_principal(conn: Connection, kind: Kind, call: Call) -> Principal:
    """The user or role the call names; of users the caller itself, where it names none."""
    given = call.body.get(f"{TITLES[kind]}Name") or (call.caller.username if kind == "user" else None)
    if given is None:
        raise ServiceError(Code.VALIDATION, "Must specify userName when calling with non-User credentials")
    found = principals.find(conn, kind, given)
    if found is None:
        raise no_such_entity(f"The {kind} with name {given} cannot be found.")
    return found


def check_document(text: str, kind: PolicyKind = PolicyKind.IDENTITY) -> None:
    """Raises ServiceError(MALFORMED_POLICY)."""
    try:
        parse(text, kind)
    except MalformedPolicy as error:
        raise ServiceError(Code.MALFORMED_POLICY, str(error)) from None


def check_size(document: str, limit: int, message: str) -> None:
    """White space does not count. Raises ServiceError(LIMIT_EXCEEDED)."""
    if len("".join(document.split())) > limit:
        raise ServiceError(Code.LIMIT_EXCEEDED, message)


def check_managed(conn: Connection, arn: str) -> None:
    """Raises ServiceError(NO_SUCH_ENTITY) when there is no such policy to attach, INVALID_INPUT for no ARN."""
    check_arn(arn)
    if arn not in MANAGED and policies.find(conn, arn) is None:
        raise no_such_entity(f"Policy {arn} does not exist or is not attachable.")


def check_arn(arn: str) -> None:
    """Raises ServiceError(INVALID_INPUT) for what names no policy, here or elsewhere."""
    if not _POLICY_ARN.fullmatch(arn):
        raise ServiceError(Code.INVALID_INPUT, f"ARN {arn} is not valid.")


def check_managed_size(document: str) -> None:
    """Raises ServiceError(LIMIT_EXCEEDED) for what is too much for a managed policy."""
    check_size(document, _MANAGED_SIZE, f"Cannot exceed quota for PolicySize: {_MANAGED_SIZE}")


def get_managed(conn: Connection, arn: str) -> Managed:
    """A managed policy, ours or AWS's. Raises ServiceError(NO_SUCH_ENTITY or INVALID_INPUT)."""
    check_arn(arn)
    found = aws_policy(arn) if arn in MANAGED else policies.find(conn, arn)
    if found is None:
        raise no_such_entity(f"Policy {arn} was not found.")
    return found


def get_own(conn: Connection, arn: str) -> Managed:
    """A managed policy of the account, which may be changed."""
    found = get_managed(conn, arn)
    if arn in MANAGED:
        raise ServiceError(Code.ACCESS_DENIED, f"Policy {arn} is AWS's own and cannot be changed or deleted")
    return found


def aws_policy(arn: str) -> Managed:
    """A policy that AWS wrote, which is the same in every account."""
    name = arn.rpartition("/")[2]
    identity = "ANPA" + name.upper()[:17].ljust(17, "A")
    return Managed(arn, identity, name, "/", None, MANAGED_TEXTS[arn], _EPOCH)


def describe(principal: Principal) -> dict[str, Any]:
    """A user or role as answers show it."""
    title = TITLES[principal.kind]
    found: dict[str, Any] = {
        "Path": principal.path,
        f"{title}Name": principal.name,
        f"{title}Id": principal.id,
        "Arn": principal.arn,
        "CreateDate": to_iso(principal.created_at),
    }
    if principal.trust is not None:
        found["AssumeRolePolicyDocument"] = encode(principal.trust)
        found["MaxSessionDuration"] = principal.details.get("MaxSessionDuration", 3600)
    if principal.details.get("Description"):
        found["Description"] = principal.details["Description"]
    if principal.boundary is not None:
        boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": principal.boundary}
        found["PermissionsBoundary"] = boundary
    if principal.details.get("Tags"):
        found["Tags"] = show_tags(principal.details["Tags"])
    return found


def show_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as answers of IAM show them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def details_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a CreateUser or CreateRole beside the names."""
    found = {key: given[key] for key in ("Description", "MaxSessionDuration") if key in given}
    tags = read_tags(given)
    return {**found, "Tags": tags} if tags else found


def read_tags(given: Mapping[str, Any]) -> dict[str, str]:
    """Tags of a request as a mapping. Raises ServiceError(INVALID_INPUT) for a key twice or reserved."""
    listed = given.get("Tags", [])
    found = {tag["Key"]: tag["Value"] for tag in listed}
    if any(key.lower().startswith("aws:") for key in found):
        raise ServiceError(Code.INVALID_INPUT, "Tag keys that begin with aws: are reserved; use others.")
    if len({key.lower() for key in found}) != len(listed):
        raise ServiceError(
            Code.INVALID_INPUT, "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    return found


def make_page(
    given: Mapping[str, Any], member: str, found: Sequence[T], key: Callable[[T], str]
) -> dict[str, Any]:
    """A page of sorted things; its marker is the key of the last one."""
    limit, after = given.get("MaxItems", _PAGE), given.get("Marker", "")
    rest = [one for one in found if key(one) > after]
    more = {"Marker": key(rest[limit - 1])} if len(rest) > limit else {}
    return {member: rest[:limit], "IsTruncated": bool(more), **more}


def encode(document: str) -> str:
    """A policy in an answer: percent-encoded."""
    return quote(document, safe="")
