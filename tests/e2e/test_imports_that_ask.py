"""DAG files that read variables and connections while they are imported, on the real service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.customer import BUCKET, Customer
from tests.running import RunningService, until

pytestmark = pytest.mark.timeout(300)
DAG = """
from airflow.hooks.base import BaseHook
from airflow.models import DAG, Variable
from airflow.operators.python import PythonOperator

names = Variable.get("names", deserialize_json=True)
host = BaseHook.get_connection("place").host
missing = Variable.get("missing", default_var="by default")

with DAG("asks", schedule=None) as dag:
    for name in names:
        PythonOperator(task_id=name, python_callable=lambda: [names, host, missing])
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    root = tmp_path_factory.mktemp("asks")
    service = RunningService(root / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    try:
        service.up()
        service.client("s3").create_bucket(Bucket=BUCKET)
        yield service
    finally:
        service.close()


def test_tasks_see_what_a_variable_is_now_when_the_import_read_it(service: RunningService) -> None:
    customer = Customer(service, "asks")
    customer.create()
    customer.rest("POST", "/variables", {"key": "names", "value": '["one"]'})
    customer.rest("POST", "/connections", {"connection_id": "place", "conn_type": "http", "host": "here"})
    customer.upload("dags/asks.py", DAG)
    customer.wait_for_dags("asks")
    customer.unpause("asks")
    assert _values(customer, "first", "one") == [["one"], "here", "by default"]
    customer.rest("PATCH", "/variables/names", {"key": "names", "value": '["one", "two"]'})
    customer.rest("POST", "/variables", {"key": "missing", "value": "there"})
    assert _values(customer, "second", "one") == [["one", "two"], "here", "there"]
    until(lambda: _tasks(customer) == {"one", "two"}, 20, "the DAG has the task that the variable names")
    customer.delete()


def _tasks(customer: Customer) -> set[str]:
    return {task["task_id"] for task in customer.rest("GET", "/dags/asks/tasks")["tasks"]}


def _values(customer: Customer, run_id: str, task_id: str) -> object:
    customer.trigger("asks", run_id)
    customer.wait_for_run("asks", run_id)
    path = f"/dags/asks/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
    return customer.rest("GET", path)["value"]
