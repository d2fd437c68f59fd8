"""Our table of inputs against the service's own model, and the wording of what is wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import botocore
import pytest

from control_plane.domain import defaults, model
from control_plane.domain.classes import VERSIONS
from control_plane.domain.defaults import fill
from control_plane.domain.shapes import (
    Document,
    Flag,
    ListOf,
    MapOf,
    Number,
    Real,
    Shape,
    Structure,
    Text,
    render,
)
from control_plane.domain.status import EDGES, Status
from control_plane.domain.validation import validate_create

MINIMAL: dict[str, Any] = {
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r",
    "SourceBucketArn": "arn:aws:s3:::bucket",
    "DagS3Path": "dags",
    "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
}


@pytest.fixture(scope="module")
def shapes() -> dict[str, Any]:
    path = Path(botocore.__file__).parent / "data/mwaa/2020-07-01/service-2.json.gz"
    loaded: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return loaded["shapes"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (model.CREATE, "CreateEnvironmentInput"),
        (model.UPDATE, "UpdateEnvironmentInput"),
        (model.NAMED, "GetEnvironmentInput"),
        (model.NAMED, "DeleteEnvironmentInput"),
        (model.LIST, "ListEnvironmentsInput"),
        (model.TAGGED, "ListTagsForResourceInput"),
        (model.TAG, "TagResourceInput"),
        (model.UNTAG, "UntagResourceInput"),
        (model.PUBLISH, "PublishMetricsInput"),
    ],
)
def test_table_is_the_models(shapes: dict[str, Any], ours: Shape, theirs: str) -> None:
    assert as_model(ours) == from_model(shapes, theirs)


def test_update_judges_a_member_as_create_does() -> None:
    own = {"NetworkConfiguration", "Teams"}
    for name in (set(model.UPDATE_MEMBERS) & set(model.CREATE_MEMBERS)) - own:
        assert model.UPDATE_MEMBERS[name] is model.CREATE_MEMBERS[name]


def test_invoke_differs_in_the_length_of_the_path_alone(shapes: dict[str, Any]) -> None:
    ours, theirs = as_model(model.INVOKE), from_model(shapes, "InvokeRestApiRequest")
    assert (ours["Path"].pop("max"), theirs["Path"].pop("max")) == (2048, 64)
    assert ours == theirs


def test_statuses_are_the_models(shapes: dict[str, Any]) -> None:
    assert set(Status) == set(EDGES) == set(shapes["EnvironmentStatus"]["enum"])


def as_model(shape: Shape) -> Any:
    """A shape of ours as plain rules."""
    match shape:
        case Text():
            rules = {"min": shape.min, "max": shape.max, "pattern": shape.pattern}
            return {"enum": sorted(shape.choices)} if shape.choices else rules
        case Number():
            return {"min": shape.min, "max": shape.max}
        case ListOf():
            return {"min": shape.min, "max": shape.max, "item": as_model(shape.item)}
        case MapOf():
            low = shape.min or None
            return {"min": low, "max": shape.max, "key": as_model(shape.key), "value": as_model(shape.value)}
        case Structure():
            members = {name: as_model(item) for name, item in shape.members.items()}
            return {"": sorted(shape.required), **members}
        case Flag():
            return "boolean"
        case Real():
            return shape.kind
        case Document():
            return "document"


def from_model(shapes: dict[str, Any], name: str) -> Any:
    """A shape of the service model as plain rules."""
    shape = shapes[name]
    if shape.get("document"):
        return "document"
    match shape["type"]:
        case "string" if "enum" in shape:
            return {"enum": sorted(shape["enum"])}
        case "string":
            return {"min": shape.get("min", 0), "max": shape.get("max"), "pattern": shape.get("pattern")}
        case "integer":
            return {"min": shape.get("min"), "max": shape.get("max")}
        case "list":
            item = from_model(shapes, shape["member"]["shape"])
            return {"min": shape.get("min", 0), "max": shape.get("max"), "item": item}
        case "map":
            key, value = (from_model(shapes, shape[part]["shape"]) for part in ("key", "value"))
            return {"min": shape.get("min"), "max": shape.get("max"), "key": key, "value": value}
        case "structure":
            members = {key: from_model(shapes, item["shape"]) for key, item in shape["members"].items()}
            return {"": sorted(shape.get("required", ())), **members}
        case other:
            return other


def test_message_names_every_fault_in_awss_words() -> None:
    body = {**MINIMAL, "MaxWorkers": 0, "WebserverAccessMode": "OPEN"}
    assert render(validate_create("1x", body, VERSIONS)) == (
        "3 validation errors detected: Value '1x' at 'name' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z][0-9a-zA-Z-_]*; "
        "Value '0' at 'maxWorkers' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1; "
        "Value 'OPEN' at 'webserverAccessMode' failed to satisfy constraint: "
        "Member must satisfy enum value set: [PRIVATE_ONLY, PUBLIC_ONLY, PUBLIC_AND_PRIVATE]"
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("MaxWorkers", "5"),
        ("MaxWorkers", 5.0),
        ("MaxWorkers", True),
        ("DagS3Path", 1),
        ("Tags", ["a"]),
        ("AirflowConfigurationOptions", {"core.x": 1}),
        ("NetworkConfiguration", "subnet-1"),
        ("NetworkConfiguration", {"SubnetIds": "ab", "SecurityGroupIds": ["sg-1"]}),
        ("LoggingConfiguration", {"TaskLogs": {"Enabled": "yes", "LogLevel": "INFO"}}),
        ("LoggingConfiguration", {"TaskLogs": {"Enabled": True}}),
    ],
)
def test_wrong_type_or_missing_part_is_one_violation(member: str, value: Any) -> None:
    assert len(validate_create("x", {**MINIMAL, member: value}, VERSIONS)) == 1


def test_a_default_class_without_scaling_refuses_it_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "DEFAULT_CLASS", "mw1.micro")
    (found,) = validate_create("e", {**MINIMAL, "MaxWorkers": 4}, VERSIONS)
    assert "maxWorkers" in str(found) and "mw1.micro" in str(found)


def test_trailing_newline_is_no_match_for_a_pattern() -> None:
    assert validate_create("x\n", MINIMAL, VERSIONS)
    assert validate_create("x", {**MINIMAL, "SourceBucketArn": "arn:aws:s3:::b\n"}, VERSIONS)


def test_unknown_members_and_nulls_are_ignored_and_not_kept() -> None:
    body = {**MINIMAL, "Unheard": 1, "KmsKey": None, "Name": "other"}
    assert validate_create("x", body, VERSIONS) == []
    assert not {"Unheard", "KmsKey", "Name"} & set(fill(body))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {"MinWorkers": 1, "MaxWorkers": 10, "Schedulers": 2, "MinWebservers": 2, "MaxWebservers": 2}),
        ({"MinWorkers": 15}, {"MinWorkers": 15, "MaxWorkers": 15}),
        ({"MaxWebservers": 1}, {"MinWebservers": 1, "MaxWebservers": 1}),
        ({"MinWebservers": 4}, {"MinWebservers": 4, "MaxWebservers": 4}),
        (
            {"EnvironmentClass": "mw1.micro"},
            {"MinWorkers": 1, "MaxWorkers": 1, "Schedulers": 1, "MinWebservers": 1, "MaxWebservers": 1},
        ),
    ],
)
def test_defaults_never_contradict_what_was_given(given: dict[str, Any], wanted: dict[str, int]) -> None:
    spec: dict[str, Any] = {**fill({**MINIMAL, **given})}
    assert {key: spec[key] for key in wanted} == wanted
