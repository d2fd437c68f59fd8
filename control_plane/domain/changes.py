"""What an update changes, and what it takes to bring it about: pure, from two full specs.

Most changes take nothing: they are in force with the row. The rest is done while the environment serves, and the
dearest of all is a new engine, which finds its tasks running and goes on with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from control_plane.domain.environment import EnvironmentSpec


class Need(StrEnum):
    """What a change asks of the cell, beyond its row."""

    SPEC = "spec"
    """Engine and agent take up a new cell spec while they run."""
    WORKERS = "workers"
    """Other numbers of workers: the engine scales from one to the other."""
    LIMITS = "limits"
    """Other limits of memory and processors."""
    BUCKET = "bucket"
    """The bucket is another, or another part of it: it is looked at first."""
    INTERPRETER = "interpreter"
    PLUGINS = "plugins"
    STARTUP = "startup"
    ENGINE = "engine"
    """A new engine process (`airflow._wire.reload` says why). Running tasks live on, and the new engine adopts them."""
    SNAPSHOT = "snapshot"
    """The metadata is copied first."""


N = Need
_SPEC = frozenset({N.SPEC})
_ROW: frozenset[Need] = frozenset()

NEEDS: Mapping[str, frozenset[Need]] = {
    "ExecutionRoleArn": _ROW,
    "NetworkConfiguration": _ROW,
    "WeeklyMaintenanceWindowStart": _ROW,
    "WebserverAccessMode": _ROW,
    "EndpointManagement": _ROW,
    "KmsKey": _ROW,
    "Tags": _ROW,
    "Schedulers": _ROW,
    "MinWebservers": _ROW,
    "MaxWebservers": _ROW,
    "Teams": _ROW,
    "IdentityCenterConfiguration": _ROW,
    "MinWorkers": _SPEC | {N.WORKERS},
    "MaxWorkers": _SPEC | {N.WORKERS},
    "EnvironmentClass": _SPEC | {N.WORKERS, N.LIMITS},
    "LoggingConfiguration": _SPEC,
    "AirflowConfigurationOptions": _SPEC,
    "SourceBucketArn": _SPEC | {N.BUCKET, N.ENGINE},
    "DagS3Path": _SPEC | {N.BUCKET, N.ENGINE},
    "RequirementsS3Path": _SPEC | {N.INTERPRETER},
    "RequirementsS3ObjectVersion": _SPEC | {N.INTERPRETER},
    "PluginsS3Path": _SPEC | {N.PLUGINS},
    "PluginsS3ObjectVersion": _SPEC | {N.PLUGINS},
    "StartupScriptS3Path": _SPEC | {N.STARTUP},
    "StartupScriptS3ObjectVersion": _SPEC | {N.STARTUP},
    "AirflowVersion": _SPEC | {N.SNAPSHOT, N.ENGINE},
}
"""Member of the spec -> what a change of it takes. A test holds it against the model: no member is left out."""

_ENDING = frozenset({N.LIMITS, N.BUCKET, N.INTERPRETER, N.PLUGINS, N.STARTUP, N.SNAPSHOT})
"""What makes a difference to tasks: a FORCED update ends those that run with the old."""

_WORDS: Mapping[Need, str] = {
    N.BUCKET: "look at the bucket",
    N.INTERPRETER: "install the requirements",
    N.PLUGINS: "unpack the plugins",
    N.STARTUP: "run the startup script",
    N.SNAPSHOT: "copy the metadata",
    N.SPEC: "tell engine and agent",
    N.WORKERS: "scale the workers",
    N.LIMITS: "change the limits",
    N.ENGINE: "replace the engine; tasks live on",
}


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between two specs."""

    members: tuple[str, ...]
    """Names of what differs, sorted; options of Airflow one by one."""
    needs: frozenset[Need]

    @property
    def is_row_only(self) -> bool:
        """Whether nothing has to be done: the new row is all."""
        return not self.needs

    def ends_tasks(self, strategy: str) -> bool:
        """Whether tasks that run now are ended: never but for a FORCED change of what tasks run with."""
        return strategy == "FORCED" and bool(self.needs & _ENDING or _options(self.members))

    def describe(self) -> str:
        """For people: what differs, and what will be done for it, in order."""
        if not self.members:
            return "nothing differs"
        steps = ", ".join(words for need, words in _WORDS.items() if need in self.needs)
        return f"{', '.join(self.members)}: {steps or 'nothing to be done'}"


def find_changes(old: EnvironmentSpec, new: EnvironmentSpec) -> Changes:
    """What lies between two full specs."""
    before: Mapping[str, Any] = dict(old)
    after: Mapping[str, Any] = dict(new)
    members = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    needs = {need for name in members for need in NEEDS.get(name, _SPEC)}
    options = _differing(old["AirflowConfigurationOptions"], new["AirflowConfigurationOptions"])
    if "core.parallelism" in options:
        needs.add(N.WORKERS)
    named = [name for name in members if name != "AirflowConfigurationOptions"]
    return Changes(tuple(sorted(named)) + tuple(options), frozenset(needs))


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))


def _options(members: Iterable[str]) -> bool:
    return any("." in name for name in members)
