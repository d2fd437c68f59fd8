"""Environments through boto3: shapes against botocore's own model, states, errors."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import botocore
import pytest

from control_plane.domain.classes import VERSIONS
from control_plane.domain.status import BUSY, Status
from control_plane.store import audit
from tests.http.serving import ACCOUNT, MINIMAL, Server, code, make, refused

FULL: dict[str, Any] = {
    **MINIMAL,
    "PluginsS3Path": "plugins.zip",
    "PluginsS3ObjectVersion": "v1",
    "RequirementsS3Path": "requirements.txt",
    "StartupScriptS3Path": "startup.sh",
    "AirflowConfigurationOptions": {"core.default_timezone": "Asia/Seoul"},
    "EnvironmentClass": "mw1.medium",
    "MaxWorkers": 7,
    "MinWorkers": 2,
    "KmsKey": "alias/mine",
    "AirflowVersion": "2.10.3",
    "LoggingConfiguration": {"TaskLogs": {"Enabled": False, "LogLevel": "DEBUG"}},
    "WeeklyMaintenanceWindowStart": "TUE:23:30",
    "Tags": {"clé": "välue", "a": "b c"},
    "WebserverAccessMode": "PUBLIC_ONLY",
    "Schedulers": 3,
    "EndpointManagement": "SERVICE",
    "MinWebservers": 2,
    "MaxWebservers": 4,
}


def model() -> dict[str, Any]:
    path = Path(botocore.__file__).parent / "data/mwaa/2020-07-01/service-2.json.gz"
    loaded: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return loaded["shapes"]


def test_create_answers_the_arn_and_wakes_the_reconciler(server: Server) -> None:
    before = len(server.changes)
    answer = server.client().create_environment(Name="made", **MINIMAL)
    assert answer["Arn"] == f"arn:aws:airflow:us-east-1:{ACCOUNT}:environment/made"
    assert len(server.changes) == before + 1
    assert answer["ResponseMetadata"]["RequestId"]
    assert answer["ResponseMetadata"]["HTTPHeaders"]["cache-control"] == "no-store"


def test_get_gives_back_all_that_was_given(server: Server) -> None:
    client = server.client()
    client.create_environment(Name="full", **FULL)
    shown = client.get_environment(Name="full")["Environment"]
    logging = shown.pop("LoggingConfiguration")
    assert {key: shown[key] for key in FULL if key != "LoggingConfiguration"} == {
        key: value for key, value in FULL.items() if key != "LoggingConfiguration"
    }
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:airflow-full-Task:*"
    assert logging["TaskLogs"] == {"Enabled": False, "LogLevel": "DEBUG", "CloudWatchLogGroupArn": group}
    assert logging["SchedulerLogs"]["Enabled"] is False


def test_get_fills_in_the_defaults_of_the_guide(server: Server) -> None:
    shown = make(server, "plain").get_environment(Name="plain")["Environment"]
    wanted = {
        "Status": "AVAILABLE",
        "EnvironmentClass": "mw1.small",
        "MinWorkers": 1,
        "MaxWorkers": 10,
        "Schedulers": 2,
        "MinWebservers": 2,
        "MaxWebservers": 2,
        "WebserverAccessMode": "PRIVATE_ONLY",
        "EndpointManagement": "SERVICE",
        "WebserverUrl": "localhost:8443",
        "AirflowVersion": "3.3.1",
        "Tags": {},
    }
    assert {key: shown[key] for key in wanted} == wanted
    assert shown["LastUpdate"]["Status"] in ("PENDING", "SUCCESS")
    assert shown["LoggingConfiguration"]["TaskLogs"]["Enabled"] is True


def test_get_has_every_member_of_the_model_and_no_other(server: Server) -> None:
    """On the wire, before botocore drops what it does not know."""
    client = server.client()
    teams = {"Teams": {"data": {"SourceBucketArn": "arn:aws:s3:::b", "DagS3Path": "d"}}}
    center = {"IdentityCenterConfiguration": {"StartUrl": "https://x", "IdentityStoreId": "d-0123456789"}}
    versions = {"RequirementsS3ObjectVersion": "v", "StartupScriptS3ObjectVersion": "v"}
    bodies: list[bytes] = []
    client.meta.events.register(
        "before-parse", lambda response_dict, **_: bodies.append(response_dict["body"])
    )
    client.create_environment(Name="whole", **FULL, **teams, **center, **versions)
    client.get_environment(Name="whole")
    sent = json.loads(bodies[-1])["Environment"]
    _assert_shape(model(), "Environment", sent, "Environment")
    assert set(sent) == set(model()["Environment"]["members"])


def _assert_shape(shapes: dict[str, Any], name: str, value: Any, at: str) -> None:
    """The value has the shape's type, no unknown member, and every required one."""
    shape = shapes[name]
    kinds = {"string": str, "integer": int, "boolean": bool, "timestamp": float, "list": list}
    if shape["type"] == "structure":
        assert set(value) <= set(shape["members"]), at
        assert set(shape.get("required", ())) <= set(value), at
        for key, item in value.items():
            _assert_shape(shapes, shape["members"][key]["shape"], item, f"{at}.{key}")
    elif shape["type"] == "map":
        for item in value.values():
            _assert_shape(shapes, shape["value"]["shape"], item, at)
    else:
        assert isinstance(value, kinds[shape["type"]]), at
        assert not shape.get("enum") or value in shape["enum"], at
        for item in value if shape["type"] == "list" else ():
            _assert_shape(shapes, shape["member"]["shape"], item, at)


def test_output_of_get_can_be_the_input_of_create(server: Server) -> None:
    client = make(server, "saved")
    saved = client.get_environment(Name="saved")["Environment"]
    inputs = client.meta.service_model.operation_model("CreateEnvironment").input_shape.members
    body = {key: value for key, value in saved.items() if key in inputs and key != "Tags"}
    for module in body["LoggingConfiguration"].values():
        del module["CloudWatchLogGroupArn"]
    assert client.create_environment(**{**body, "Name": "restored"})["Arn"]


@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_create_takes_every_version_we_run(server: Server, version: str) -> None:
    name = "v" + version.replace(".", "-")
    server.client().create_environment(Name=name, AirflowVersion=version, **MINIMAL)
    assert server.client().get_environment(Name=name)["Environment"]["AirflowVersion"] == version


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"Name": "1bad"}, "name"),
        ({"Name": "x" * 81}, "name"),
        ({"Name": "sp ace"}, "name"),
        ({"ExecutionRoleArn": "arn:aws:iam::12:role/r"}, "executionRoleArn"),
        ({"SourceBucketArn": "arn:aws:s3:::UPPER"}, "sourceBucketArn"),
        ({"DagS3Path": "x" * 1025}, "dagS3Path"),
        ({"PluginsS3ObjectVersion": "x" * 1025}, "pluginsS3ObjectVersion"),
        ({"NetworkConfiguration": {"SecurityGroupIds": ["sg-1"]}}, "networkConfiguration.subnetIds"),
        (
            {"NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"]}},
            "networkConfiguration.securityGroupIds",
        ),
        (
            {"NetworkConfiguration": {"SubnetIds": ["subnet-1"] * 3, "SecurityGroupIds": ["sg-1"]}},
            "networkConfiguration.subnetIds",
        ),
        (
            {"NetworkConfiguration": {"SubnetIds": ["net-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}},
            "networkConfiguration.subnetIds.1.member",
        ),
        (
            {
                "NetworkConfiguration": {
                    "SubnetIds": ["subnet-1", "subnet-2"],
                    "SecurityGroupIds": ["sg-1"] * 6,
                }
            },
            "networkConfiguration.securityGroupIds",
        ),
        ({"AirflowConfigurationOptions": {"Upper.case": "x"}}, "airflowConfigurationOptions"),
        ({"AirflowConfigurationOptions": {"core.x": "tab\t"}}, "airflowConfigurationOptions.core.x.member"),
        ({"AirflowVersion": "9.9.9"}, "airflowVersion"),
        ({"AirflowVersion": "3.1.0"}, "airflowVersion"),
        ({"AirflowVersion": "latest!"}, "airflowVersion"),
        ({"EnvironmentClass": "mw1.huge"}, "environmentClass"),
        ({"EnvironmentClass": "mw1.micro", "Schedulers": 2}, "schedulers"),
        ({"Schedulers": 6}, "schedulers"),
        ({"Schedulers": 0}, "schedulers"),
        ({"MinWorkers": 5, "MaxWorkers": 2}, "minWorkers"),
        ({"MinWebservers": 5, "MaxWebservers": 2}, "minWebservers"),
        ({"MaxWorkers": 2**31}, "maxWorkers"),
        ({"KmsKey": "not a key"}, "kmsKey"),
        ({"WeeklyMaintenanceWindowStart": "MON:12:15"}, "weeklyMaintenanceWindowStart"),
        ({"WeeklyMaintenanceWindowStart": "MON:24:00"}, "weeklyMaintenanceWindowStart"),
        ({"WeeklyMaintenanceWindowStart": "XMON:12:00"}, "weeklyMaintenanceWindowStart"),
        ({"Tags": {"k": "snow ☃"}}, "tags.k.member"),
        ({"Tags": {str(number): "x" for number in range(51)}}, "tags"),
        ({"LoggingConfiguration": {"TaskLogs": {"Enabled": True, "LogLevel": "LOUD"}}}, "logLevel"),
        ({"WebserverAccessMode": "OPEN"}, "webserverAccessMode"),
        ({"EndpointManagement": "MINE"}, "endpointManagement"),
        ({"Teams": {"ab": {"SourceBucketArn": "arn:aws:s3:::b", "DagS3Path": "d"}}}, "teams"),
        ({"IdentityCenterConfiguration": {"StartUrl": "http://x"}}, "identityCenterConfiguration.startUrl"),
    ],
)
def test_create_names_the_member_when_it_is_invalid(server: Server, change: dict[str, Any], at: str) -> None:
    error = refused(server.client().create_environment, **{"Name": "bad", **MINIMAL, **change})
    assert code(error) == ("ValidationException", 400)
    assert f"{at}' failed to satisfy constraint: " in error.response["Error"]["Message"]
    assert code(refused(server.client().get_environment, Name="bad"))[0] == "ResourceNotFoundException"


def test_create_repeats_no_sensitive_value_when_it_is_invalid(server: Server) -> None:
    options = {"core.secret": "s3cr3t\n"}
    error = refused(
        server.client().create_environment, Name="bad", **MINIMAL, AirflowConfigurationOptions=options
    )
    assert "s3cr3t" not in str(error)


@pytest.mark.parametrize("member", list(MINIMAL))
def test_create_says_must_not_be_null_when_a_required_member_is_missing(server: Server, member: str) -> None:
    client = server.client()
    error = refused(
        client.create_environment, Name="bad", **{k: v for k, v in MINIMAL.items() if k != member}
    )
    assert code(error) == ("ValidationException", 400)
    assert f"{member[0].lower()}{member[1:]}' failed to satisfy constraint: Member must not be null" in str(
        error
    )


@pytest.mark.parametrize("status", list(Status))
def test_create_is_refused_when_the_name_is_taken(server: Server, status: Status) -> None:
    name = f"taken-{status}"
    client = make(server, name, status)
    error = refused(client.create_environment, Name=name, **MINIMAL)
    assert code(error) == ("ValidationException", 400)
    assert str(status) in str(error)


@pytest.mark.parametrize("status", list(Status))
def test_delete_goes_by_the_status(server: Server, status: Status) -> None:
    name = f"delete-{status}"
    client = make(server, name, status)
    if status in BUSY:
        error = refused(client.delete_environment, Name=name)
        words = f"Environments with {status} status must complete previous operation before initiating"
        assert code(error) == ("ValidationException", 400)
        assert words in str(error)
    elif status is Status.DELETED:
        error = refused(client.delete_environment, Name=name)
        assert "Environments with DELETED status cannot be deleted" in str(error)
    else:
        client.delete_environment(Name=name)
        assert client.get_environment(Name=name)["Environment"]["Status"] == "DELETING"


@pytest.mark.parametrize("operation", ["get_environment", "delete_environment"])
def test_missing_environment_is_404_and_a_bad_name_400(server: Server, operation: str) -> None:
    call = getattr(server.client(), operation)
    assert code(refused(call, Name="nobody")) == ("ResourceNotFoundException", 404)
    assert code(refused(call, Name="1 bad")) == ("ValidationException", 400)


def test_list_pages_through_every_name(server: Server) -> None:
    client = server.client()
    names = {f"page{number:02}" for number in range(30)}
    for name in names:
        client.create_environment(Name=name, **MINIMAL)
    pages = list(client.get_paginator("list_environments").paginate(PaginationConfig={"PageSize": 7}))
    listed = [name for page in pages for name in page["Environments"]]
    assert names <= set(listed)
    assert len(listed) == len(set(listed))
    assert all(len(page["Environments"]) <= 7 for page in pages)
    assert len(client.list_environments()["Environments"]) == 25


@pytest.mark.parametrize(
    "arguments",
    [{"MaxResults": 26}, {"NextToken": "made up"}, {"NextToken": "YWZ0ZXI6AA=="}, {"NextToken": "x" * 2049}],
)
def test_list_refuses_bad_pages(server: Server, arguments: dict[str, Any]) -> None:
    assert code(refused(server.client().list_environments, **arguments)) == ("ValidationException", 400)


def test_every_call_leaves_a_row_in_the_audit_trail(server: Server) -> None:
    client = make(server, "audited")
    options = {"AirflowConfigurationOptions": {"core.fernet_key": "s3cr3t"}, "MaxWorkers": 3}
    answers = {
        "UpdateEnvironment": client.update_environment(Name="audited", **options),
        "GetEnvironment": client.get_environment(Name="audited"),
        "InvokeRestApi": client.invoke_rest_api(
            Name="audited", Method="POST", Path="/variables", Body={"value": "s3cr3t"}
        ),
    }
    server.trail.flush()
    with server.db.read() as conn:
        rows = {row.request_id: row for _, row in audit.list_page(conn, 0, 10_000)}
    found = {name: rows[one["ResponseMetadata"]["RequestId"]] for name, one in answers.items()}
    who = f"arn:aws:iam::{ACCOUNT}:user/admin"
    for name, row in found.items():
        assert (row.action, row.decision, row.caller) == (f"airflow:{name}", "allow", who)
        assert row.reason and row.access_key_id == server.credentials.access_key_id
        assert "s3cr3t" not in str(row)
    assert found["GetEnvironment"].resource.endswith("environment/audited")
    assert found["UpdateEnvironment"].detail == "AirflowConfigurationOptions, MaxWorkers"
    assert found["InvokeRestApi"].detail == "POST /variables"


def test_reads_reach_the_audit_trail_by_themselves(server: Server) -> None:
    request = server.client().list_environments()["ResponseMetadata"]["RequestId"]
    deadline = time.monotonic() + 10
    found = False
    while not found and time.monotonic() < deadline:
        with server.db.read() as conn:
            found = request in {row.request_id for row in audit.list_newest(conn, 100)}
    assert found
