"""Mapped tasks and groups on the real service: what the SDK says, the engine counts and an instance finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.customer import BUCKET, Customer
from tests.running import RunningService

pytestmark = pytest.mark.timeout(300)

DAGS = """
from airflow import DAG
from airflow.decorators import task, task_group
from airflow.exceptions import AirflowSkipException
from airflow.operators.bash import BashOperator

def odd(x):
    if x % 2 == 0:
        raise AirflowSkipException("even")
    return x * 10

with DAG('mapped', schedule=None, is_paused_upon_creation=False):
    @task
    def numbers(): return [1, 2, 3]
    @task(map_index_template="number {{ ti.map_index }}")
    def take(x, y): return [x, y]
    @task(trigger_rule='none_failed')
    def collect(xs): return [len(xs), xs[-1], list(xs)]
    @task
    def double(x): return 2 * x
    @task
    def add(x, y, ti=None): return [x + y, ti.map_index]
    @task_group
    def g(x): return add(double(x), x)
    @task
    def nothing(): return []
    found = numbers()
    collect(take.partial(y='!').expand(x=found.map(odd)))
    collect.override(task_id='sums')(g.expand(x=found))
    BashOperator.partial(task_id='bash').expand(bash_command=['echo {{ ti.map_index }}', 'echo {{ run_id }}'])
    double.override(task_id='none').expand(x=nothing())
"""
EXPECTED = {
    "take": ["success", "skipped", "success"],
    "collect": ["success"],
    "g.double": ["success"] * 3,
    "g.add": ["success"] * 3,
    "sums": ["success"],
    "bash": ["success"] * 2,
    "none": ["skipped"],
}


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    root = tmp_path_factory.mktemp("mapped")
    service = RunningService(root / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    try:
        service.up()
        customer = Customer(service, "mapped")
        customer.s3.create_bucket(Bucket=BUCKET)
        customer.upload("dags/mapped.py", DAGS)
        customer.create()
        customer.wait_for_dags("mapped")
        yield customer
    finally:
        service.close()


def test_every_instance_gets_its_item(customer: Customer) -> None:
    customer.trigger("mapped", "r")
    customer.wait_for_run("mapped", "r")
    listed = customer.rest("GET", "/dags/mapped/dagRuns/r/taskInstances", limit=100)["task_instances"]
    states: dict[str, list[str]] = {}
    for one in sorted(listed, key=lambda one: one["map_index"]):
        states.setdefault(one["task_id"], []).append(one["state"])
    assert {name: states[name] for name in EXPECTED} == EXPECTED
    labels = [
        one["rendered_map_index"] for one in listed if one["task_id"] == "take" and one["state"] == "success"
    ]
    assert sorted(labels) == ["number 0", "number 2"]

    def value(task_id: str, index: int = -1) -> Any:
        path = f"/dags/mapped/dagRuns/r/taskInstances/{task_id}/xcomEntries/return_value"
        return customer.rest("GET", path, map_index=index, deserialize=True)["value"]

    assert value("collect") == [2, [30, "!"], [[10, "!"], [30, "!"]]]
    assert value("sums") == [3, [9, 2], [[3, 0], [6, 1], [9, 2]]]
    assert (value("bash", 0), value("bash", 1)) == ("0", "r")
