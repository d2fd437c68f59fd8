"""What an update takes: the truth table."""

from __future__ import annotations

from typing import Any, cast

import pytest

from control_plane.domain.changes import NEEDS, Need, find_changes
from control_plane.domain.defaults import fill
from control_plane.domain.environment import EnvironmentSpec
from control_plane.domain.model import CREATE_MEMBERS

N = Need
SPEC: dict[str, Any] = {
    **fill(
        {
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/x",
            "SourceBucketArn": "arn:aws:s3:::code",
            "DagS3Path": "dags",
            "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
            "RequirementsS3Path": "requirements.txt",
            "AirflowVersion": "2.10.3",
        }
    )
}


def after(**members: Any) -> EnvironmentSpec:
    changed = {key: value for key, value in {**SPEC, **members}.items() if value is not None}
    return cast(EnvironmentSpec, changed)


BEFORE = after()


@pytest.mark.parametrize(
    ("members", "needs"),
    [
        ({}, set()),
        ({"Tags": {"a": "b"}, "WeeklyMaintenanceWindowStart": "MON:03:00"}, set()),
        ({"ExecutionRoleArn": "arn:aws:iam::123456789012:role/y", "Schedulers": 3}, set()),
        ({"MinWebservers": 1, "MaxWebservers": 5, "WebserverAccessMode": "PUBLIC_ONLY"}, set()),
        ({"MaxWorkers": 20}, {N.SPEC, N.WORKERS}),
        ({"EnvironmentClass": "mw1.large"}, {N.SPEC, N.WORKERS, N.LIMITS}),
        ({"LoggingConfiguration": {}}, {N.SPEC}),
        ({"AirflowConfigurationOptions": {"core.default_task_retries": "3"}}, {N.SPEC}),
        ({"AirflowConfigurationOptions": {"core.parallelism": "3"}}, {N.SPEC, N.WORKERS}),
        ({"DagS3Path": "other"}, {N.SPEC, N.BUCKET, N.ENGINE}),
        ({"RequirementsS3ObjectVersion": "v2"}, {N.SPEC, N.INTERPRETER}),
        ({"RequirementsS3Path": None}, {N.SPEC, N.INTERPRETER}),
        ({"PluginsS3Path": "plugins.zip"}, {N.SPEC, N.PLUGINS}),
        ({"StartupScriptS3Path": "start.sh"}, {N.SPEC, N.STARTUP}),
        ({"AirflowVersion": "2.11.2"}, {N.SPEC, N.SNAPSHOT, N.ENGINE}),
        ({"AirflowVersion": "2.11.2", "MaxWorkers": 3}, {N.SPEC, N.SNAPSHOT, N.ENGINE, N.WORKERS}),
    ],
)
def test_needs_are_what_the_table_says_when_members_change(members: dict[str, Any], needs: set[Need]) -> None:
    changes = find_changes(BEFORE, after(**members))
    assert changes.needs == needs
    assert changes.is_row_only == (not needs)


def test_every_member_of_the_model_is_in_the_table() -> None:
    assert set(NEEDS) == set(CREATE_MEMBERS) - {"Name"}


@pytest.mark.parametrize(
    ("members", "ends"),
    [
        ({"Tags": {"a": "b"}}, False),
        ({"MinWorkers": 2, "MaxWorkers": 3}, False),
        ({"LoggingConfiguration": {}}, False),
        ({"EnvironmentClass": "mw1.large"}, True),
        ({"RequirementsS3Path": "other.txt"}, True),
        ({"AirflowConfigurationOptions": {"core.default_task_retries": "3"}}, True),
        ({"AirflowVersion": "2.11.2"}, True),
    ],
)
def test_only_forced_ends_tasks_and_only_for_what_they_run_with(members: dict[str, Any], ends: bool) -> None:
    changes = find_changes(BEFORE, after(**members))
    assert changes.ends_tasks("FORCED") is ends
    assert changes.ends_tasks("GRACEFUL") is False


def test_words_name_what_differs_and_what_is_done_in_order() -> None:
    changes = find_changes(
        BEFORE, after(AirflowVersion="2.11.2", AirflowConfigurationOptions={"core.parallelism": "9"})
    )
    assert changes.describe() == (
        "AirflowVersion, core.parallelism: copy the metadata, tell engine and agent, scale the workers, "
        "replace the engine; tasks live on"
    )
    assert find_changes(BEFORE, after(Tags={"a": "b"})).describe() == "Tags: nothing to be done"
    assert find_changes(BEFORE, BEFORE).describe() == "nothing differs"
