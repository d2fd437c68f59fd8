"""Runs inside a venv of real Apache Airflow (2.x or 3.x): parses DAG files there, or runs DAGs by `dag.test()`.

Standard input: one job as JSON per line, {"mode": "parse" | "run", "root", "file", "dag_id", "timeout"}. Standard
output: one answer as JSON per line, in the order in which they end. Every job is a forked child of its own with a
time limit. Started with the surroundings that `oracle.py` sets; it imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings

warnings.simplefilter("ignore")
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    log = os.open(
        os.path.join(os.environ["AIRFLOW_HOME"], "probe.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND
    )
    os.dup2(log, 1)
    os.dup2(log, 2)
    warm()
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(isolate(json.loads(line))) + "\n")
        answers.flush()


def warm() -> None:
    """Import once what every job needs."""
    import gc

    from airflow import plugins_manager

    plugins_manager.integrate_macros_plugins()
    make_bag("/nonexistent", "/nonexistent.py")
    try:
        from airflow.sdk.execution_time.supervisor import in_process_api_server
    except ImportError:
        pass
    else:
        in_process_api_server().app  # noqa: B018 - 3.x: seconds of work that every run would do again
    gc.collect()
    gc.freeze()


def isolate(job: dict) -> dict:
    """The answer of a child, or how it ended without one."""
    place = tempfile.mktemp(dir=os.environ["AIRFLOW_HOME"])
    pid = os.fork()
    if pid == 0:
        os.setsid()
        try:
            answer = {"parse": parse, "run": run, "sync": sync}[job["mode"]](job)
        except BaseException:
            answer = {"error": traceback.format_exc()}
        with open(place, "w") as sink:
            json.dump(answer, sink, default=str)
        os._exit(0)
    began = time.monotonic()
    ended = wait(pid, began + job["timeout"])
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    try:
        with open(place) as source:
            answer = json.load(source)
        os.unlink(place)
    except (OSError, ValueError):
        if not ended:
            why = f"it took longer than {job['timeout']:g} seconds"
            answer = {"error": why, "late": True}
            if job["mode"] == "run":
                answer.update(read_run(job["dag_id"]))
        else:
            answer = {"error": "its process ended without an answer"}
    return {**job, **answer, "seconds": time.monotonic() - began}


def wait(pid: int, deadline: float) -> bool:
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


# ---- parsing


def make_bag(root: str, path: str):
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag

        return DagBag(dag_folder=path, include_examples=False, safe_mode=False, read_dags_from_db=False)
    from pathlib import Path

    return DagBag(dag_folder=path, safe_mode=False, bundle_path=Path(root), bundle_name="probe")


def load(job: dict):
    sys.path.insert(0, job["root"])
    return make_bag(job["root"], os.path.join(job["root"], job["file"]))


def parse(job: dict) -> dict:
    bag = load(job)
    error = "\n".join(map(str, bag.import_errors.values())) or None
    dags = [dag for dag in bag.dags.values() if getattr(dag, "parent_dag", None) is None]
    return {"error": error, "dags": [describe(dag) for dag in sorted(dags, key=lambda dag: dag.dag_id)]}


def describe(dag) -> dict:
    edges = sorted((up, task.task_id) for task in dag.tasks for up in task.upstream_task_ids)
    return {
        "dag_id": dag.dag_id,
        "task_ids": sorted(dag.task_ids),
        "edges": edges,
        "schedule": schedule_of(dag.timetable),
        "catchup": bool(dag.catchup),
        "start_date": str(dag.start_date) if dag.start_date else None,
    }


def schedule_of(timetable) -> dict:
    """A timetable as comparable data: its class, and what of its attributes says when."""
    kind = type(timetable).__name__
    found = {"class": kind}
    for name in ("_expression", "expression"):
        if isinstance(getattr(timetable, name, None), str):
            found["expression"] = getattr(timetable, name)
            break
    for name in ("_delta", "delta"):
        if getattr(timetable, name, None) is not None:
            found["delta"] = str(getattr(timetable, name))
            break
    for name in ("_timezone", "timezone"):
        zone = getattr(timetable, name, None)
        if zone is not None:
            found["timezone"] = str(getattr(zone, "name", zone))
            break
    return found


# ---- running


def sync(job: dict) -> dict:
    """Make every DAG below the root known to the database, so that one can trigger another."""
    sys.path.insert(0, job["root"])
    bag = make_bag(job["root"], job["root"])
    try:
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import sync_bag_to_db
    except ImportError:
        bag.sync_to_db()
        return {"error": None}
    name_bundle(job["root"])
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    return {"error": None}


def name_bundle(path: str) -> None:
    """Have 3.x find its DAGs at this path only."""
    where = {"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "name": "dags-folder"}
    config = json.dumps([{**where, "kwargs": {"path": path}}])
    os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = config


def run(job: dict) -> dict:
    name_bundle(os.path.join(job["root"], job["file"]))
    from airflow import settings

    settings.engine.dispose()
    bag = load(job)
    dag = bag.dags[job["dag_id"]]
    failure = None
    try:
        dag.test(**date_of(job))
    except BaseException:
        failure = traceback.format_exc()
    return {"error": failure, **read_run(job["dag_id"])}


def date_of(job: dict) -> dict:
    """The date that both sides' runs have, by the name that this Airflow knows."""
    import datetime
    import inspect

    try:
        from airflow.sdk import DAG
    except ImportError:
        from airflow.models.dag import DAG
    names = inspect.signature(DAG.test).parameters
    name = "logical_date" if "logical_date" in names else "execution_date"
    return {name: datetime.datetime.fromisoformat(job["date"])}


def read_run(dag_id: str) -> dict:
    """The newest run of a DAG in the metadata database."""
    from airflow import settings
    from airflow.models import DagRun, TaskInstance

    try:
        from airflow.models.xcom import XComModel as XCom
    except ImportError:
        from airflow.models import XCom
    settings.engine.dispose()
    session = settings.Session()
    session.rollback()
    found = session.query(DagRun).filter(DagRun.dag_id == dag_id).order_by(DagRun.id.desc()).first()
    if found is None:
        return {"run": None, "tasks": [], "xcoms": []}
    mine = {"dag_id": dag_id, "run_id": found.run_id}
    instances = session.query(TaskInstance).filter_by(**mine)
    xcoms = session.query(XCom).filter_by(**mine)
    return {
        "run": state_of(found.state),
        "run_id": found.run_id,
        "tasks": sorted([ti.task_id, ti.map_index, state_of(ti.state), ti.try_number] for ti in instances),
        "xcoms": sorted(([x.task_id, x.map_index, x.key, value_of(XCom, x)] for x in xcoms), key=str),
    }


def state_of(state) -> str | None:
    return None if state is None else str(getattr(state, "value", state))


def value_of(kind, row):
    try:
        value = row.value
        if kind.__name__ == "XComModel":
            from airflow.sdk.serde import deserialize

            value = deserialize(value)
        return json.loads(json.dumps(value, default=str))
    except Exception as problem:
        return f"unreadable: {problem!r}"


if __name__ == "__main__":
    main()
