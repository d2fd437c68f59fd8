"""One attempt of one task, from its workload to the child's last word."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Sequence
from types import GeneratorType
from typing import Any

from airflow._task import comms as comms_module
from airflow._task import context as contexts
from airflow._task import logs
from airflow._task.callbacks import run_callbacks, tell
from airflow._task.listening import has_listeners
from airflow._task.outcomes import Outcome, last_word, outcome_of
from airflow._task.timeouts import handled, time_limit
from airflow._task.tracebacks import clean, one_line
from airflow._wire.frames import Message
from airflow._wire.workload import Workload
from airflow.configuration import GENERATION_VARIABLE, generation
from airflow.exceptions import (
    AirflowException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    DagRunTriggerException,
    DownstreamTasksSkipped,
    TaskDeferred,
)
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import Large, pack, push
from airflow.models.xcom_arg import XCOM_RETURN_KEY
from airflow.utils.timezone import utcnow

log = logging.getLogger("airflow.task")


def execute(workload: Workload, dags: dict[str, Any], comms: Any, settings: dict[str, Any]) -> Message:
    """Run the task and say how it went (see `messages.finish`). Never raises.

    `settings`: log_level, airflow_version, environment, config; `log_here` leaves logging as it is. The traceback of a
    failure is in the log already.
    """
    try:
        prepare_process(comms, settings)
        if "callback" in workload.extra:
            from airflow._task.calling import call_back

            return call_back(workload, dags, comms)
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
    if not settings.get("log_here"):
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


def _id_of(task: Any) -> str:
    """The id of a task to skip: named by itself, with a map index, or by the task."""
    return str(task[0] if isinstance(task, tuple) else getattr(task, "task_id", task))


class Attempt:
    """The steps of one attempt: render, execute, push, call back."""

    def __init__(self, ti: TaskInstance, workload: Workload) -> None:
        self.ti = ti
        self.task = ti.task
        self.workload = workload
        self.context: Any = None
        self.xcoms: dict[str, Any] = {}
        self.pushed: dict[str, int | None] = {}
        self.skipped: list[str] = []
        self.label: str | None = None
        self.rendered: dict[str, Any] | None = None
        self.asset_events: list[dict[str, Any]] = []
        self.deferral: dict[str, Any] | None = None

    def run(self) -> Message:
        """Returns the last word, whatever happens in between."""
        error: BaseException | None = None
        try:
            self.context = contexts.build(self.ti, self.task, self.task.dag)
            self._do_the_work()
        except TaskDeferred as request:
            error = self._defer(request)
        except BaseException as problem:
            error = clean(problem)
            if self.task.map_index_template is not None and self.context is not None:
                self._name_instance(failed=True)
        outcome = outcome_of(error) if error is not None else Outcome("success")
        if isinstance(error, DownstreamTasksSkipped):
            self.skipped += [_id_of(task) for task in error.tasks]
        self.ti.ended = utcnow()
        self._log_end(outcome, error)
        if error is not None and outcome.state == "failed" and self.task.retry_policy is not None:
            from airflow._task.retrying import ask_policy

            outcome = ask_policy(self.task.retry_policy, error, outcome, self.ti, self.context)
        self._report(outcome, error)
        return last_word(outcome, self.xcoms, self._details(outcome))

    def _do_the_work(self) -> None:
        token = contexts.enter(self.context)
        try:
            with handled(signal.SIGTERM, self._terminate):
                if self.task.is_mapped:
                    self._unmap()
                if self.task.outlets or self.task.inlets:
                    self._check_assets()
                self.task.render_template_fields(self.context)
                if "_held_templates" in self.task.__dict__:
                    self._show_rendered()
                if has_listeners():
                    self._tell_listeners("running")
                run_callbacks(self.task.on_execute_callback, self.context, "on_execute_callback")
                self.task.pre_execute(self.context)
                result = self._execute()
                self.task.post_execute(self.context, result)
                if self.task.map_index_template is not None:
                    self._name_instance()
                self._keep(result)
                if self.task.outlets:
                    self.asset_events = self._list_asset_events()
        finally:
            contexts.leave(token)

    def _show_rendered(self) -> None:
        from airflow._task.rendered import describe_fields

        self.rendered = describe_fields(self.task)

    def _unmap(self) -> None:
        from airflow._task.mapping import become_instance

        self.task = become_instance(self.context)

    def _execute(self) -> Any:
        own, call = self.task.execution_timeout, self.task.execute
        seconds = self.workload.execution_timeout or (own.total_seconds() if own is not None else None)
        resume = self.workload.extra.get("resume")
        if resume is not None or self.task.start_from_trigger:
            from airflow._task import deferral

            call = deferral.choose_call(self.task, resume)
            seconds = deferral.limit_execution(seconds, self._first_start())
            self.ti.next_method = resume.get("next_method") if resume else None
        try:
            with time_limit(seconds, f"the task took longer than its execution_timeout of {seconds} seconds"):
                return self._call(call)
        except AirflowTaskTimeout:
            self.task.on_kill()
            raise

    def _call(self, function: Callable[[Any], Any]) -> Any:
        try:
            result = function(self.context)
            if isinstance(result, GeneratorType):  # it yields what it has to say about its outlets
                from airflow.assets.outlet_events import drain

                result = drain(result, self.context["outlet_events"])
            return result
        except DagRunTriggerException as wanted:
            from airflow._task.starting_runs import start_run

            return start_run(wanted, self.ti)

    def _defer(self, request: TaskDeferred) -> BaseException:
        """Note what the trigger is to be; the request itself, or what is wrong with it."""
        from airflow._task import deferral

        try:
            self.deferral = deferral.describe(request, self.task, self._first_start())
        except Exception as problem:
            return clean(problem)
        log.info("Pausing task as DEFERRED until %s fires", self.deferral["classpath"])
        return request

    def _first_start(self) -> float:
        """When this try began, before any pause."""
        return float(self.workload.extra.get("first_start") or self.ti.start_date.timestamp())

    def _terminate(self, number: int, frame: Any) -> None:
        """SIGTERM: let the operator stop what it started, then end."""
        log.error("Received SIGTERM. Terminating subprocesses.")
        self.task.on_kill()
        raise AirflowTaskTerminated("the task was told to end (SIGTERM)")

    def _keep(self, result: Any) -> None:
        """The return value as XComs that are committed with the state. Raises for what has no JSON form."""
        if self.task.is_mapped_over and self.ti.map_index < 0:
            from airflow._task.mapping import check_mappable

            check_mappable(self.task, result)
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
            for key, value in result.items():
                self._leave(key, value, f"output {key!r}")
        self._leave(XCOM_RETURN_KEY, result, "the return value")

    def _leave(self, key: str, value: Any, name: str) -> None:
        """For the last word; what is too large for it goes ahead, into a place of its own."""
        packed = pack(key, value, name, self.ti)
        if isinstance(packed, Large):
            push(self.ti._comms, key, packed)
            self.pushed[key] = packed.length
        else:
            self.xcoms[key] = packed

    def _name_instance(self, failed: bool = False) -> None:
        """The label of `map_index_template`; one that cannot be rendered must not hide why the task failed."""
        from airflow._task.mapping import name_instance

        try:
            self.label = name_instance(self.context)
        except Exception as problem:
            if not failed:
                raise
            log.info("cannot render map_index_template: %s", problem)

    def _details(self, outcome: Outcome) -> dict[str, Any]:
        details: dict[str, Any] = {} if self.rendered is None else {"rendered": self.rendered}
        if self.deferral is not None:
            return {**details, "deferral": self.deferral}
        if self.label is not None:
            details["map_index_label"] = self.label
        if outcome.state == "failed" and self.context is not None:
            details["called_back"] = True
        skipped = [*self.task.__dict__.get("skipped_task_ids", ()), *self.skipped]
        if skipped and outcome.state == "success":
            details["skip"] = skipped
        if self.pushed:
            details["pushed"] = self.pushed
        if self.asset_events:
            details["asset_events"] = self.asset_events
        return details

    def _check_assets(self) -> None:
        from airflow.assets.running import check_active

        check_active(self.task, self.ti._comms)

    def _list_asset_events(self) -> list[dict[str, Any]]:
        from airflow.assets.running import list_events

        return list_events(self.task, self.context)

    def _log_end(self, outcome: Outcome, error: BaseException | None) -> None:
        if outcome.state == "failed":
            log.error("Task failed with exception", exc_info=error)
        elif outcome.reason:
            log.info("%s: %s", outcome.state, outcome.reason)

    def _report(self, outcome: Outcome, error: BaseException | None) -> None:
        """Call back, and tell the listeners, of this end."""
        self.ti.state = outcome.state
        if self.context is None:
            return
        self.context["exception"] = error
        for name in self._list_callbacks(outcome):
            tell(self.task, self.context, name)
        if has_listeners():
            self._tell_listeners(str(self.ti.state), error)

    def _tell_listeners(self, state: str, error: BaseException | None = None) -> None:
        from airflow._task.listening import tell_of_task

        tell_of_task(self.ti, state, error)

    def _list_callbacks(self, outcome: Outcome) -> Sequence[str]:
        if outcome.state == "failed":
            again = outcome.retry and self.workload.try_number < self.workload.max_tries
            self.ti.state = "up_for_retry" if again else "failed"
            return ("on_retry_callback" if again else "on_failure_callback",)
        if outcome.state == "skipped":  # up to 2.11 a task that skips itself has succeeded as well
            return ("on_skipped_callback", "on_success_callback")[: 1 if generation() >= 3 else 2]
        return ("on_success_callback",) if outcome.state == "success" else ()
