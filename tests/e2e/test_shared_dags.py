"""Three DAG files that people wrote for Airflow, unchanged, on the real service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.customer import BUCKET, Customer
from tests.running import ROOT, RunningService, until

pytestmark = pytest.mark.timeout(300)
FILES = ROOT / "tests" / "dags" / "seed"
NAMED_FOLDER = Path("/root/airflow/dags")
"""Where `seed_echo_test.py` writes."""
TASKS = {
    "echo_test": ["create_text_file", "cat_text_file", "remove_text_file"],
    "simple_airflow_dag": ["print_hello", "print_world"],
    "my_dag": ["task_1", "task_2"],
}
WITH_PROCESSES = ("echo_test", "simple_airflow_dag")


@pytest.fixture(scope="module")
def echo_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that echo_test names, made for a while; another where that cannot be."""
    made = [path for path in (NAMED_FOLDER, *NAMED_FOLDER.parents) if not path.exists()]
    try:
        NAMED_FOLDER.mkdir(parents=True, exist_ok=True)
        (NAMED_FOLDER / "test.txt").touch()
        (NAMED_FOLDER / "test.txt").unlink()
    except OSError:
        yield tmp_path_factory.mktemp("echo")
        return
    yield NAMED_FOLDER
    for path in made:
        path.rmdir()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, echo_folder: Path) -> Iterator[RunningService]:
    """A service whose bucket holds the three files."""
    root = tmp_path_factory.mktemp("seed")
    service = RunningService(root / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    try:
        service.up()
        s3 = service.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for file in FILES.glob("*.py"):
            text = file.read_text().replace(str(NAMED_FOLDER), str(echo_folder))
            s3.put_object(Bucket=BUCKET, Key=f"dags/{file.name}", Body=text.encode())
        yield service
    finally:
        service.close()


def test_all_three_succeed_with_their_logs_in_s3_when_triggered(service: RunningService) -> None:
    customer = Customer(service, "seed-now")
    customer.create()
    customer.wait_for_dags(*TASKS)
    for dag_id in TASKS:
        customer.unpause(dag_id)
        customer.trigger(dag_id, "by-hand")
    for dag_id, tasks in TASKS.items():
        customer.wait_for_run(dag_id, "by-hand")
        states = {name: task["state"] for name, task in customer.tasks(dag_id, "by-hand").items()}
        assert states == dict.fromkeys(tasks, "success")
    for dag_id in WITH_PROCESSES:
        for task_id in TASKS[dag_id]:
            last = customer.wait_for_end(dag_id, "by-hand", task_id)
            assert (last["state"], last["exit_code"]) == ("success", 0)
    assert "hello airflow" in _text(customer, "echo_test", "cat_text_file")
    assert "Hello Airflow" in _text(customer, "simple_airflow_dag", "print_hello")
    assert "World!" in _text(customer, "simple_airflow_dag", "print_world")
    until(lambda: _finished(customer, "simple_airflow_dag"), 30, "its own schedule makes a run too")
    customer.delete()
    found = {key.split("/")[2].partition("=")[0] for key in customer.keys(f"logs/{customer.name}/")}
    assert found == {"dag_id"}, "logs of our own are shipped where they are not enabled"


def test_runs_are_made_in_order_and_no_more_at_once_than_allowed_when_airflow_2_catches_up(
    service: RunningService,
) -> None:
    customer = Customer(service, "seed-two")
    customer.create(AirflowVersion="2.10.3")
    customer.wait_for_dags(*TASKS)
    spans = {"simple_airflow_dag": dt.timedelta(seconds=10), "my_dag": dt.timedelta(days=1)}
    for dag_id in spans:
        customer.unpause(dag_id)
    for dag_id, span in spans.items():
        until(lambda dag_id=dag_id: len(_finished(customer, dag_id)) >= 20, 60, f"{dag_id} catches up")
        customer.rest("PATCH", f"/dags/{dag_id}", {"is_paused": True})
        runs = customer.runs(dag_id, limit=100, order_by="logical_date")
        first = {"simple_airflow_dag": "2024-01-01", "my_dag": "2016-01-01"}[dag_id]
        start = dt.datetime.fromisoformat(f"{first}T00:00:00+00:00")
        found = [_time(run["logical_date"]) for run in runs]
        assert found == [start + span * number for number in range(len(runs))]
        begun = [_time(run["start_date"]) for run in runs if run["start_date"]]
        assert begun == sorted(begun)
        assert _most_at_once(runs) <= 16
        assert not [run for run in runs if run["state"] == "failed"]
    customer.delete()


def _text(customer: Customer, dag_id: str, task_id: str) -> str:
    return "\n".join(line["event"] for line in customer.read_log(dag_id, "by-hand", task_id))


def _finished(customer: Customer, dag_id: str) -> list[dict[str, Any]]:
    found = customer.runs(dag_id, limit=100, order_by="logical_date")
    return [run for run in found if run["run_type"] == "scheduled" and run["state"] == "success"]


def _most_at_once(runs: list[dict[str, Any]]) -> int:
    """The most runs that were running together; a run that ends at the moment another begins is over."""
    marks = [(_time(run["start_date"]), 1) for run in runs if run["start_date"]]
    marks += [(_time(run["end_date"]), -1) for run in runs if run["end_date"]]
    now = most = 0
    for _at, step in sorted(marks):
        now += step
        most = max(most, now)
    return most


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
