"""The exceptions that DAG files raise and catch. Which state a task ends in: `airflow._task.outcomes`."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from typing import Any


class AirflowException(Exception):
    """Base of everything Airflow raises on purpose; a task that raises it fails and may be retried."""

    status_code = HTTPStatus.INTERNAL_SERVER_ERROR


class AirflowBadRequest(AirflowException):
    """A request that cannot be served."""

    status_code = HTTPStatus.BAD_REQUEST


class AirflowNotFoundException(AirflowException):
    """A named thing (connection, variable, DAG, task, run) does not exist."""

    status_code = HTTPStatus.NOT_FOUND


class DagNotFound(AirflowNotFoundException):
    """No such DAG."""


class DagRunNotFound(AirflowNotFoundException):
    """No such run."""


class TaskNotFound(AirflowNotFoundException):
    """No such task in the DAG."""


class TaskInstanceNotFound(AirflowNotFoundException):
    """No such task in the run."""


class PoolNotFound(AirflowNotFoundException):
    """No such pool."""


class XComNotFound(AirflowException):
    """An XCom that something depends on was never pushed."""

    def __init__(self, dag_id: str, task_id: str, key: str) -> None:
        super().__init__(
            f"cannot find the XCom {key!r} of task {task_id!r} in DAG {dag_id!r}: it was never pushed"
        )
        self.dag_id, self.task_id, self.key = dag_id, task_id, key


class UnmappableXComTypePushed(AirflowException):
    """A task that others are mapped over returned a value without items."""


class UnmappableXComLengthPushed(AirflowException):
    """A task that others are mapped over returned more items than `[core] max_map_length` allows."""


class XComForMappingNotPushed(TypeError):
    """A task that others are mapped over returned nothing."""


class NotMapped(Exception):
    """Asked how many instances a task has that has none."""


class FailFastDagInvalidTriggerRule(AirflowException):
    """A DAG that fails fast has a task with a trigger rule of its own."""


class AirflowConfigException(AirflowException):
    """A configuration option is missing or cannot be read."""


class AirflowFailException(AirflowException):
    """Fail the task now, whatever tries remain."""


class AirflowSkipException(AirflowException):
    """Skip this task."""


class AirflowRescheduleException(AirflowException):
    """Call this task again at `reschedule_date`; it holds no process until then."""

    def __init__(self, reschedule_date: dt.datetime) -> None:
        super().__init__(f"call again at {reschedule_date}")
        self.reschedule_date = reschedule_date


class AirflowSensorTimeout(AirflowException):
    """A sensor waited longer than its time-out; it is not retried."""


class AirflowTaskTimeout(BaseException):
    """The task ran longer than its execution_timeout. Not an Exception, so that `except Exception` does not eat it."""


class AirflowTaskTerminated(BaseException):
    """The task was told to end (SIGTERM)."""


class AirflowOptionalProviderFeatureException(AirflowException):
    """A provider lacks the optional library for a feature."""


class AirflowDagCycleException(AirflowException):
    """Tasks depend on each other in a circle."""


class AirflowDagDuplicatedIdException(AirflowException):
    """Two DAGs have the same id."""


class AirflowDagInconsistent(AirflowException):
    """The arguments of a DAG contradict each other."""


class AirflowTimetableInvalid(AirflowException):
    """A schedule cannot be understood."""


class AirflowInvalidSubclass(AirflowException):
    """A class does not derive from what it must."""


class DuplicateTaskIdFound(AirflowException):
    """A DAG already has a task or group of this id."""


class TaskAlreadyInTaskGroup(AirflowException):
    """A task cannot be put into a second group."""


class ParamValidationError(AirflowException):
    """A param's value does not fit its schema."""


class TaskDeferred(BaseException):
    """The task hands over to a trigger and ends its process."""

    def __init__(
        self,
        *,
        trigger: Any,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: dt.timedelta | float | None = None,
    ) -> None:
        super().__init__(method_name)
        self.trigger, self.method_name, self.kwargs, self.timeout = trigger, method_name, kwargs, timeout


class DownstreamTasksSkipped(AirflowException):
    """The task succeeded and these tasks are to be skipped."""

    def __init__(self, *, tasks: Any) -> None:
        super().__init__(f"skip {tasks}")
        self.tasks = tasks


class NotSupported(AirflowException):
    """This version of Aerodrome cannot do what the DAG file asks."""


class RemovedInAirflow3Warning(DeprecationWarning):
    """Works in this generation, gone in Airflow 3."""


class RemovedInAirflow4Warning(DeprecationWarning):
    """Works in this generation, gone in Airflow 4."""


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """A provider's own deprecation."""
