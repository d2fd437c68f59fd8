"""Large XComs through a real engine, a real agent and a real S3."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from airflow._wire.cell import Bucket

from runner.store.schema import xcom
from sync.objects import open_store
from tests.fakes.s3_server import running_s3
from tests.processes.cells import wait_for
from tests.processes.whole import run_cell

FILE = """
from airflow import DAG
from airflow.decorators import task

with DAG("d", schedule=None):
    @task(retries=1, retry_delay=__import__("datetime").timedelta(seconds=0.1))
    def rows(ti):
        ti.xcom_push("early", "e" * 100_000)
        if ti.try_number == 1:
            raise ValueError("once more")
        return [("\\u00e4\\"" * 50_000, n) for n in range(3)]
    @task
    def one(row):
        return len(row[0]) + row[1]
    @task
    def total(values):
        return sum(values)
    @task
    def big():
        return "b" * 12_000_000
    @task
    def size(value):
        return len(value)
    total(one.expand(row=rows()))
    size(big())
"""


def test_large_values_pass_from_task_to_task_and_map(tmp_path: Path) -> None:
    with running_s3() as s3:
        s3.make_bucket("logs")
        options = s3.options("logs", prefix="some/environment")
        with run_cell(tmp_path / "cell", FILE, logs=Bucket(**options)) as whole:
            key = whole.cell.trigger("d")
            wait_for(lambda: whole.cell.run_state(key) in ("success", "failed"), 60)
            states = whole.cell.instances(key, "task_id", "state", "reason")
            assert whole.cell.run_state(key) == "success", states
            with whole.cell.db.read() as conn:
                rows = list(conn.execute(sa.select(xcom)))
            values = {row.task_id: row.value for row in rows if row.task_id in ("total", "size")}
            assert values == {"total": "300003", "size": "12000000"}
            blobs = {row.blob for row in rows if row.blob}
            lengths = {(row.task_id, row.key): row.length for row in rows if row.blob}
            assert lengths == {
                ("rows", "early"): None,
                ("rows", "return_value"): 3,
                ("big", "return_value"): None,
            }
            # what the first try left is gone with it
            store = open_store(**options)
            wait_for(lambda: {item.key for item in store.list("xcom/")} == blobs)
            entry = whole.call("GET", "/dags/d/dagRuns/r1/taskInstances/big/xcomEntries/return_value")
            assert entry.json()["value"] == "b" * 12_000_000
