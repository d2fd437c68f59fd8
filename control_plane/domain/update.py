"""UpdateEnvironment as a function of specs: what an environment shall be, from what it is and what was asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from control_plane.domain.classes import CLASSES
from control_plane.domain.defaults import COUNTS, count_defaults
from control_plane.domain.environment import FILE_MEMBERS, FILES, EnvironmentSpec
from control_plane.domain.model import UPDATE_MEMBERS

_OWN_RULES = FILE_MEMBERS | {
    *("Name", "WorkerReplacementStrategy", "NetworkConfiguration", "LoggingConfiguration", "Teams"),
}


def merge(spec: EnvironmentSpec, body: Mapping[str, Any]) -> EnvironmentSpec:
    """The whole spec that a validated UpdateEnvironment body asks for.

    A member that is not given, or null, stays as it is; a map of configuration options replaces the one
    before; members the model does not know are dropped. How the others merge is written at each.
    """
    given = {key: body[key] for key in UPDATE_MEMBERS if body.get(key) is not None}
    wanted: dict[str, Any] = {
        **spec,
        **_class_counts(spec, given),
        **{key: value for key, value in given.items() if key not in _OWN_RULES},
        "NetworkConfiguration": {**spec["NetworkConfiguration"], **_group_ids(given)},
        "LoggingConfiguration": _merge_logging(spec["LoggingConfiguration"], given),
    }
    for file in FILES:
        _merge_file(wanted, given, f"{file}S3Path", f"{file}S3ObjectVersion")
    _merge_teams(wanted, given.get("Teams", {}))
    return cast(EnvironmentSpec, wanted)


def _class_counts(spec: EnvironmentSpec, given: Mapping[str, Any]) -> dict[str, int]:
    """Of workers, web servers and schedulers, when the class begins or ceases to fix them at one."""
    name = given.get("EnvironmentClass", spec["EnvironmentClass"])
    if CLASSES[name].fixed == CLASSES[spec["EnvironmentClass"]].fixed:
        return {}
    return count_defaults(name, {key: given[key] for key in COUNTS if key in given})


def _group_ids(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Security groups are replaced as a list; subnets are those of the creation."""
    network = given.get("NetworkConfiguration")
    return {} if network is None else {"SecurityGroupIds": network["SecurityGroupIds"]}


def _merge_logging(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """By module: one that is not given logs as it did."""
    changed = given.get("LoggingConfiguration", {})
    return {
        module: {"Enabled": chosen["Enabled"], "LogLevel": chosen["LogLevel"]}
        for module, kept in before.items()
        for chosen in [changed.get(module) or kept]
    }


def _merge_file(wanted: dict[str, Any], given: Mapping[str, Any], path: str, version: str) -> None:
    """An empty path takes the file away with its version; another path does not keep the old one's version.

    An empty version means whatever is newest.
    """
    if path in given and given[path] != wanted.get(path):
        wanted.pop(version, None)
        wanted[path] = given[path]
    if version in given:
        wanted[version] = given[version]
    if not wanted.get(path):
        wanted.pop(path, None)
        wanted.pop(version, None)
    if not wanted.get(version):
        wanted.pop(version, None)


def _merge_teams(wanted: dict[str, Any], change: Mapping[str, Any]) -> None:
    """Remove takes teams away, AddOrUpdate puts others in their place; the last one leaves no empty map."""
    kept = {
        name: team
        for name, team in wanted.get("Teams", {}).items()
        if name not in (change.get("Remove") or ())
    }
    teams = {**kept, **(change.get("AddOrUpdate") or {})}
    wanted.pop("Teams", None)
    if teams:
        wanted["Teams"] = teams
