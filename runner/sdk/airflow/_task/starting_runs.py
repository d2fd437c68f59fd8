"""Starting a run of another DAG for a task, and waiting for its end."""

from __future__ import annotations

import logging
from typing import Any

from airflow._task.comms import CommsError
from airflow._task.timeouts import pause
from airflow._wire import encoding
from airflow.configuration import generation
from airflow.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    DagRunAlreadyExists,
    DagRunTriggerException,
    TaskDeferred,
)

log = logging.getLogger("airflow.task")


def start_run(wanted: DagRunTriggerException, ti: Any) -> None:
    """Start the run and, if `wait_for_completion`, return once it has ended as allowed.

    Raises AirflowSkipException or AirflowFailException for a run that exists, AirflowException for one that ends in
    one of `failed_states`, TaskDeferred when a trigger is to wait.
    """
    run_id = _ask_for_run(wanted, ti._comms)
    log.info("Triggered the run %r of DAG %r", run_id, wanted.trigger_dag_id)
    ti.xcom_push(key="trigger_run_id", value=run_id)
    if not wanted.wait_for_completion:
        return
    if wanted.deferrable:
        raise _defer(wanted, run_id)
    _wait(wanted, run_id, ti)


def _ask_for_run(wanted: DagRunTriggerException, comms: Any) -> str:
    params = {
        "dag_id": wanted.trigger_dag_id,
        "run_id": wanted.dag_run_id,
        "logical_date": encoding.to_plain(wanted.logical_date),
        "run_after": encoding.to_plain(wanted.run_after),
        "conf": encoding.to_plain(wanted.conf or {}, "conf"),
        "reset": wanted.reset_dag_run,
        "note": wanted.note,
    }
    try:
        return str(comms.ask("trigger_dag_run", params)["run_id"])
    except CommsError as error:
        if error.code != "exists":
            raise
        if wanted.skip_when_already_exists:
            raise AirflowSkipException(
                "skipped: the run exists, and skip_when_already_exists is set"
            ) from None
        # before Airflow 3 that is a failure like any other, which may be retried
        raise (AirflowFailException if generation() >= 3 else DagRunAlreadyExists)(error.message) from None


def _defer(wanted: DagRunTriggerException, run_id: str) -> TaskDeferred:
    from airflow.triggers.external_task import DagStateTrigger

    trigger = DagStateTrigger(
        dag_id=wanted.trigger_dag_id,
        states=wanted.allowed_states + wanted.failed_states,
        run_ids=[run_id],
        poll_interval=wanted.poke_interval,
    )
    return TaskDeferred(trigger=trigger, method_name="execute_complete")


def _wait(wanted: DagRunTriggerException, run_id: str, ti: Any) -> None:
    dag_id = wanted.trigger_dag_id
    while True:
        log.info("Waiting for %s of %s to become one of %s ...", run_id, dag_id, wanted.allowed_states)
        pause(wanted.poke_interval)
        state = ti.get_dagrun_state(dag_id, run_id)
        if state in wanted.failed_states:
            raise AirflowException(f"{dag_id} failed with failed state {state}: its run {run_id!r}")
        if state in wanted.allowed_states:
            log.info("%s finished with allowed state %s", dag_id, state)
            return
        if state is None:
            raise AirflowException(f"cannot wait for the run {run_id!r} of DAG {dag_id!r}: it was deleted")
