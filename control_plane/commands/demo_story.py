"""The demo, step by step. Every figure it prints was measured in this very run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from control_plane.commands.demo import DemoFailed
from control_plane.commands.demo_client import BUCKET, ENVIRONMENT, ERRORS, FOLDER, Customer, Run, TaskView
from control_plane.commands.demo_service import running_service
from control_plane.commands.demo_view import Board, Stage, log_lines
from control_plane.commands.options import get_access, get_endpoints
from control_plane.reconcile.journal import Journal
from control_plane.settings import Paths

T = TypeVar("T")
_CREATE_SECONDS, _PARSE_SECONDS, _RUN_SECONDS, _LOG_SECONDS = 600.0, 60.0, 120.0, 15.0
_LOOK_SECONDS = 0.05
_TAIL = 12
_OVER = ("success", "failed")


def tell(paths: Paths, examples: Path | None) -> None:
    """Run the demo. Raises DemoFailed."""
    stage = Stage()
    files = _find_examples(examples)
    stage.title("Aerodrome demo: the main job, end to end")
    with running_service(paths) as ours:
        try:
            _play(stage, paths, files, ours)
        except ERRORS as error:
            raise DemoFailed(f"{error} (logs: {paths.log})") from None
        except DemoFailed as failure:
            raise DemoFailed(
                f"{failure} (logs: {paths.log} and {paths.cells / ENVIRONMENT / 'log'})"
            ) from None
        stage.line()
        stage.step("stopping the service" if ours else "leaving the service as it was: it ran before")
    stage.step("done")
    _say_next(stage)


def _play(stage: Stage, paths: Paths, files: list[Path], ours: bool) -> None:
    endpoints = get_endpoints(paths)
    stage.step(
        "service is up" if ours else "service was up already", f"{endpoints.url}  S3 {endpoints.s3_url}"
    )
    customer = Customer(endpoints, get_access(paths))
    _clear_stage(stage, customer)
    customer.make_bucket()
    customer.upload(files)
    stage.step(
        f"uploaded {len(files)} DAG files to s3://{BUCKET}/{FOLDER}/", " ".join(file.name for file in files)
    )
    _create(stage, customer, Journal(paths.steps))
    dags = _wait_for_dags(stage, customer, len(files))
    runs = [customer.start(dag_id) for dag_id in dags]
    stage.step(f"unpaused and triggered {len(runs)} DAGs through invoke_rest_api")
    stage.line()
    tasks = _watch(stage, customer, runs)
    _show_log(stage, customer, max(tasks, key=lambda task: task.seconds or 0.0))


def _clear_stage(stage: Stage, customer: Customer) -> None:
    """An environment of an earlier run goes first: the demo shows a creation, not a memory."""
    if customer.find_status() is None:
        return
    _until(lambda: not _is_busy(customer), 60.0, "the earlier environment stays busy")
    if customer.find_status() is not None:
        customer.delete_environment()
    _until(lambda: customer.find_status() is None, 60.0, "the environment of an earlier run was not deleted")
    stage.step("removed the environment of an earlier run")


def _is_busy(customer: Customer) -> bool:
    found = customer.find_status()
    return found is not None and found[0] in ("CREATING", "DELETING", "UPDATING")


def _create(stage: Stage, customer: Customer, journal: Journal) -> None:
    customer.create_environment()
    began = time.monotonic()
    stage.step(f'mwaa.create_environment(Name="{ENVIRONMENT}")', "CREATING")
    told = 0

    def is_over() -> bool:
        nonlocal told
        steps = journal.read(ENVIRONMENT)
        for entry in steps[told:]:
            if entry["step"].islower():
                stage.step(f"  {entry['step']}")
        told = len(steps)
        return not _is_busy(customer)

    _until(is_over, _CREATE_SECONDS, "the environment was not created")
    status, reason = customer.find_status() or ("DELETED", "it is gone")
    if status != "AVAILABLE":
        raise DemoFailed(f"the environment is {status}: {reason}")
    stage.step("AVAILABLE", f"{time.monotonic() - began:.2f} s after the request")


def _wait_for_dags(stage: Stage, customer: Customer, count: int) -> list[str]:
    """Until as many DAGs are there as files; a file that cannot be imported ends the demo with its reason."""

    def find() -> list[str] | None:
        dags = customer.list_dags()
        if len(dags) >= count:
            return dags
        errors = customer.list_import_errors()
        if errors:
            raise DemoFailed("a DAG file cannot be imported: " + "; ".join(errors))
        return None

    dags = _until(find, _PARSE_SECONDS, f"not all of the {count} DAG files were parsed")
    stage.step(f"{len(dags)} DAGs parsed", " ".join(dags))
    return dags


def _watch(stage: Stage, customer: Customer, runs: list[Run]) -> list[TaskView]:
    """Show states until every run is over. Raises DemoFailed when one has failed."""
    began = time.monotonic()
    with Board(stage) as board:

        def find() -> list[TaskView] | None:
            over = all(customer.run_state(run) in _OVER for run in runs)
            tasks = [task for run in runs for task in customer.list_tasks(run)]
            board.show(tasks)
            return tasks if over else None

        tasks = _until(find, _RUN_SECONDS, "the runs did not end")
    bad = [task for task in tasks if task.state == "failed"]
    if bad:
        _show_log(stage, customer, bad[0])
        raise DemoFailed(f"{bad[0].dag_id}.{bad[0].task_id} failed; its log is above")
    failed = [run.dag_id for run in runs if customer.run_state(run) != "success"]
    if failed:
        raise DemoFailed(f"runs of {', '.join(failed)} failed")
    stage.line()
    stage.step(
        f"{len(tasks)} tasks of {len(runs)} runs: success",
        f"{time.monotonic() - began:.1f} s, retries included",
    )
    return tasks


def _show_log(stage: Stage, customer: Customer, task: TaskView) -> None:
    """The tail of the log of a task's last attempt, as it lies in S3."""
    prefix, text = _until(
        lambda: found if (found := customer.read_log(task))[1] else None,
        _LOG_SECONDS,
        f"no log of {task.dag_id}.{task.task_id} in s3://{BUCKET}",
    )
    stage.step(f"log of {task.dag_id}.{task.task_id}, read from S3", f"s3://{BUCKET}/{prefix}/")
    stage.line()
    for line, style in log_lines(text, _TAIL):
        stage.line(f"    {line}", style)


def _say_next(stage: Stage) -> None:
    stage.line()
    stage.title("Try next")
    for text in (
        "aerodrome up                      # in one terminal; with `make setup` it is .venv/bin/aerodrome",
        'eval "$(aerodrome env)"           # in another: plain aws and boto3 now talk to it',
        "aws s3 mb s3://my-bucket && aws s3 cp examples/ s3://my-bucket/dags/ --recursive",
        "aws mwaa list-environments        # README.md has create-environment and the rest, line by line",
    ):
        stage.line(f"    {text}")


def _until(look: Callable[[], T | None], seconds: float, complaint: str) -> T:
    """The first true answer. Raises DemoFailed with the complaint when there is none in time."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        pause.wait(_LOOK_SECONDS)
    raise DemoFailed(f"{complaint} within {seconds:.0f} s")


def _find_examples(given: Path | None) -> list[Path]:
    folder = given or Path(__file__).resolve().parents[2] / "examples"
    files = sorted(folder.glob("*.py"))
    if not files:
        raise DemoFailed(f"cannot find DAG files in {folder}: give a folder that has some with --examples")
    return files
