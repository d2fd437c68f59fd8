"""Environments with packages of their own: installed before they are AVAILABLE, used by parser, task and triggerer.

The first half installs wheels made here and needs no network. The second takes real provider packages from the
package index and is skipped where uv does not reach it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sync.installer import VenvError, run_uv
from tests.customer import BUCKET, Customer
from tests.e2e.conftest import Stopwatch
from tests.running import RunningService, until
from tests.services import make_database, run_postgresql, skip_or_fail
from tests.wheels import make_wheel

pytestmark = pytest.mark.timeout(900)
INSTALL_LOG = "Worker/requirements_install.log"

TOY = """
from airflow.sdk.bases.operator import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

class ToyTrigger(BaseTrigger):
    def serialize(self):
        return 'airflow.providers.toy.operators.ToyTrigger', {}

    async def run(self):
        yield TriggerEvent('from the triggerer')

class ToyOperator(BaseOperator):
    def execute(self, context):
        self.defer(trigger=ToyTrigger(), method_name='go_on')

    def go_on(self, context, event):
        return event
"""
TOY_DAG = """
from datetime import datetime
from airflow import DAG
from airflow.providers.toy.operators import ToyOperator

with DAG('toy', schedule=None, start_date=datetime(2024, 1, 1), is_paused_upon_creation=False):
    ToyOperator(task_id='toy')
"""
PROVIDERS = ("amazon", "http", "common-sql", "sqlite", "postgres", "standard")
PROVIDER_DAG = """
import json
import os
import sqlite3
from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.s3 import S3CreateObjectOperator, S3ListOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor

os.environ['AIRFLOW_CONN_LITE'] = json.dumps({'conn_type': 'sqlite', 'host': '@LITE@'})

with DAG('providers', schedule=None, start_date=datetime(2024, 1, 1), is_paused_upon_creation=False):
    s3 = {'aws_conn_id': 's3'}
    create = S3CreateObjectOperator(task_id='create', s3_bucket='code', s3_key='data/{{ run_id }}', data='hello', **s3)
    key = {'bucket_name': 'code', 'bucket_key': 'data/{{ run_id }}', 'poke_interval': 0.2, 'timeout': 60}
    sensor = S3KeySensor(task_id='sensor', **key, **s3)
    deferred = S3KeySensor(task_id='deferred', deferrable=True, **key, **s3)
    listing = S3ListOperator(task_id='list', bucket='code', prefix='data/', **s3)

    @task
    def read(run_id=None):
        return S3Hook('s3').read_key('data/' + run_id, 'code')

    create >> [sensor, deferred] >> listing >> read()

    HttpSensor(task_id='web_sensor', http_conn_id='web', endpoint='/ready', poke_interval=0.2) >> HttpOperator(
        task_id='web', http_conn_id='web', method='GET', endpoint='/day/{{ run_id }}',
        response_filter=lambda answer: answer.json()['path'])

    for conn_id in ('lite', 'post'):
        made = SQLExecuteQueryOperator(task_id=conn_id + '_make', conn_id=conn_id, sql='create table t (a text)')
        filled = SQLExecuteQueryOperator(
            task_id=conn_id + '_fill', conn_id=conn_id, sql="insert into t values ('{{ run_id }}')")
        made >> filled >> SQLExecuteQueryOperator(
            task_id=conn_id + '_read', conn_id=conn_id, sql='select a from t', show_return_value_in_logs=True)
"""
STANDARD_DAG = """
from datetime import datetime, timedelta

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.providers.standard.operators.python import (
    BranchPythonOperator, PythonOperator, ShortCircuitOperator, get_current_context)
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.providers.standard.sensors.date_time import DateTimeSensor, DateTimeSensorAsync
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor

common = dict(schedule=None, start_date=datetime(2024, 1, 1), is_paused_upon_creation=False)

def fail():
    raise ValueError('on purpose')

with DAG('standard', **common):
    bash = BashOperator(task_id='bash', bash_command='echo {{ ti.task_id }} $MORE', env={'MORE': 'x'}, append_env=True)
    BashOperator(task_id='bash_fails', bash_command='exit 3') >> EmptyOperator(task_id='after_failure')
    BashOperator(task_id='bash_skips', bash_command='exit 99')
    PythonOperator(task_id='python', python_callable=lambda a, ds_nodash, **context: [a, ds_nodash], op_args=[1])
    PythonOperator(task_id='python_fails', python_callable=fail)
    PythonOperator(task_id='context', python_callable=lambda: get_current_context()['ti'].task_id)
    BranchPythonOperator(task_id='branch', python_callable=lambda: 'taken') >> [
        EmptyOperator(task_id='taken'), EmptyOperator(task_id='left')]
    ShortCircuitOperator(task_id='short', python_callable=lambda: False) >> EmptyOperator(task_id='cut_off')
    PythonSensor(task_id='python_sensor', python_callable=lambda: True, poke_interval=0.2)
    PythonSensor(task_id='soft', python_callable=lambda: False, poke_interval=0.1, timeout=0.3, soft_fail=True)
    BashSensor(task_id='bash_sensor', bash_command='true', poke_interval=0.2)
    DateTimeSensor(task_id='date_sensor', target_time='2024-01-01T00:00:00+00:00', poke_interval=0.2)
    DateTimeSensorAsync(task_id='date_async', target_time='2024-01-01T00:00:00+00:00')
    TimeDeltaSensor(task_id='delta', delta=timedelta(seconds=0), poke_interval=0.2)
    LatestOnlyOperator(task_id='latest') >> EmptyOperator(task_id='after_latest')
    start = TriggerDagRunOperator(
        task_id='start', trigger_dag_id='other', trigger_run_id='started', logical_date='{{ logical_date }}',
        wait_for_completion=True, poke_interval=0.2)
    start >> ExternalTaskSensor(
        task_id='external', external_dag_id='other', external_task_id='only', poke_interval=0.2, timeout=60)

with DAG('other', **common):
    EmptyOperator(task_id='only')
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    root = tmp_path_factory.mktemp("requirements")
    service = RunningService(root / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    try:
        service.up()
        service.client("s3").create_bucket(Bucket=BUCKET)
        yield service
    finally:
        service.close()


def xcoms(customer: Customer, dag_id: str, run_id: str) -> dict[str, Any]:
    """What each task returned."""
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
    found: dict[str, Any] = {}
    for task_id in customer.tasks(dag_id, run_id):
        entries = customer.rest("GET", f"{path}/{task_id}/xcomEntries")["xcom_entries"]
        if any(entry["key"] == "return_value" for entry in entries):
            found[task_id] = customer.rest("GET", f"{path}/{task_id}/xcomEntries/return_value")["value"]
    return found


def upload_wheel(customer: Customer, wheel: Path) -> str:
    """As the owner's files lie: in the DAG folder, and named as it is called on MWAA."""
    customer.upload(f"{customer.name}/dags/wheels/{wheel.name}", wheel.read_bytes())
    return f"file:///usr/local/airflow/dags/wheels/{wheel.name}"


def test_a_package_of_the_environment_is_there_for_parser_task_and_triggerer(
    service: RunningService, tmp_path: Path
) -> None:
    files = {"airflow/providers/toy/__init__.py": "", "airflow/providers/toy/operators.py": TOY}
    wheel = make_wheel(tmp_path, "apache-airflow-providers-toy", "1.0", files, ("apache-airflow>=2.11",))
    customer = Customer(service, "toy")
    customer.upload("toy/dags/toy.py", TOY_DAG)
    customer.upload(
        "toy/requirements.txt",
        f"apache-airflow==2.10.3\napache-airflow-providers-toy @ {upload_wheel(customer, wheel)}\n",
    )
    customer.create("toy/dags", RequirementsS3Path="toy/requirements.txt")
    assert "Source" not in customer.mwaa.get_environment(Name="toy")["Environment"]["LastUpdate"]
    log = customer.read_parts(INSTALL_LOG).decode()
    assert "requirements.txt: line 1: apache-airflow==2.10.3 is what the service offers itself" in log
    assert " + apache-airflow-providers-toy==1.0" in log
    customer.wait_for_dags("toy")
    customer.trigger("toy", "r")
    customer.wait_for_run("toy", "r")
    assert xcoms(customer, "toy", "r") == {"toy": "from the triggerer"}


def test_a_broken_file_fails_the_creation_with_the_installers_words_and_leaves_no_venv(
    service: RunningService, tmp_path: Path
) -> None:
    customer = Customer(service, "broken")
    wheel = make_wheel(tmp_path, "clashing", "1.0", {"clashing.py": ""}, ("jinja2<2", "jinja2>3"))
    customer.upload("broken/requirements.txt", f"clashing @ {upload_wheel(customer, wheel)}\n")
    with pytest.raises(AssertionError):
        customer.create("broken/dags", RequirementsS3Path="broken/requirements.txt")
    update = customer.mwaa.get_environment(Name="broken")["Environment"]["LastUpdate"]
    assert (update["Status"], update["Error"]["ErrorCode"]) == ("FAILED", "INCORRECT_CONFIGURATION")
    message = update["Error"]["ErrorMessage"]
    assert message.startswith("cannot install the requirements; uv says:\n")
    assert "clashing==1.0 depends on jinja2<2 and jinja2>3" in " ".join(message.split())
    assert not list((service.home / "venvs").glob("*/lib/python*/site-packages/clashing*"))
    customer.delete()


def test_requirements_that_break_what_tasks_need_fail_the_creation(
    service: RunningService, tmp_path: Path
) -> None:
    customer = Customer(service, "unusable")
    wheel = make_wheel(
        tmp_path, "jinja2", "99.0", {"jinja2/__init__.py": "raise ImportError('not this one')"}
    )
    customer.upload("unusable/requirements.txt", f"jinja2 @ {upload_wheel(customer, wheel)}\n")
    with pytest.raises(AssertionError):
        customer.create("unusable/dags", RequirementsS3Path="unusable/requirements.txt")
    message = customer.mwaa.get_environment(Name="unusable")["Environment"]["LastUpdate"]["Error"][
        "ErrorMessage"
    ]
    assert message.startswith("cannot run tasks beside these requirements")
    assert "ImportError: not this one" in message
    customer.delete()


# ---- real provider packages


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    wanted = tmp_path_factory.mktemp("index") / "wanted.in"
    wanted.write_text("apache-airflow-providers-standard\n")
    try:
        run_uv(["pip", "compile", "--quiet", "--no-deps", "--refresh", str(wanted)])
    except VenvError as error:
        skip_or_fail(f"the package index is not reachable: {error}")


@pytest.fixture(scope="module")
def provided(service: RunningService, index: None) -> Customer:
    """An environment with real provider packages."""
    customer = Customer(service, "provided")
    customer.upload("provided/dags/standard.py", STANDARD_DAG)
    customer.upload(
        "provided/requirements.txt", "".join(f"apache-airflow-providers-{name}\n" for name in PROVIDERS)
    )
    customer.create("provided/dags", RequirementsS3Path="provided/requirements.txt")
    return customer


class Answer(BaseHTTPRequestHandler):
    """Says which path was asked for."""

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def run_web() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def database() -> Iterator[str]:
    with run_postgresql() as server, make_database(server) as url:
        yield url


def test_operators_of_real_provider_packages_do_their_work(
    provided: Customer, database: str, tmp_path: Path
) -> None:
    env = provided.service.env()
    place, name = database.removeprefix("postgresql://postgres@").split("/")
    host, port = place.split(":")
    extra = {"endpoint_url": env["AWS_ENDPOINT_URL_S3"], "region_name": "us-east-1"}
    with run_web() as web:
        for connection in (
            {"connection_id": "web", "conn_type": "http", "host": "127.0.0.1", "port": web},
            {
                "connection_id": "s3",
                "conn_type": "aws",
                "login": env["AWS_ACCESS_KEY_ID"],
                "password": env["AWS_SECRET_ACCESS_KEY"],
                "extra": json.dumps(extra),
            },
            {
                "connection_id": "post",
                "conn_type": "postgres",
                "host": host,
                "port": int(port),
                "schema": name,
                "login": "postgres",
            },
        ):
            provided.rest("POST", "/connections", connection)
        provided.upload(
            "provided/dags/providers.py", PROVIDER_DAG.replace("@LITE@", str(tmp_path / "lite.db"))
        )
        provided.wait_for_dags("providers")
        provided.trigger("providers", "r")
        provided.wait_for_run("providers", "r")
    found = xcoms(provided, "providers", "r")
    assert {name: found.get(name) for name in ("list", "read", "web", "lite_read", "post_read")} == {
        "list": ["data/r"],
        "read": "hello",
        "web": "/day/r",
        "lite_read": [["r"]],
        "post_read": [["r"]],
    }
    assert provided.s3.get_object(Bucket=BUCKET, Key="data/r")["Body"].read() == b"hello"


def test_the_real_standard_provider_ends_as_ours_does(provided: Customer) -> None:
    ours = Customer(provided.service, "ours")
    ours.create("provided/dags")
    ends: list[dict[str, str]] = []
    returned: list[dict[str, Any]] = []
    for customer in (provided, ours):
        until(lambda who=customer: {"standard", "other"} <= who.dags(), 60, "it is parsed")  # type: ignore[misc]
        body = {"logical_date": "2024-05-06T00:00:00Z", "dag_run_id": "r", "conf": {}}
        customer.rest("POST", "/dags/standard/dagRuns", body)
        customer.wait_for_run("standard", "r", "failed")
        ends.append({name: task["state"] for name, task in customer.tasks("standard", "r").items()})
        returned.append(xcoms(customer, "standard", "r"))
    assert ends[0] == ends[1]
    assert returned[0] == returned[1]
    assert len(ends[0]) == 22
    assert {name for name, state in ends[0].items() if state == "failed"} == {"bash_fails", "python_fails"}


def test_a_second_environment_with_the_same_packages_is_made_quickly(
    provided: Customer, stopwatch: Stopwatch
) -> None:
    begun = time.monotonic()
    again = Customer(provided.service, "again")
    again.upload(
        "again/requirements.txt",
        "# the same but for one\n" + "".join(f"apache-airflow-providers-{name}\n" for name in PROVIDERS[:-1]),
    )
    with stopwatch("create an environment with the same requirements"):
        again.create("again/dags", RequirementsS3Path="provided/requirements.txt")
    assert time.monotonic() - begun < 30, "it has the first one's interpreter: nothing is fetched or built"
    again.delete()
    with stopwatch("create an environment with other requirements from uv's cache"):
        again.create("again/dags", RequirementsS3Path="again/requirements.txt")
