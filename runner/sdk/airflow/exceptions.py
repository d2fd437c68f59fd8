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


class AirflowInactiveAssetInInletOrOutletException(AirflowException):
    """A task reads or updates assets that are not active: others have their name or URI."""

    def __init__(self, inactive_assets: Any) -> None:
        super().__init__(f"cannot use inactive assets: {', '.join(map(str, inactive_assets))}")
        self.inactive_assets = inactive_assets


class DuplicateTaskIdFound(AirflowException):
    """A DAG already has a task or group of this id."""


class TaskAlreadyInTaskGroup(AirflowException):
    """A task cannot be put into a second group."""


class ParamValidationError(AirflowException):
    """A param's value does not fit its schema."""


class TaskDeferred(BaseException):
    """The task hands over to a trigger and ends its process; `method_name` is called when the trigger fires.

    `timeout`: a timedelta or seconds. Not an Exception, so that `except Exception` does not eat it.
    """

    def __init__(
        self,
        *,
        trigger: Any,
        method_name: str | None,
        kwargs: dict[str, Any] | None = None,
        timeout: dt.timedelta | float | None = None,
    ) -> None:
        super().__init__()
        self.trigger, self.method_name, self.kwargs, self.timeout = trigger, method_name, kwargs, timeout

    def serialize(self) -> tuple[str, tuple[()], dict[str, Any]]:
        cls = type(self)
        return f"{cls.__module__}.{cls.__name__}", (), dict(vars(self))

    def __repr__(self) -> str:
        return f"<TaskDeferred trigger={self.trigger} method={self.method_name}>"

    __str__ = __repr__


class TaskAwaitingInput(TaskDeferred):
    """The task waits, without a process and without a trigger, for what people answer."""

    def __init__(
        self,
        *,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: dt.timedelta | float | None = None,
    ) -> None:
        super().__init__(trigger=None, method_name=method_name, kwargs=kwargs, timeout=timeout)


class TaskDeferralError(AirflowException):
    """The trigger that the task waited for failed."""


class TaskDeferralTimeout(AirflowException):
    """The trigger that the task waited for did not fire in time."""


class DownstreamTasksSkipped(AirflowException):
    """The task succeeded and these tasks are to be skipped."""

    def __init__(self, *, tasks: Any) -> None:
        super().__init__(f"skip {tasks}")
        self.tasks = tasks


class DagRunAlreadyExists(AirflowBadRequest):
    """The DAG has a run of that id or of that logical date already."""


class DagIsPaused(AirflowException):
    """A DAG that should start is paused."""

    def __init__(self, dag_id: str) -> None:
        super().__init__(f"Dag {dag_id} is paused")
        self.dag_id = dag_id


class DagRunTriggerException(AirflowException):
    """The task asks for a run of another DAG; the runtime starts it and, if told to, waits for its end."""

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        dag_run_id: str | None,
        conf: dict[str, Any] | None,
        logical_date: dt.datetime | None = None,
        reset_dag_run: bool = False,
        skip_when_already_exists: bool = False,
        wait_for_completion: bool = False,
        allowed_states: Any = ("success",),
        failed_states: Any = ("failed",),
        poke_interval: float = 60,
        deferrable: bool = False,
        note: str | None = None,
        run_after: dt.datetime | None = None,
    ) -> None:
        super().__init__(f"start a run of {trigger_dag_id}")
        self.trigger_dag_id, self.dag_run_id, self.conf = trigger_dag_id, dag_run_id, conf
        self.logical_date, self.run_after, self.note = logical_date, run_after, note
        self.reset_dag_run, self.skip_when_already_exists = reset_dag_run, skip_when_already_exists
        self.wait_for_completion, self.deferrable = wait_for_completion, deferrable
        self.poke_interval = poke_interval
        self.allowed_states = [str(state) for state in allowed_states]
        self.failed_states = [str(state) for state in failed_states]


class NotSupported(AirflowException):
    """This version of Aerodrome cannot do what the DAG file asks."""


class RemovedInAirflow3Warning(DeprecationWarning):
    """Works in this generation, gone in Airflow 3."""


class RemovedInAirflow4Warning(DeprecationWarning):
    """Works in this generation, gone in Airflow 4."""


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """A provider's own deprecation."""
