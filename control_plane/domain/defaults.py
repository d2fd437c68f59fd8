"""What an environment has when its owner does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from control_plane.domain.classes import CLASSES, DEFAULT_CLASS, DEFAULT_VERSION
from control_plane.domain.environment import FILE_MEMBERS, LOG_GROUPS, EnvironmentSpec, LogModule
from control_plane.domain.model import CREATE_MEMBERS

COUNTS = ("MinWorkers", "MaxWorkers", "MinWebservers", "MaxWebservers", "Schedulers")


def fill(body: Mapping[str, Any]) -> EnvironmentSpec:
    """The full spec of a validated CreateEnvironment body; members the model does not know are dropped."""
    given = {key: body[key] for key in CREATE_MEMBERS if key != "Name" and body.get(key) is not None}
    given = {key: value for key, value in given.items() if value != "" or key not in FILE_MEMBERS}
    logging = _fill_logging(given.get("LoggingConfiguration", {}))
    spec = {**_defaults(given), **given, "LoggingConfiguration": logging}
    return cast(EnvironmentSpec, spec)


def count_defaults(name: str, given: Mapping[str, Any]) -> dict[str, int]:
    """How many of each a class has that its owner did not count; never against what was counted."""
    size = CLASSES[name]
    max_workers = given.get("MaxWorkers", max(size.max_workers, given.get("MinWorkers", 1)))
    max_web = given.get("MaxWebservers", max(size.webservers, given.get("MinWebservers", 1)))
    return {
        "MinWorkers": min(size.min_workers, max_workers),
        "MaxWorkers": max_workers,
        "MinWebservers": min(size.webservers, max_web),
        "MaxWebservers": max_web,
        "Schedulers": size.schedulers,
    }


def _defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    name = given.get("EnvironmentClass", DEFAULT_CLASS)
    return {
        "AirflowVersion": DEFAULT_VERSION,
        "AirflowConfigurationOptions": {},
        "EnvironmentClass": name,
        **count_defaults(name, given),
        "WeeklyMaintenanceWindowStart": "SUN:03:00",
        "WebserverAccessMode": "PRIVATE_ONLY",
        "EndpointManagement": "SERVICE",
        "Tags": {},
    }


def _fill_logging(given: Mapping[str, Any]) -> dict[str, LogModule]:
    """Task logs on at INFO, the rest off; only the members of the input shape are kept."""
    filled: dict[str, LogModule] = {}
    for module in LOG_GROUPS:
        chosen = given.get(module) or {"Enabled": module == "TaskLogs", "LogLevel": "INFO"}
        filled[module] = {"Enabled": chosen["Enabled"], "LogLevel": chosen["LogLevel"]}
    return filled
