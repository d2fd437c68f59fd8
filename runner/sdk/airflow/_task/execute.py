"""One attempt of one task, from its workload to the child's last word."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

from airflow._task import comms as comms_module
from airflow._task import context as contexts
from airflow._task import logs
from airflow._task.callbacks import run_callbacks
from airflow._task.outcomes import Outcome, outcome_of
from airflow._task.timeouts import handled, time_limit
from airflow._task.tracebacks import clean, one_line
from airflow._wire import messages
from airflow._wire.frames import Message
from airflow._wire.workload import Workload
from airflow.configuration import GENERATION_VARIABLE
from airflow.exceptions import (
    AirflowException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
)
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import to_plain
from airflow.models.xcom_arg import XCOM_RETURN_KEY
from airflow.utils.timezone import utcnow

log = logging.getLogger("airflow.task")


def execute(workload: Workload, dags: dict[str, Any], comms: Any, settings: dict[str, Any]) -> Message:
    """Run the task and say how it went (see `messages.finish`). Never raises.

    `settings`: log_level, airflow_version, environment, config. The traceback of a failure is in the log already.
    """
    try:
        prepare_process(comms, settings)
        task = find_task(workload, dags)
        ti = TaskInstance(workload, task, DagRun(workload.dag_id, workload.run_id, workload.run), comms)
        ti.began = utcnow()
        return Attempt(ti, workload).run()
    except BaseException as error:
        log.error("Task failed with exception", exc_info=clean(error))
        return last_word(Outcome("failed", one_line(error)), {}, {})
    finally:
        logs.flush()


def prepare_process(comms: Any, settings: dict[str, Any]) -> None:
    """Connection, log and generation of this process."""
    comms_module.set_current(comms)
    logs.configure(settings.get("log_level") or "INFO")
    version = settings.get("airflow_version")
    if version and os.environ.get(GENERATION_VARIABLE) != version:
        os.environ[GENERATION_VARIABLE] = version


def find_task(workload: Workload, dags: dict[str, Any]) -> Any:
    """A copy of the task that this attempt may change. Raises AirflowException naming what the file lacks."""
    dag = dags.get(workload.dag_id)
    if dag is None:
        raise AirflowException(
            f"cannot find the DAG {workload.dag_id!r} in {workload.file}; it has {sorted(dags)}"
        )
    return dag.get_task(workload.task_id).prepare_for_execution()


def last_word(outcome: Outcome, xcoms: dict[str, Any], details: dict[str, Any]) -> Message:
    """The finish message; what a task leaves counts only when it succeeded."""
    succeeded = outcome.state == "success"
    return messages.finish(
        outcome.state,
        reason=outcome.reason,
        retry=outcome.retry,
        until=outcome.until,
        xcoms=xcoms if succeeded else {},
        details=details if succeeded else {},
    )


class Attempt:
    """The steps of one attempt: render, execute, push, call back."""

    def __init__(self, ti: TaskInstance, workload: Workload) -> None:
        self.ti = ti
        self.task = ti.task
        self.workload = workload
        self.context: Any = None
        self.xcoms: dict[str, Any] = {}
        self.skipped: list[str] = []

    def run(self) -> Message:
        """Returns the last word, whatever happens in between."""
        error: BaseException | None = None
        try:
            self.context = contexts.build(self.ti, self.task, self.task.dag)
            self._do_the_work()
        except BaseException as problem:
            error = clean(problem)
        outcome = outcome_of(error) if error is not None else Outcome("success")
        if isinstance(error, DownstreamTasksSkipped):
            self.skipped += [getattr(task, "task_id", task) for task in error.tasks]
        self.ti.ended = utcnow()
        self._report(outcome, error)
        return last_word(outcome, self.xcoms, self._details())

    def _do_the_work(self) -> None:
        token = contexts.enter(self.context)
        try:
            with handled(signal.SIGTERM, self._terminate):
                self.task.render_template_fields(self.context)
                run_callbacks(self.task.on_execute_callback, self.context, "on_execute_callback")
                self.task.pre_execute(self.context)
                result = self._execute()
                self.task.post_execute(self.context, result)
                self._keep(result)
        finally:
            contexts.leave(token)

    def _execute(self) -> Any:
        own = self.task.execution_timeout
        seconds = self.workload.execution_timeout or (own.total_seconds() if own is not None else None)
        try:
            with time_limit(seconds, f"the task took longer than its execution_timeout of {seconds} seconds"):
                return self.task.execute(self.context)
        except AirflowTaskTimeout:
            self.task.on_kill()
            raise

    def _terminate(self, number: int, frame: Any) -> None:
        """SIGTERM: let the operator stop what it started, then end."""
        log.error("Received SIGTERM. Terminating subprocesses.")
        self.task.on_kill()
        raise AirflowTaskTerminated("the task was told to end (SIGTERM)")

    def _keep(self, result: Any) -> None:
        """The return value as XComs that are committed with the state. Raises for what has no JSON form."""
        if result is None or not self.task.do_xcom_push:
            return
        if self.task.multiple_outputs:
            if not isinstance(result, dict):
                raise AirflowException(
                    f"cannot push the outputs of {self.task.task_id!r}: multiple_outputs needs a dict, "
                    f"it returned a {type(result).__qualname__}"
                )
            for key in result:
                if not isinstance(key, str):
                    raise AirflowException(
                        f"cannot push the output {key!r} of {self.task.task_id!r}: keys must be text"
                    )
            self.xcoms = {key: to_plain(value, f"output {key!r}") for key, value in result.items()}
        self.xcoms[XCOM_RETURN_KEY] = to_plain(result, "the return value")

    def _details(self) -> dict[str, Any]:
        skipped = [*self.task.__dict__.get("skipped_task_ids", ()), *self.skipped]
        return {"skip": skipped} if skipped else {}

    def _report(self, outcome: Outcome, error: BaseException | None) -> None:
        """The log's last lines and the callback of this end."""
        self.ti.state = outcome.state
        if outcome.state == "failed":
            log.error("Task failed with exception", exc_info=error)
        elif outcome.reason:
            log.info("%s: %s", outcome.state, outcome.reason)
        if self.context is None:
            return
        self.context["exception"] = error
        name = self._callback_name(outcome)
        if name is not None:
            run_callbacks(getattr(self.task, name), self.context, name)

    def _callback_name(self, outcome: Outcome) -> str | None:
        if outcome.state == "failed":
            again = outcome.retry and self.workload.try_number < self.workload.max_tries
            self.ti.state = "up_for_retry" if again else "failed"
            return "on_retry_callback" if again else "on_failure_callback"
        return {"success": "on_success_callback", "skipped": "on_skipped_callback"}.get(outcome.state)
