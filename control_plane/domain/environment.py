"""An environment as the service keeps it. Its spec has AWS's member names: one spelling from wire to disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from control_plane.domain.status import BUSY, Status

LOG_GROUPS: Mapping[str, str] = {
    "DagProcessingLogs": "DAGProcessing",
    "SchedulerLogs": "Scheduler",
    "WebserverLogs": "WebServer",
    "WorkerLogs": "Worker",
    "TaskLogs": "Task",
}
"""Logging module -> the last part of its log group's name."""


FILES = ("Plugins", "Requirements", "StartupScript")
"""What a bucket may hold beside DAGs: each has a member `<file>S3Path` and a member `<file>S3ObjectVersion`."""
FILE_MEMBERS = frozenset(f"{file}S3{part}" for file in FILES for part in ("Path", "ObjectVersion"))

Strategy = Literal["FORCED", "GRACEFUL"]
DEFAULT_STRATEGY: Strategy = "GRACEFUL"
"""Running tasks finish on what they began on. AWS's default is FORCED, which ends them."""


class Network(TypedDict):
    """Stored and given back; no part of the service needs it."""

    SubnetIds: list[str]
    SecurityGroupIds: list[str]


class LogModule(TypedDict):
    """How much one module logs."""

    Enabled: bool
    LogLevel: str


class _Given(TypedDict, total=False):
    PluginsS3Path: str
    PluginsS3ObjectVersion: str
    RequirementsS3Path: str
    RequirementsS3ObjectVersion: str
    StartupScriptS3Path: str
    StartupScriptS3ObjectVersion: str
    KmsKey: str
    IdentityCenterConfiguration: dict[str, str]
    Teams: dict[str, dict[str, str]]


class EnvironmentSpec(_Given):
    """What the owner asked for, defaults filled in. Members of `_Given` are there only when given."""

    ExecutionRoleArn: str
    SourceBucketArn: str
    DagS3Path: str
    NetworkConfiguration: Network
    AirflowVersion: str
    AirflowConfigurationOptions: dict[str, str]
    EnvironmentClass: str
    MinWorkers: int
    MaxWorkers: int
    MinWebservers: int
    MaxWebservers: int
    Schedulers: int
    LoggingConfiguration: dict[str, LogModule]
    WeeklyMaintenanceWindowStart: str
    WebserverAccessMode: str
    EndpointManagement: str
    Tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class LastUpdate:
    """How the last change of an environment went."""

    status: Literal["SUCCESS", "PENDING", "FAILED"]
    created_at: float
    error_code: str | None = None
    error_message: str | None = None
    source: str | None = None
    strategy: Strategy | None = None
    """How workers were replaced, of an update."""

    def to_json(self) -> dict[str, Any]:
        """In AWS's shape; messages longer than the model's limit are cut."""
        plain: dict[str, Any] = {"Status": self.status, "CreatedAt": self.created_at}
        if self.error_code is not None or self.error_message is not None:
            message = (self.error_message or "no further information")[:1024]
            plain["Error"] = {"ErrorCode": self.error_code or "INTERNAL_ERROR", "ErrorMessage": message}
        if self.source:
            plain["Source"] = self.source[:256]
        if self.strategy:
            plain["WorkerReplacementStrategy"] = self.strategy
        return plain

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> LastUpdate:
        """The inverse of `to_json`."""
        error = plain.get("Error", {})
        return LastUpdate(
            status=plain["Status"],
            created_at=plain["CreatedAt"],
            error_code=error.get("ErrorCode"),
            error_message=error.get("ErrorMessage"),
            source=plain.get("Source"),
            strategy=plain.get("WorkerReplacementStrategy"),
        )


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment as it stands."""

    name: str
    uid: str
    """32 hex digits; a name that is created again gets another."""
    arn: str
    status: Status
    status_since: float
    spec: EnvironmentSpec
    created_at: float
    last_update: LastUpdate
    webserver_url: str
    """Bare host[:port]; clients put https:// before it."""
    generation: int = 1
    """Counts the specs it has had."""
    wanted: EnvironmentSpec | None = None
    """The whole spec that an update asks for; None when none is pending."""
    strategy: Strategy = DEFAULT_STRATEGY
    """How the pending update, or the last one, replaces workers."""
    paused: Strategy | None = None
    """Its owner wants no process of it to run: GRACEFUL lets tasks finish first. None when it is to run."""
    origin: str | None = None
    """Where the archive lies that it is made from (s3://bucket/key); None for one that begins empty, or has begun."""

    def goes_on(self, begun: Environment) -> bool:
        """Whether the operation that was under way in `begun` still is: nobody has ended it, nor begun another."""
        wanted = [one.wanted and {**one.wanted, "Tags": {}} for one in (self, begun)]  # tags change at once
        same = (self.uid, self.generation) == (begun.uid, begun.generation) and wanted[0] == wanted[1]
        return same and self.status in BUSY

    @property
    def is_pausing(self) -> bool:
        """Whether it is on the way to no processes. An update that is wanted goes before a pause."""
        return self.paused is not None and self.wanted is None and self.status is Status.UPDATING

    @property
    def is_paused(self) -> bool:
        """Whether it has no processes, because its owner wants none."""
        return self.paused is not None and self.status is Status.UNAVAILABLE


def bucket_name(source_bucket_arn: str) -> str:
    """The bucket that a SourceBucketArn names."""
    return source_bucket_arn.rpartition(":")[2]


def arn(region: str, account: str, name: str) -> str:
    """The resource name of an environment."""
    return f"arn:aws:airflow:{region}:{account}:environment/{name}"
