"""DAGs that wait for and start each other, and a sensor that gives its process back, on the real service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.customer import BUCKET, Customer
from tests.running import RunningService, until

pytestmark = pytest.mark.timeout(300)

DAGS = """
from datetime import datetime
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor
from airflow.sensors.python import PythonSensor
from airflow.utils.task_group import TaskGroup

DATE = '{{ logical_date.isoformat() }}'
common = dict(schedule=None, start_date=datetime(2024, 1, 1), is_paused_upon_creation=False)

with DAG('parent', **common):
    child = TriggerDagRunOperator(
        task_id='child', trigger_dag_id='child', trigger_run_id='from-parent', logical_date=DATE,
        conf={'n': '{{ run_id }}'}, wait_for_completion=True, poke_interval=0.1)
    waits = {'external_dag_id': 'child', 'poke_interval': 0.2, 'timeout': 60}
    tasks = ExternalTaskSensor(task_id='tasks', external_task_ids=['g.a', 'g.b'], mode='reschedule', **waits)
    group = ExternalTaskSensor(task_id='group', external_task_group_id='g', **waits)
    run = ExternalTaskSensor(task_id='run', **waits)
    failed = ExternalTaskSensor(task_id='failed', external_task_id='g.a', failed_states=['success'],
                                allowed_states=['failed'], soft_fail=True, **waits)
    again = TriggerDagRunOperator(task_id='again', trigger_dag_id='child', trigger_run_id='from-parent',
                                  skip_when_already_exists=True)
    none = TriggerDagRunOperator(task_id='none', trigger_dag_id='no_such_dag')
    child >> [failed, again, none]

with DAG('deferring', **common):
    TriggerDagRunOperator(
        task_id='start', trigger_dag_id='child', trigger_run_id='from-deferring', logical_date=DATE,
        conf={'n': 2}, wait_for_completion=True, poke_interval=0.1, deferrable=True)
    waits = {'external_dag_id': 'child', 'poke_interval': 0.2, 'timeout': 60, 'deferrable': True}
    ExternalTaskSensor(task_id='group', external_task_group_id='g', **waits)
    ExternalTaskSensor(task_id='failed', external_task_id='g.a', failed_states=['success'],
                       allowed_states=['failed'], soft_fail=True, **waits)

with DAG('child', **common):
    with TaskGroup('g'):
        BashOperator(task_id='a', bash_command='echo {{ dag_run.conf.n }}') >> EmptyOperator(task_id='b')

def look(task_reschedule_count):
    print('look', task_reschedule_count)
    return task_reschedule_count == 2

with DAG('patient', **common):
    PythonSensor(task_id='sensor', python_callable=look, mode='reschedule', poke_interval=0.2)
"""
EXPECTED = {
    "child": "success",
    "tasks": "success",
    "group": "success",
    "run": "success",
    "failed": "skipped",
    "again": "skipped",
    "none": "failed",
}


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    root = tmp_path_factory.mktemp("others")
    service = RunningService(root / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    try:
        service.up()
        customer = Customer(service, "others")
        customer.s3.create_bucket(Bucket=BUCKET)
        customer.upload("dags/others.py", DAGS)
        customer.create()
        customer.wait_for_dags("parent", "child", "patient", "deferring")
        yield customer
    finally:
        service.close()


def test_a_dag_starts_another_and_waits_for_it_in_every_way(customer: Customer) -> None:
    body = {"logical_date": "2024-05-06T00:00:00Z", "dag_run_id": "r", "conf": {}}
    customer.rest("POST", "/dags/parent/dagRuns", body)
    customer.wait_for_run("parent", "r", "failed")
    assert {name: task["state"] for name, task in customer.tasks("parent", "r").items()} == EXPECTED
    run = customer.rest("GET", "/dags/child/dagRuns/from-parent")
    assert (run["dag_run_id"], run["logical_date"][:10], run["conf"]) == (
        "from-parent",
        "2024-05-06",
        {"n": "r"},
    )
    assert run["triggered_by"] == "operator"


def test_the_same_without_a_process_while_it_waits(customer: Customer) -> None:
    body = {"logical_date": "2024-05-07T00:00:00Z", "dag_run_id": "r", "conf": {}}
    customer.rest("POST", "/dags/deferring/dagRuns", body)
    customer.wait_for_run("deferring", "r")
    states = {name: task["state"] for name, task in customer.tasks("deferring", "r").items()}
    assert states == {"start": "success", "group": "success", "failed": "skipped"}


def test_a_rescheduled_sensor_knows_how_often_it_looked(customer: Customer) -> None:
    customer.trigger("patient", "r")
    customer.wait_for_run("patient", "r")

    def looks() -> list[str]:
        events = [line["event"] for line in customer.read_log("patient", "r", "sensor")]
        return [event for event in events if event.startswith("look")]

    until(lambda: looks() == ["look 0", "look 1", "look 2"], 20, "all three looks are in the log")
    assert customer.tasks("patient", "r")["sensor"]["try_number"] == 1
