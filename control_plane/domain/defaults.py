"""What an environment has when its owner does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from control_plane.domain.classes import CLASSES, DEFAULT_CLASS, DEFAULT_VERSION
from control_plane.domain.environment import LOG_GROUPS, EnvironmentSpec, LogModule
from control_plane.domain.model import CREATE_MEMBERS


def fill(body: Mapping[str, Any]) -> EnvironmentSpec:
    """The full spec of a validated CreateEnvironment body; members the model does not know are dropped."""
    given = {key: body[key] for key in CREATE_MEMBERS if key != "Name" and body.get(key) is not None}
    logging = _fill_logging(given.get("LoggingConfiguration", {}))
    spec = {**_defaults(given), **given, "LoggingConfiguration": logging}
    return cast(EnvironmentSpec, spec)


def _defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    name = given.get("EnvironmentClass", DEFAULT_CLASS)
    size = CLASSES[name]
    max_workers = max(size.max_workers, given.get("MinWorkers", 1))
    max_web = max(size.webservers, given.get("MinWebservers", 1))
    return {
        "AirflowVersion": DEFAULT_VERSION,
        "AirflowConfigurationOptions": {},
        "EnvironmentClass": name,
        "MinWorkers": min(size.min_workers, given.get("MaxWorkers", max_workers)),
        "MaxWorkers": max_workers,
        "MinWebservers": min(size.webservers, given.get("MaxWebservers", max_web)),
        "MaxWebservers": max_web,
        "Schedulers": size.schedulers,
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
