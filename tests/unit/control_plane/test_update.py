"""What an update makes of a spec, and which updates there cannot be."""

from __future__ import annotations

from typing import Any, cast

import pytest

from control_plane.domain.classes import VERSIONS
from control_plane.domain.defaults import fill
from control_plane.domain.environment import EnvironmentSpec
from control_plane.domain.update import merge
from control_plane.domain.validation import validate_update

GONE = object()


def a_spec(**more: Any) -> EnvironmentSpec:
    return fill(
        {
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r",
            "SourceBucketArn": "arn:aws:s3:::bucket",
            "DagS3Path": "dags",
            "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
            "RequirementsS3Path": "r.txt",
            "RequirementsS3ObjectVersion": "7",
            "AirflowConfigurationOptions": {"core.a": "1", "core.b": "2"},
            **more,
        }
    )


OFF = {"Enabled": False, "LogLevel": "ERROR"}
TEAM = {"SourceBucketArn": "arn:aws:s3:::team", "DagS3Path": "a/"}
OTHER = {"SourceBucketArn": "arn:aws:s3:::team", "DagS3Path": "b/"}
SMALL = {"MinWorkers": 1, "MaxWorkers": 10, "MinWebservers": 2, "MaxWebservers": 2, "Schedulers": 2}
ONES = dict.fromkeys(SMALL, 1)


@pytest.mark.parametrize(
    ("before", "body", "changed"),
    [
        ({}, {}, {}),
        ({}, {"MaxWorkers": None, "Unheard": 1, "Name": "x", "KmsKey": "k", "Tags": {"a": "b"}}, {}),
        ({}, {"WorkerReplacementStrategy": "FORCED"}, {}),
        ({}, {"MaxWorkers": 20, "DagS3Path": "other"}, {"MaxWorkers": 20, "DagS3Path": "other"}),
        ({}, {"AirflowConfigurationOptions": {}}, {"AirflowConfigurationOptions": {}}),
        (
            {},
            {"AirflowConfigurationOptions": {"core.c": "3"}},
            {"AirflowConfigurationOptions": {"core.c": "3"}},
        ),
        ({}, {"RequirementsS3Path": ""}, {"RequirementsS3Path": GONE, "RequirementsS3ObjectVersion": GONE}),
        (
            {},
            {"RequirementsS3Path": "", "RequirementsS3ObjectVersion": ""},
            {"RequirementsS3Path": GONE, "RequirementsS3ObjectVersion": GONE},
        ),
        ({}, {"RequirementsS3ObjectVersion": ""}, {"RequirementsS3ObjectVersion": GONE}),
        ({}, {"RequirementsS3ObjectVersion": "8"}, {"RequirementsS3ObjectVersion": "8"}),
        ({}, {"RequirementsS3Path": "r.txt"}, {}),
        (
            {},
            {"RequirementsS3Path": "new.txt"},
            {"RequirementsS3Path": "new.txt", "RequirementsS3ObjectVersion": GONE},
        ),
        (
            {},
            {"PluginsS3Path": "p.zip", "PluginsS3ObjectVersion": "1"},
            {"PluginsS3Path": "p.zip", "PluginsS3ObjectVersion": "1"},
        ),
        ({}, {"StartupScriptS3Path": ""}, {}),
        (
            {},
            {"NetworkConfiguration": {"SecurityGroupIds": ["sg-9"]}},
            {"NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-9"]}},
        ),
        ({"Teams": {"aaa": TEAM}}, {"Teams": {"Remove": ["aaa"]}}, {"Teams": GONE}),
        (
            {"Teams": {"aaa": TEAM}},
            {"Teams": {"AddOrUpdate": {"bbb": OTHER}}},
            {"Teams": {"aaa": TEAM, "bbb": OTHER}},
        ),
        ({}, {"Teams": {"Remove": ["none"]}}, {}),
        ({}, {"EnvironmentClass": "mw1.micro"}, {"EnvironmentClass": "mw1.micro", **ONES}),
        ({}, {"EnvironmentClass": "mw1.large"}, {"EnvironmentClass": "mw1.large"}),
        (
            {"EnvironmentClass": "mw1.micro"},
            {"EnvironmentClass": "mw1.small", "MinWorkers": 12},
            {"EnvironmentClass": "mw1.small", **SMALL, "MinWorkers": 12, "MaxWorkers": 12},
        ),
    ],
)
def test_merge_changes_what_was_asked_and_nothing_else(
    before: dict[str, Any], body: dict[str, Any], changed: dict[str, Any]
) -> None:
    spec = a_spec(**before)
    kept = {key: value for key, value in spec.items() if key not in changed}
    wanted = {**kept, **{key: value for key, value in changed.items() if value is not GONE}}
    assert merge(spec, body) == wanted
    assert spec == a_spec(**before), "what is in force is not touched"


def test_logging_is_merged_by_module() -> None:
    merged = merge(a_spec(), {"LoggingConfiguration": {"WorkerLogs": {**OFF, "CloudWatchLogGroupArn": "x"}}})
    assert merged["LoggingConfiguration"] == {
        **a_spec()["LoggingConfiguration"],
        "WorkerLogs": cast(Any, OFF),
    }


@pytest.mark.parametrize(
    ("before", "body", "at"),
    [
        ({}, {"MaxWorkers": 51}, "maxWorkers"),
        ({"MinWorkers": 5}, {"MaxWorkers": 4}, "minWorkers"),
        ({}, {"MinWorkers": 11}, "minWorkers"),
        ({}, {"MaxWebservers": 6}, "maxWebservers"),
        ({}, {"MinWebservers": 1}, "minWebservers"),
        ({}, {"Schedulers": 1}, "schedulers"),
        ({"EnvironmentClass": "mw1.micro"}, {"MaxWorkers": 2}, "maxWorkers"),
        ({}, {"EnvironmentClass": "mw1.micro", "MaxWorkers": 2}, "maxWorkers"),
        ({}, {"EnvironmentClass": "mw1.huge"}, "environmentClass"),
        ({}, {"AirflowVersion": "9.9"}, "airflowVersion"),
        ({}, {"AirflowVersion": "2.10.3"}, "airflowVersion"),
        ({"AirflowVersion": "2.10.3"}, {"AirflowVersion": "3.0.6"}, "airflowVersion"),
        ({"AirflowVersion": "1.10.12"}, {"AirflowVersion": "2.11.0"}, "airflowVersion"),
        ({"AirflowVersion": "2.11.0"}, {"WebserverAccessMode": "PUBLIC_AND_PRIVATE"}, "webserverAccessMode"),
        (
            {"WebserverAccessMode": "PUBLIC_AND_PRIVATE"},
            {"AirflowVersion": "3.0.6"},
            "webserverAccessMode",
        ),
        ({}, {"PluginsS3ObjectVersion": "1"}, "pluginsS3ObjectVersion"),
        ({}, {"Teams": {"AddOrUpdate": {"aaa": TEAM}, "Remove": ["aaa"]}}, "teams.remove"),
        ({"Teams": {"aaa": TEAM}}, {"Teams": {"AddOrUpdate": {"bbb": TEAM}}}, "teams.bbb.member.dagS3Path"),
        (
            {},
            {
                "Teams": {
                    "AddOrUpdate": {"bbb": {"SourceBucketArn": "arn:aws:s3:::bucket", "DagS3Path": "dags/b"}}
                }
            },
            "teams.bbb.member.dagS3Path",
        ),
    ],
)
def test_update_that_cannot_be_names_the_member(
    before: dict[str, Any], body: dict[str, Any], at: str
) -> None:
    found = validate_update(body, a_spec(**before), VERSIONS)
    assert [one.at for one in found] == [at]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("3.3.1", "3.0.6"),
        ("2.7.2", "2.11.2"),
        ("2.11.0", "2.8.1"),
        ("2.11.2", "3.3.1"),
        ("3.2.1", "2.11.0"),
        ("1.10.15", "1.10.12"),
        ("2.10.3", "2.10.3"),
    ],
)
def test_version_may_go_up_and_down(old: str, new: str) -> None:
    spec = a_spec(AirflowVersion=old)
    assert validate_update({"AirflowVersion": new}, spec, VERSIONS) == []
    assert merge(spec, {"AirflowVersion": new})["AirflowVersion"] == new


def test_count_of_older_days_does_not_stand_in_the_way_of_other_changes() -> None:
    spec = a_spec(Schedulers=1, MaxWebservers=1, MinWebservers=1)
    assert validate_update({"MaxWorkers": 12}, spec, VERSIONS) == []
