"""UpdateEnvironment and PublishMetrics through boto3: rights, what is kept, what the next one meets."""

from __future__ import annotations

import time
import urllib.request
from typing import Any

import pytest

from control_plane.domain.status import Status
from control_plane.store import audit, environments
from tests.http.serving import ACCOUNT, Server, code, make, refused
from tests.http.test_iam import as_user, document

ROLE = f"arn:aws:iam::{ACCOUNT}:role/other"


def test_update_keeps_what_is_wanted_and_wakes_the_reconciler(server: Server) -> None:
    client = make(server, "wanted")
    before = len(server.changes)
    client.update_environment(Name="wanted", MaxWorkers=12, WorkerReplacementStrategy="FORCED")
    assert len(server.changes) == before + 1
    with server.db.read() as conn:
        row = environments.get(conn, "wanted")
    assert (row.status, row.strategy, row.generation) == (Status.UPDATING, "FORCED", 1)
    assert row.wanted == {**row.spec, "MaxWorkers": 12}
    shown = client.get_environment(Name="wanted")["Environment"]
    assert shown["LastUpdate"]["WorkerReplacementStrategy"] == "FORCED"
    again = refused(client.update_environment, Name="wanted", MaxWorkers=13)
    assert "Environments with UPDATING status must complete previous operation" in str(again)


def test_update_that_is_refused_changes_nothing(server: Server) -> None:
    client = make(server, "unchanged")
    error = refused(client.update_environment, Name="unchanged", MinWorkers=11, AirflowVersion="2.8.1")
    assert code(error) == ("ValidationException", 400)
    with server.db.read() as conn:
        row = environments.get(conn, "unchanged")
    assert (row.status, row.wanted) == (Status.AVAILABLE, None)


def test_another_role_must_be_one_the_caller_may_pass(server: Server) -> None:
    make(server, "passed")
    client = as_user(server, "updater", "mwaa", document("airflow:UpdateEnvironment"))
    error = refused(client.update_environment, Name="passed", ExecutionRoleArn=ROLE)
    assert code(error) == ("AccessDeniedException", 403)
    assert "iam:PassRole" in str(error) and ROLE in str(error)
    client.update_environment(Name="passed", MaxWorkers=3)


@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("TagResource", {"ResourceArn": "", "Tags": {"a": "b"}}),
        ("UntagResource", {"ResourceArn": "", "tagKeys": ["a"]}),
        ("ListTagsForResource", {"ResourceArn": ""}),
        ("UpdateEnvironment", {"Name": "guarded"}),
        ("PublishMetrics", {"EnvironmentName": "guarded", "MetricData": []}),
    ],
)
def test_refusal_names_action_and_resource(server: Server, action: str, call: dict[str, Any]) -> None:
    from botocore import xform_name

    arn = f"arn:aws:airflow:us-east-1:{ACCOUNT}:environment/guarded"
    client = as_user(server, f"nobody-{action}", "mwaa", document("airflow:GetEnvironment"))
    given = {**call, "ResourceArn": arn} if "ResourceArn" in call else call
    error = refused(getattr(client, xform_name(action)), **given)
    assert code(error) == ("AccessDeniedException", 403)
    assert f"airflow:{action} on resource: {arn}" in str(error)
    with server.db.read() as conn:
        (row,) = audit.list_newest(conn, 1, "deny")
    assert (row.action, row.resource) == (f"airflow:{action}", arn)


def test_published_metrics_are_on_the_metrics_page(server: Server) -> None:
    client = make(server, "measured")
    data: list[dict[str, Any]] = [
        {"MetricName": "Queued", "Timestamp": time.time(), "Value": 3, "Unit": "Count"},
        {
            "MetricName": "Loop",
            "Timestamp": time.time(),
            "Dimensions": [{"Name": "Job", "Value": 'a "b"'}],
            "StatisticValues": {"SampleCount": 4, "Sum": 6.0},
        },
        {"MetricName": "Nothing", "Timestamp": time.time()},
    ]
    client.publish_metrics(EnvironmentName="measured", MetricData=data)
    client.publish_metrics(EnvironmentName="measured", MetricData=[{**data[0], "Value": 4.5}])
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as response:
        lines = [line for line in response.read().decode().splitlines() if "published_metric{" in line]
    assert sorted(lines) == [
        'aerodrome_published_metric{dimensions="",environment="measured",name="Queued",unit="Count"} 4.5',
        'aerodrome_published_metric{dimensions="Job=a \\"b\\"",environment="measured",name="Loop",unit="None"} 1.5',
    ]
    missing = refused(client.publish_metrics, EnvironmentName="nobody", MetricData=[])
    assert code(missing) == ("ValidationException", 400)
