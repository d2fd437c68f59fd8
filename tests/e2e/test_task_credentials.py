"""What tasks may in the embedded store: what their execution role allows, for as long as their environment is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.customer import BUCKET, Customer
from tests.running import RunningService, until

pytestmark = pytest.mark.timeout(300)

DAG_FILE = """
import datetime as dt
import os
from airflow import DAG
from airflow.operators.python import PythonOperator

NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3")

with DAG("look", schedule=None, start_date=dt.datetime(2024, 1, 1)):
    PythonOperator(task_id="only", python_callable=lambda: {name: os.environ.get(name) for name in NAMES})
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    service = RunningService(
        tmp_path_factory.mktemp("tasks") / "home", tmp_path_factory.getbasetemp().parent / "venvs"
    )
    service.up()
    s3 = service.client("s3")
    for bucket in (BUCKET, "other"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=BUCKET, Key="dags/look.py", Body=DAG_FILE.encode())
    s3.put_object(Bucket="other", Key="secret", Body=b"x")
    yield service
    service.close()


def look(customer: Customer) -> Any:
    """A client with what a task of the environment sees."""
    customer.wait_for_dags("look")
    customer.unpause("look")
    customer.trigger("look", "one")
    customer.wait_for_run("look", "one")
    path = "/dags/look/dagRuns/one/taskInstances/only/xcomEntries/return_value"
    value = customer.rest("GET", path)["value"]
    seen = value if isinstance(value, dict) else json.loads(value.replace("'", '"'))
    return boto3.client(
        "s3",
        endpoint_url=seen["AWS_ENDPOINT_URL_S3"],
        region_name="us-east-1",
        aws_access_key_id=seen["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=seen["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=seen["AWS_SESSION_TOKEN"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def code(act: Any) -> str:
    with pytest.raises(ClientError) as refused:
        act()
    return str(refused.value.response["Error"]["Code"])


def test_a_role_that_is_not_there_may_read_the_bucket_and_write_its_xcoms(service: RunningService) -> None:
    customer = Customer(service, "plain")
    customer.create()
    s3 = look(customer)
    assert s3.get_object(Bucket=BUCKET, Key="dags/look.py")["Body"].read() == DAG_FILE.encode()
    s3.put_object(Bucket=BUCKET, Key="xcom/plain/value", Body=b"1")
    for key in ("dags/mine.py", "logs/plain/forged", "xcom/another/value", "data/x"):
        assert code(lambda key=key: s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")) == "AccessDenied", key
    assert code(lambda: s3.get_object(Bucket="other", Key="secret")) == "AccessDenied"
    with pytest.raises(ClientError, match=r"assumed-role/x/AmazonMWAA-plain is not authorized"):
        s3.delete_bucket(Bucket="other")
    customer.delete()
    until(lambda: _refusal(s3) == "InvalidAccessKeyId", 5, "the keys ended with their environment")


def test_a_role_of_our_iam_decides_and_what_it_lacks_fails_the_creation(service: RunningService) -> None:
    iam = service.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "airflow.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(
        RoleName="etl",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    customer = Customer(service, "etl")
    with pytest.raises(AssertionError, match="role/etl"):
        customer.create(role="etl")
    customer.delete()
    allowed = [
        {"Action": ["s3:GetObject*", "s3:ListBucket"], "Resource": [f"arn:aws:s3:::{BUCKET}*"]},
        {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::other/out/*"},
    ]
    statements = [{"Effect": "Allow", **one} for one in allowed]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="etl", PolicyName="s3", PolicyDocument=document)
    customer.create(role="etl")
    s3 = look(customer)
    s3.put_object(Bucket="other", Key="out/result", Body=b"1")
    assert code(lambda: s3.get_object(Bucket="other", Key="secret")) == "AccessDenied"
    assert code(lambda: s3.put_object(Bucket=BUCKET, Key="xcom/etl/value", Body=b"1")) == "AccessDenied"
    assert customer.wait_for_end("look", "one", "only")["event"] == "Task finished"
    iam.delete_role_policy(RoleName="etl", PolicyName="s3")
    until(lambda: _refusal(s3) == "AccessDenied", 5, "the role's session has lost what the role lost")
    customer.delete()


def _refusal(s3: Any) -> str | None:
    try:
        s3.put_object(Bucket="other", Key="out/result", Body=b"1")
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def _answers(customer: Customer) -> bool:
    try:
        return "look" in customer.dags()
    except ClientError:
        return False  # its engine is on the way


def test_buckets_dags_runs_and_logs_are_where_they_were_after_a_stop(service: RunningService) -> None:
    customer = Customer(service, "lasting")
    customer.create()
    look(customer)
    customer.wait_for_end("look", "one", "only")
    before = (customer.keys(""), customer.runs("look"), customer.read_log("look", "one", "only"))
    service.stop()
    service.up()
    again = Customer(service, "lasting")
    until(lambda: _answers(again), 30, "the environment answers again")
    assert (again.keys(""), again.runs("look"), again.read_log("look", "one", "only")) == before
    again.trigger("look", "two")
    again.wait_for_run("look", "two")
    assert Path(service.home / "objects").is_dir()
