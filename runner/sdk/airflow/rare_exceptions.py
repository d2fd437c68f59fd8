"""Exceptions that DAG files catch and the service seldom or never raises; `airflow.exceptions` has these names too."""

from __future__ import annotations

from typing import NamedTuple

from airflow.exceptions import (
    AirflowBadRequest,
    AirflowException,
    AirflowNotFoundException,
    TaskNotFound,
)


class NodeNotFound(TaskNotFound, KeyError):
    """No task or group of this id."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class AirflowRuntimeError(Exception):
    """The service refused what a task asked."""


class AirflowSecretsBackendAccessDenied(PermissionError):
    """A secrets backend said no."""


class AirflowInternalRuntimeError(BaseException):
    """Something that cannot be went wrong."""


class AirflowClusterPolicyViolation(AirflowException):
    """A policy of the environment refuses the task or DAG."""


class AirflowClusterPolicySkipDag(AirflowException):
    """A policy of the environment leaves the DAG out."""


class AirflowClusterPolicyError(AirflowException):
    """A policy of the environment failed."""


class AirflowUnsupportedFileTypeException(AirflowException):
    """A file of a kind that cannot be read."""


class AirflowWebServerTimeout(AirflowException):
    """The web server did not answer."""


class AirflowClearRunningTaskException(AirflowException):
    """A task that is running cannot be cleared."""


class ConnectionNotUnique(AirflowException):
    """Several connections have the same id."""


class VariableNotUnique(AirflowException):
    """Several variables have the same key."""


class DagCodeNotFound(AirflowNotFoundException):
    """The source of a DAG is not known."""


class DagFileExists(AirflowBadRequest):
    """A DAG file is there already."""


class DagRunTypeNotAllowed(AirflowException):
    """The DAG does not allow runs of this type."""


class DagNotPartitionedError(ValueError):
    """A partition was named for a DAG that has none."""


class InvalidPartitionKeyError(ValueError):
    """A partition key that the DAG cannot have."""


class DagConcurrencyLimitReached(AirflowException):
    """The DAG runs as many tasks as it may."""


class TaskConcurrencyLimitReached(AirflowException):
    """The task runs as often as it may."""


class NoAvailablePoolSlot(AirflowException):
    """The pool is full."""


class BackfillUnfinished(AirflowException):
    """A backfill ended with tasks that did not succeed."""

    def __init__(self, message: str, ti_status: object = None) -> None:
        super().__init__(message)
        self.ti_status = ti_status


class FailStopDagInvalidTriggerRule(AirflowException):
    """A DAG that fails fast has a task with another trigger rule than all_success."""


class UnmappableOperator(AirflowException):
    """An operator that cannot be mapped."""


class UnknownExecutorException(ValueError):
    """No executor of that name."""


class InvalidStatsNameException(AirflowException):
    """The name of a metric is none."""


class TaskAlreadyRunningError(AirflowException):
    """The task runs somewhere else."""


class SerializationError(AirflowException):
    """Something cannot be serialised."""


class DeserializationError(Exception):
    """Something serialised cannot be read."""


class DeserializingResultError(ValueError):
    """What a task in another interpreter returned cannot be read here."""

    def __str__(self) -> str:
        return "cannot read the task's result: this interpreter lacks a class or library that the value needs"


class PodMutationHookException(AirflowException):
    """pod_mutation_hook failed."""


class PodReconciliationError(AirflowException):
    """Two descriptions of a pod contradict each other."""


class FileSyntaxError(NamedTuple):
    """Where a file is wrong, and how."""

    line_no: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.message}. Line number: {self.line_no},"


class AirflowFileParseException(AirflowException):
    """A file of variables or connections cannot be read."""

    def __init__(self, msg: str, file_path: str, parse_errors: list[FileSyntaxError]) -> None:
        super().__init__(msg)
        self.msg, self.file_path, self.parse_errors = msg, file_path, parse_errors

    def __str__(self) -> str:
        found = "\n".join(f"  {error}" for error in self.parse_errors)
        return f"{self.msg}\nFilename: {self.file_path}\n{found}"
