"""The call sequences of Terraform's and CloudFormation's resource handlers, and of a script that saves and restores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.http.serving import MINIMAL, Server, code, finish, refused, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("clients")) as server:
        yield server


def wait_until_gone(server: Server, client: Any, name: str) -> list[str]:
    """GetEnvironment until it is 404; the statuses seen on the way."""
    seen = []
    while True:
        try:
            seen.append(client.get_environment(Name=name)["Environment"]["Status"])
        except ClientError as error:
            assert code(error) == ("ResourceNotFoundException", 404)
            return seen
        finish(server, name)


def test_terraform_creates_reads_updates_tags_and_deletes(server: Server) -> None:
    """PUT, GET until AVAILABLE, read; PATCH, GET until AVAILABLE; Untag, Tag; DELETE, GET until 404."""
    client, name = server.client(), "terraform"
    given = {
        **MINIMAL,
        "AirflowConfigurationOptions": {"core.parallelism": "32"},
        "Tags": {"a": "1", "b": "2"},
    }
    arn = client.create_environment(Name=name, **given)["Arn"]
    created = client.get_environment(Name=name)["Environment"]
    assert (created["Status"], created["LastUpdate"]["Status"]) == ("CREATING", "PENDING")
    finish(server, name)
    read = client.get_environment(Name=name)["Environment"]
    assert read["Status"] == "AVAILABLE"
    assert read["LastUpdate"]["CreatedAt"] and read["LastUpdate"]["Status"] == "SUCCESS"
    client.update_environment(Name=name, AirflowConfigurationOptions={}, MaxWorkers=20)
    pending = client.get_environment(Name=name)["Environment"]
    assert (pending["Status"], pending["MaxWorkers"]) == ("UPDATING", 10)
    update = pending["LastUpdate"]
    told = (update["Status"], update["Source"], update["WorkerReplacementStrategy"])
    assert told == ("PENDING", "UpdateEnvironment", "GRACEFUL")
    finish(server, name)
    client.untag_resource(ResourceArn=arn, tagKeys=["a", "b"])
    client.tag_resource(ResourceArn=arn, Tags={"c": "3"})
    after = client.get_environment(Name=name)["Environment"]
    assert (after["Status"], after["MaxWorkers"], after["AirflowConfigurationOptions"]) == (
        "AVAILABLE",
        20,
        {},
    )
    assert after["Tags"] == client.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"c": "3"}
    same = {key: one for key, one in read.items() if key not in CHANGED}
    assert {key: after[key] for key in same} == same, "nothing else has moved: no drift in the next plan"
    client.delete_environment(Name=name)
    assert wait_until_gone(server, client, name) == ["DELETING"]
    assert code(refused(client.delete_environment, Name=name)) == ("ResourceNotFoundException", 404)


CHANGED = ("AirflowConfigurationOptions", "MaxWorkers", "LastUpdate", "Tags")


def test_cloudformation_creates_updates_and_deletes(server: Server) -> None:
    """GET expects 404; PUT; GET; on update GET, Untag, Tag, PATCH, GET; a failure is LastUpdate's message."""
    client, name = server.client(), "cloudformation"
    assert code(refused(client.get_environment, Name=name)) == ("ResourceNotFoundException", 404)
    arn = client.create_environment(Name=name, Tags={"old": "1"}, **MINIMAL)["Arn"]
    again = refused(client.create_environment, Name=name, **MINIMAL)
    assert "complete previous operation" in str(again), "a retried PUT is told to wait"
    finish(server, name)
    client.untag_resource(ResourceArn=arn, tagKeys=["old"])
    client.tag_resource(ResourceArn=arn, Tags={"new": "2"})
    client.update_environment(
        Name=name, RequirementsS3Path="requirements.txt", WorkerReplacementStrategy="FORCED"
    )
    assert "complete previous operation" in str(refused(client.update_environment, Name=name))
    finish(server, name, error="cannot install requirements.txt: no such package as nonesuch")
    failed = client.get_environment(Name=name)["Environment"]
    assert (failed["Status"], failed["Tags"]) == ("UPDATE_FAILED", {"new": "2"})
    assert "RequirementsS3Path" not in failed, "rolled back"
    error = failed["LastUpdate"]["Error"]
    assert error["ErrorCode"] == "INCORRECT_CONFIGURATION"
    assert error["ErrorMessage"].endswith("no such package as nonesuch")
    client.update_environment(Name=name, MaxWorkers=3)
    finish(server, name)
    assert client.get_environment(Name=name)["Environment"]["Status"] == "AVAILABLE", "usable again"
    assert name in [one for page in pages(client) for one in page["Environments"]]
    client.delete_environment(Name=name)
    assert wait_until_gone(server, client, name) == ["DELETING"]


def pages(client: Any) -> Any:
    return client.get_paginator("list_environments").paginate(PaginationConfig={"PageSize": 1})


def test_saved_environment_can_be_created_again(server: Server) -> None:
    """What a disaster recovery script does: the saved answer, less what only answers have, is input."""
    client = server.client()
    teams = {"Teams": {"data": {"SourceBucketArn": "arn:aws:s3:::b", "DagS3Path": "d"}}}
    client.create_environment(Name="saved", Tags={"k": "v"}, PluginsS3Path="p.zip", **teams, **MINIMAL)
    saved = json.loads(json.dumps(client.get_environment(Name="saved")["Environment"], default=str))
    inputs = client.meta.service_model.operation_model("CreateEnvironment").input_shape.members
    body = {key: one for key, one in saved.items() if key in inputs}
    for module in body["LoggingConfiguration"].values():
        del module["CloudWatchLogGroupArn"]
    client.create_environment(**{**body, "Name": "restored"})
    restored = client.get_environment(Name="restored")["Environment"]
    own = ("Name", "Arn", "CreatedAt", "LastUpdate", "LoggingConfiguration", "CeleryExecutorQueue")
    keep = [key for key in saved if key not in own and not key.endswith("VpcEndpointService")]
    assert {key: restored[key] for key in keep} == {key: saved[key] for key in keep}
