"""Every operation through boto3: valid input, every member broken in every way the model knows, every status.

Input and what answers may hold come from the newest botocore's own model, not from ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from control_plane.api.routes import ROUTES
from control_plane.domain.status import BUSY, UPDATABLE, Status
from control_plane.operations.service import CellResponse
from control_plane.store import environments
from tests.conformance.mwaa_model import MODEL, Broken, body_of, break_input, find_faults
from tests.http.serving import ACCOUNT, PATHS, REGION, Server, code, make, refused, running

ARN = f"arn:aws:airflow:{REGION}:{ACCOUNT}:environment/"
_LOGS = {"Enabled": True, "LogLevel": "INFO"}
_TEAM = {"SourceBucketArn": "arn:aws:s3:::teams", "DagS3Path": "data/"}

COMMON: dict[str, Any] = {
    "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/service-role/execution",
    "SourceBucketArn": "arn:aws:s3:::bucket",
    "DagS3Path": "dags",
    "PluginsS3Path": "plugins.zip",
    "PluginsS3ObjectVersion": "1",
    "RequirementsS3Path": "requirements.txt",
    "RequirementsS3ObjectVersion": "2",
    "StartupScriptS3Path": "startup.sh",
    "StartupScriptS3ObjectVersion": "3",
    "AirflowConfigurationOptions": {"core.default_timezone": "utc"},
    "EnvironmentClass": "mw1.medium",
    "MaxWorkers": 5,
    "MinWorkers": 2,
    "MaxWebservers": 3,
    "MinWebservers": 2,
    "Schedulers": 2,
    "AirflowVersion": "2.11.0",
    "LoggingConfiguration": {
        f"{module}Logs": _LOGS for module in ("DagProcessing", "Scheduler", "Webserver", "Worker", "Task")
    },
    "WeeklyMaintenanceWindowStart": "TUE:03:30",
    "WebserverAccessMode": "PUBLIC_ONLY",
    "IdentityCenterConfiguration": {"StartUrl": "https://a.example/start", "IdentityStoreId": "d-0123456789"},
}
VALID: dict[str, dict[str, Any]] = {
    "CreateEnvironment": {
        **COMMON,
        "Name": "valid-made",
        "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
        "KmsKey": "12345678-1234-1234-1234-123456789012",
        "Tags": {"team": "data"},
        "EndpointManagement": "SERVICE",
        "Teams": {"data": _TEAM},
    },
    "UpdateEnvironment": {
        **COMMON,
        "Name": "kept",
        "NetworkConfiguration": {"SecurityGroupIds": ["sg-2"]},
        "WorkerReplacementStrategy": "FORCED",
        "Teams": {"AddOrUpdate": {"data": _TEAM}, "Remove": ["none"]},
    },
    "GetEnvironment": {"Name": "kept"},
    "DeleteEnvironment": {"Name": "kept"},
    "ListEnvironments": {"NextToken": "YWZ0ZXI6YQ==", "MaxResults": 5},
    "ListTagsForResource": {"ResourceArn": f"{ARN}kept"},
    "TagResource": {"ResourceArn": f"{ARN}kept", "Tags": {"k": "v"}},
    "UntagResource": {"ResourceArn": f"{ARN}kept", "tagKeys": ["k"]},
    "CreateCliToken": {"Name": "kept"},
    "CreateWebLoginToken": {"Name": "kept"},
    "InvokeRestApi": {
        "Name": "kept",
        "Path": "/dags",
        "Method": "GET",
        "QueryParameters": {"limit": 1},
        "Body": {},
    },
    "PublishMetrics": {
        "EnvironmentName": "kept",
        "MetricData": [
            {
                "MetricName": "m",
                "Timestamp": 1.5,
                "Dimensions": [{"Name": "n", "Value": "v"}],
                "Value": 2.5,
                "Unit": "Count",
                "StatisticValues": {"SampleCount": 2, "Sum": 3.0, "Minimum": 1.0, "Maximum": 2.0},
            }
        ],
    },
}
"""For every operation an input with every member of the model."""

OPERATIONS = [name for name in MODEL.operation_names if name in {route.operation for route in ROUTES}]

_INSIDES = (
    "Traceback",
    'File "',
    "SELECT ",
    "UPDATE environment",
    "sqlite",
    "psycopg",
    "control_plane",
    "/home/",
)

WIDER = {("InvokeRestApi", "Path", "too long")}
"""The model says 64 characters, which a run id of Airflow's own nearly fills: we take 2048."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("conformance")) as server:
        server.cells.answer = CellResponse(200, "application/json", b'{"dags": []}')
        make(server, "kept")
        yield server


def call(server: Server, operation: str, given: dict[str, Any]) -> tuple[Any, Any]:
    """The answer as botocore gives it, and as it was sent."""
    client, sent = server.client(), []
    client.meta.events.register("before-parse", lambda response_dict, **_: sent.append(response_dict["body"]))
    return getattr(client, xform_name(operation))(**given), json.loads(sent[-1])


def test_every_operation_of_the_model_has_a_valid_input_here() -> None:
    assert set(VALID) == set(MODEL.operation_names)
    for name, given in VALID.items():
        assert set(given) == set(MODEL.operation_model(name).input_shape.members), name


@pytest.mark.parametrize("operation", OPERATIONS)
def test_answer_to_valid_input_is_the_models(server: Server, operation: str) -> None:
    name = f"valid-{operation}"
    make(server, name)
    given = json.loads(json.dumps(VALID[operation]).replace("kept", name).replace("valid-made", "new"))
    answer, sent = call(server, operation, given)
    assert list(find_faults(MODEL.operation_model(operation).output_shape, sent)) == []
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


@pytest.mark.parametrize("operation", OPERATIONS)
def test_input_broken_anywhere_is_a_validation_error(server: Server, operation: str) -> None:
    client, body = server.client(), [b""]

    def replace(params: dict[str, Any], **_: Any) -> None:
        """The body goes past botocore's serializer, which cannot write values of a wrong type."""
        params["body"] = body[0]

    client.meta.events.register("before-call", replace)
    wrong = [
        f"{broken}: {told}"
        for broken in break_input(operation, VALID[operation])
        if (operation, broken.at, broken.how) not in WIDER
        and (told := how_it_is_answered(client, operation, broken, body)) != ("ValidationException", 400)
    ]
    assert wrong == []
    with server.db.read() as conn:
        assert environments.get(conn, "kept").status is Status.AVAILABLE, "nothing has happened"
        assert environments.find(conn, "valid-made") is None


def how_it_is_answered(client: Any, operation: str, broken: Broken, body: list[bytes]) -> tuple[str, int]:
    inside = body_of(operation, broken.given)
    outside = {key: one for key, one in broken.given.items() if inside is None or key not in inside}
    body[0] = b"" if inside is None else json.dumps(inside).encode()
    try:
        getattr(client, xform_name(operation))(**outside)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["RequestId"]
        assert not [word for word in _INSIDES if word in str(error.response)], "nothing of our insides"
        named = f"at '{broken.at[0].lower()}{broken.at[1:]}" in error.response["Error"]["Message"]
        return code(error) if named else ("the message does not name it", 0)
    return "accepted", 200


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if "Name" in VALID[one] and one != "CreateEnvironment"]
)
def test_environment_that_is_not_there_is_not_found(server: Server, operation: str) -> None:
    error = refused(lambda: call(server, operation, {**VALID[operation], "Name": "nobody"}))
    assert code(error) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize("operation", ["ListTagsForResource", "TagResource", "UntagResource"])
@pytest.mark.parametrize("arn", [f"{ARN}nobody", ARN.replace(ACCOUNT, "9" * 12) + "kept", f"{ARN}kept/x"])
def test_resource_that_is_not_there_is_not_found(server: Server, operation: str, arn: str) -> None:
    error = refused(lambda: call(server, operation, {**VALID[operation], "ResourceArn": arn}))
    assert code(error) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize("status", list(Status))
def test_update_goes_by_the_status(server: Server, status: Status) -> None:
    name = f"update-{status}"
    client = make(server, name, status)
    if status in UPDATABLE:
        assert client.update_environment(Name=name, MaxWorkers=7)["Arn"] == ARN + name
        shown = client.get_environment(Name=name)["Environment"]
        assert (shown["Status"], shown["MaxWorkers"]) == ("UPDATING", 10), "what is in force"
        return
    error = refused(client.update_environment, Name=name, MaxWorkers=7)
    words = (
        f"Environments with {status} status must complete previous operation before initiating a new operation"
        if status in BUSY
        else f"Environments with {status} status cannot be updated"
    )
    assert code(error) == ("ValidationException", 400)
    assert error.response["Error"]["Message"] == words


@pytest.mark.parametrize("status", list(Status))
def test_reading_and_tags_work_whatever_the_status(server: Server, status: Status) -> None:
    name = f"tagged-{status}"
    client = make(server, name, status)
    client.tag_resource(ResourceArn=ARN + name, Tags={"a": "1"})
    shown = client.get_environment(Name=name)["Environment"]
    assert (shown["Status"], shown["Tags"]) == (str(status), {"a": "1"})
    assert len(PATHS) == len(Status)
