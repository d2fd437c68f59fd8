"""What of an environment's code is applied, and what is newest in the bucket: our own answer, beside GetEnvironment's.

MWAA has no members for it, and clients that check their model would stumble over strange ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control_plane.domain import model
from control_plane.domain.equipment import MEMBERS, Equipment, Source
from control_plane.domain.newest import Newest, is_same, list_followed
from control_plane.domain.options import list_ignored
from control_plane.domain.validation import validate
from control_plane.operations.service import Call, Service
from control_plane.store import environments


def get_code(service: Service, call: Call) -> dict[str, Any]:
    """Requirements, plugins and startup script: applied, newest, and why the newest is not applied."""
    name = call.path["Name"]
    validate(model.NAMED, {"Name": name})
    with service.db.read() as conn:
        row = environments.get(conn, name)
    applied, newest = service.find_code(name)
    return {"Name": name, **describe(dict(row.spec), applied, newest)}


def describe(spec: Mapping[str, Any], applied: Equipment | None, newest: Newest) -> dict[str, Any]:
    """The answer: pure. Names of exported variables are told, their values are not."""
    followed = list_followed(spec)
    sources = applied.sources if applied else {}
    exports = applied.exports if applied else {}
    return {
        "Code": {
            member: _describe(member, sources, newest, follows=member in followed)
            for member in MEMBERS
            if spec.get(member)
        },
        "Exports": {component: sorted(variables) for component, variables in exports.items()},
        "IgnoredOptions": list_ignored(spec["AirflowConfigurationOptions"]),
    }


def _describe(member: str, sources: Mapping[str, Source], newest: Newest, *, follows: bool) -> dict[str, Any]:
    current = newest.sources if follows else sources
    found: dict[str, Any] = {
        "Follows": follows,
        "Applied": _object(sources.get(member)),
        "Newest": _object(newest.sources.get(member)) if follows else None,
        "UpToDate": is_same(current, sources, member),
    }
    if follows and not found["UpToDate"] and is_same(newest.sources, newest.refused, member):
        found |= {"Refused": newest.reason, "RefusedAt": newest.refused_at}
    return found


def _object(source: Source | None) -> dict[str, Any] | None:
    if source is None:
        return None
    return {
        "Key": source.key, "ETag": source.etag, "VersionId": source.version, "LastModified": source.modified,
    }  # fmt: skip
