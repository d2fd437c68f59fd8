"""Clients that MWAA's users have, unmodified, against one running service with an environment of each generation.

They come from their registries on the first run and out of a folder afterwards (`tools.cache`); a client that cannot be
had is skipped with the reason, or fails the run where AERODROME_REQUIRE_SERVICES=1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec

import pytest

from control_plane.api.routes import ROUTES
from tests.clients.tools import SCRIPTS, find_node_modules, find_python, run
from tests.customer import BUCKET, Customer
from tests.running import RunningService, environ, until

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]
OLD, NEW = "classic", "modern"
QUICK = """
from datetime import datetime
from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG("quick", schedule=None, start_date=datetime(2024, 1, 1), is_paused_upon_creation={paused}):
    BashOperator(task_id="say", bash_command="echo hello")
"""


@dataclass
class World:
    """The service, and what a client's surroundings must hold."""

    service: RunningService
    old: Customer
    new: Customer

    @property
    def env(self) -> dict[str, str]:
        ca = str(self.service.home / "keys" / "ca.pem")
        trust = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), ca)
        plain = {key: value for key, value in environ().items() if not key.startswith("PYTHON")}
        home = {"HOME": str(self.service.home), "DAGSTER_HOME": ""}
        return plain | self.service.env() | trust | home


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("clients")
    service = RunningService(root / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    service.up()
    try:
        service.client("s3").create_bucket(Bucket=BUCKET)
        old, new = Customer(service, OLD), Customer(service, NEW)
        old.upload("dags/quick.py", QUICK.format(paused=True))
        new.upload("new/quick.py", QUICK.format(paused=False))
        with ThreadPoolExecutor() as pool:
            one = pool.submit(old.create, AirflowVersion="2.8.1", MaxWorkers=2)
            other = pool.submit(new.create, "new")
            one.result(), other.result()
        for customer in (old, new):
            customer.wait_for_dags("quick")
        yield World(service, old, new)
    finally:
        service.close()


def test_boto3_drives_every_operation_there_is(world: World) -> None:
    python = find_python("aws", "boto3", "awscli")
    operations = {route.operation for route in ROUTES}
    if find_spec("control_plane.reconcile.update") is None:
        operations.remove("UpdateEnvironment")  # accepted, but nobody carries it out yet
    said = run(
        python, SCRIPTS / "sequence.py", "sequence", BUCKET, ",".join(sorted(operations)), env=world.env
    )
    assert {"CreateCliToken", "CreateWebLoginToken", "InvokeRestApi"} <= set(json.loads(said)["operations"])


def test_awscli_asks_for_tokens_and_uses_the_rest_api(world: World) -> None:
    aws = find_python("aws", "boto3", "awscli").parent / "aws"

    def ask(*words: str) -> dict:
        return json.loads(run(aws, "mwaa", *words, env=world.env))

    assert {OLD, NEW} <= set(ask("list-environments")["Environments"])
    assert ask("get-environment", "--name", NEW)["Environment"]["Status"] == "AVAILABLE"
    assert ask("create-cli-token", "--name", NEW)["WebServerHostname"].startswith("localhost:")
    assert ask("create-web-login-token", "--name", NEW)["AirflowIdentity"] == "admin"
    found = ask("invoke-rest-api", "--name", NEW, "--method", "GET", "--path", "/dags")
    assert [dag["dag_id"] for dag in found["RestApiResponse"]["dags"]] == ["quick"]


def test_sqlmesh_reads_runs_through_the_cli(world: World) -> None:
    python = find_python("sqlmesh", "sqlmesh==0.60.0", "boto3")
    world.old.unpause("quick")
    world.old.rest(
        "POST", "/dags/quick/dagRuns", {"logical_date": "2024-01-01T00:00:00Z", "dag_run_id": "one"}
    )
    world.old.wait_for_run("quick", "one")
    run(python, SCRIPTS / "sqlmesh_client.py", OLD, env=world.env)
    world.old.rest("DELETE", "/dags/quick/dagRuns/one")


def test_disaster_recovery_commands_and_creates_again_from_what_it_saved(world: World) -> None:
    python = find_python("aws", "boto3", "awscli")
    run(python, SCRIPTS / "recovery.py", OLD, "recovered", env=world.env)
    copy = Customer(world.service, "recovered")

    def find() -> dict:
        return copy.mwaa.get_environment(Name="recovered")["Environment"]

    until(lambda: find()["Status"] != "CREATING", 60, "the copy is created")
    saved, made = world.old.mwaa.get_environment(Name=OLD)["Environment"], find()
    assert made["Status"] == "AVAILABLE", made["LastUpdate"]
    for member in (
        "AirflowVersion",
        "MaxWorkers",
        "EnvironmentClass",
        "WeeklyMaintenanceWindowStart",
        "DagS3Path",
    ):
        assert made[member] == saved[member]
    copy.delete()


def test_dagster_airlift_signs_in_and_works_with_rest_v1(world: World) -> None:
    python = find_python("airlift", "dagster-airlift[core,mwaa]==0.29.27")
    world.old.unpause("quick")
    run(python, SCRIPTS / "airlift_client.py", OLD, env=world.env)


def test_javascript_sdk_lists_asks_and_triggers(world: World) -> None:
    modules = find_node_modules("js", "@aws-sdk/client-mwaa@3")
    run("node", SCRIPTS / "sdk.mjs", modules, NEW, env=world.env)


PROVIDER_DAG = """
import os
from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.amazon.aws.hooks.mwaa import MwaaHook
from airflow.providers.amazon.aws.operators.mwaa import MwaaTriggerDagRunOperator
from airflow.providers.amazon.aws.sensors.mwaa import MwaaDagRunSensor, MwaaTaskSensor

os.environ.update({environment!r})

with DAG("caller", schedule=None, start_date=datetime(2024, 1, 1), is_paused_upon_creation=False):
    common = dict(aws_conn_id=None, region_name="us-east-1")
    trigger = MwaaTriggerDagRunOperator(
        task_id="trigger", env_name={name!r}, trigger_dag_id="quick", trigger_run_id="called",
        logical_date="2024-02-02T00:00:00Z", conf={{"a": 1}}, note="by an operator",
        wait_for_completion=True, waiter_delay=1, **common)
    run = MwaaDagRunSensor(
        task_id="run", external_env_name={name!r}, external_dag_id="quick", external_dag_run_id="called",
        poke_interval=0.3, timeout=60, **common)
    ti = MwaaTaskSensor(
        task_id="ti", external_env_name={name!r}, external_dag_id="quick", external_dag_run_id="called",
        external_task_id="say", poke_interval=0.3, timeout=60, **common)

    @task
    def sign_in():
        hook = MwaaHook(**common)
        more = dict(generate_local_token=True, airflow_version=3)
        found = hook.invoke_rest_api({name!r}, "/dags/quick/dagRuns/called", "GET", **more)["RestApiResponse"]
        made = hook.invoke_rest_api({name!r}, "/dags/quick/dagRuns", "POST",
            {{"logical_date": "2024-03-03T00:00:00Z"}}, **more)["RestApiResponse"]
        return [found["state"], made["dag_run_id"]]

    @task
    def fall_back():
        os.environ.update({limited!r})
        hook = MwaaHook(**common)
        return hook.invoke_rest_api({old!r}, "/dags/quick", "GET", airflow_version=2)["RestApiResponse"]["dag_id"]

    trigger >> [run, ti, sign_in(), fall_back()]
"""
PACKAGE = "apache-airflow-providers-amazon==9.39.0"


def test_amazon_provider_triggers_waits_and_signs_in(world: World) -> None:
    """Its operators, sensors and hook as tasks of one of our environments, calling another."""
    env = {key: value for key, value in world.env.items() if key.startswith(("AWS_", "REQUESTS_"))}
    caller = Customer(world.service, "caller")
    text = PROVIDER_DAG.format(environment=env, name=NEW, old=OLD, limited=signed_in_only(world))
    caller.upload("caller/requirements.txt", PACKAGE + "\n")
    caller.upload("caller/dags/caller.py", text)
    caller.create("caller/dags", RequirementsS3Path="caller/requirements.txt")
    caller.wait_for_dags("caller")
    caller.trigger("caller", "r")
    caller.wait_for_run("caller", "r")
    path = "/dags/caller/dagRuns/r/taskInstances/{}/xcomEntries/return_value"
    state, run_id = caller.rest("GET", path.format("sign_in"), deserialize=True)["value"]
    assert (state, run_id) == ("success", "manual__2024-03-03T00:00:00+00:00")
    assert caller.rest("GET", path.format("fall_back"), deserialize=True)["value"] == "quick"
    caller.delete()


def signed_in_only(world: World) -> dict[str, str]:
    """The keys of a user who may sign in, and not use InvokeRestApi: what the hook falls back from."""
    iam = world.service.client("iam")
    iam.create_user(UserName="visitor")
    statement = {"Effect": "Allow", "Action": "airflow:CreateWebLoginToken", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(UserName="visitor", PolicyName="p", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="visitor")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
