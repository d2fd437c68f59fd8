"""The inputs of the operations as the MWAA model has them; a test compares this table with botocore's."""

from __future__ import annotations

from control_plane.domain.shapes import (
    TAG_PATTERN,
    Document,
    Flag,
    ListOf,
    MapOf,
    Number,
    Real,
    Shape,
    Structure,
    Text,
)

_UUID = "[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"
_KMS = r"(arn:aws(-[a-z]+)?:kms:[a-z]{2}-[a-z]+-\d:\d+:)?"

NAME = Text(1, 80, "[a-zA-Z][0-9a-zA-Z-_]*")
ROLE_ARN = Text(1, 1224, r"arn:aws(-[a-z]+)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")
BUCKET_ARN = Text(1, 1224, r"arn:aws(-[a-z]+)?:s3:::[a-z0-9.\-]+")
KMS_KEY = Text(1, 1224, rf"(({_KMS}key\/)?{_UUID}|{_KMS}alias/.+)")
PATH = Text(0, 1024, ".*")
OBJECT_VERSION = Text(0, 1024)
AT_LEAST_ONE = Number(1)
TAG_KEY = Text(1, 128, TAG_PATTERN)
TAGS = MapOf(TAG_KEY, Text(1, 256, TAG_PATTERN), 1, 50)
CONFIGURATION = MapOf(Text(1, 64, "[a-z]+([a-z0-9._]*[a-z0-9_]+)?"), Text(1, 65536, "[ -~]+", sensitive=True))
LOG_MODULE = Structure(
    {"Enabled": Flag(), "LogLevel": Text(choices=("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"))},
    frozenset({"Enabled", "LogLevel"}),
)
LOGGING = Structure(
    {
        "DagProcessingLogs": LOG_MODULE,
        "SchedulerLogs": LOG_MODULE,
        "WebserverLogs": LOG_MODULE,
        "WorkerLogs": LOG_MODULE,
        "TaskLogs": LOG_MODULE,
    }
)
NETWORK = Structure(
    {
        "SubnetIds": ListOf(Text(1, 1024, r"subnet-[a-zA-Z0-9\-._]+"), 2, 2),
        "SecurityGroupIds": ListOf(Text(1, 1024, r"sg-[a-zA-Z0-9\-._]+"), 1, 5),
    }
)
IDENTITY_CENTER = Structure(
    {
        "StartUrl": Text(1, 512, "https://.+"),
        "IdentityStoreId": Text(
            1, 36, ".*d-[0-9a-f]{10}$|^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}.*"
        ),
    }
)
TEAM = Structure(
    {"SourceBucketArn": BUCKET_ARN, "DagS3Path": PATH}, frozenset({"SourceBucketArn", "DagS3Path"})
)
_SIZES = tuple(
    f"{scale}{what}" for what in ("bytes", "bits") for scale in ("", "Kilo", "Mega", "Giga", "Tera")
)
_AMOUNTS = tuple(size.capitalize() for size in _SIZES)
UNITS = (
    *("Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"),
    *_AMOUNTS,
    *(f"{amount}/Second" for amount in _AMOUNTS),
)
TEAM_NAME = Text(3, 50, "[a-zA-Z0-9][a-zA-Z0-9_-]*")
TEAMS = MapOf(TEAM_NAME, TEAM, 1, 20)

CREATE_MEMBERS: dict[str, Shape] = {
    "Name": NAME,
    "ExecutionRoleArn": ROLE_ARN,
    "SourceBucketArn": BUCKET_ARN,
    "DagS3Path": PATH,
    "NetworkConfiguration": NETWORK,
    "PluginsS3Path": PATH,
    "PluginsS3ObjectVersion": OBJECT_VERSION,
    "RequirementsS3Path": PATH,
    "RequirementsS3ObjectVersion": OBJECT_VERSION,
    "StartupScriptS3Path": PATH,
    "StartupScriptS3ObjectVersion": OBJECT_VERSION,
    "AirflowConfigurationOptions": CONFIGURATION,
    "EnvironmentClass": Text(1, 1024),
    "MaxWorkers": AT_LEAST_ONE,
    "KmsKey": KMS_KEY,
    "AirflowVersion": Text(1, 32, "[0-9a-z.]+"),
    "LoggingConfiguration": LOGGING,
    "WeeklyMaintenanceWindowStart": Text(1, 9, r".*(MON|TUE|WED|THU|FRI|SAT|SUN):([01]\d|2[0-3]):(00|30).*"),
    "Tags": TAGS,
    "WebserverAccessMode": Text(choices=("PRIVATE_ONLY", "PUBLIC_ONLY", "PUBLIC_AND_PRIVATE")),
    "MinWorkers": AT_LEAST_ONE,
    "Schedulers": Number(max=5),
    "EndpointManagement": Text(choices=("CUSTOMER", "SERVICE")),
    "MinWebservers": AT_LEAST_ONE,
    "MaxWebservers": AT_LEAST_ONE,
    "IdentityCenterConfiguration": IDENTITY_CENTER,
    "Teams": TEAMS,
}

CREATE = Structure(
    CREATE_MEMBERS,
    frozenset({"Name", "ExecutionRoleArn", "SourceBucketArn", "DagS3Path", "NetworkConfiguration"}),
)

_AT_CREATION = ("KmsKey", "Tags", "EndpointManagement", "Teams", "NetworkConfiguration")
UPDATE_MEMBERS: dict[str, Shape] = {
    **{name: shape for name, shape in CREATE_MEMBERS.items() if name not in _AT_CREATION},
    "WorkerReplacementStrategy": Text(choices=("FORCED", "GRACEFUL")),
    "NetworkConfiguration": Structure(
        {"SecurityGroupIds": NETWORK.members["SecurityGroupIds"]}, frozenset({"SecurityGroupIds"})
    ),
    "Teams": Structure({"AddOrUpdate": TEAMS, "Remove": ListOf(TEAM_NAME, 1, 20)}),
}
UPDATE = Structure(UPDATE_MEMBERS, frozenset({"Name"}))
NAMED = Structure({"Name": NAME}, frozenset({"Name"}))
"""Get and Delete."""
PAUSE = Structure(
    {"Name": NAME, "WorkerReplacementStrategy": Text(choices=("FORCED", "GRACEFUL"))}, frozenset({"Name"})
)
"""Ours, as the next two: AWS pauses nothing."""
_PASSPHRASE = Text(8, 1024, sensitive=True)
EXPORT = Structure({"Name": NAME, "Key": Text(1, 1024), "Passphrase": _PASSPHRASE}, frozenset({"Name"}))
IMPORT = Structure(
    {"Name": NAME, "Location": Text(6, 2048, "s3://[a-z0-9.-]+/.+"), "Passphrase": _PASSPHRASE},
    frozenset({"Name", "Location"}),
)
LIST = Structure({"NextToken": Text(0, 2048), "MaxResults": Number(1, 25)})
RESOURCE_ARN = Text(1, 1224, r"arn:aws(-[a-z]+)?:airflow:[a-z0-9\-]+:\d{12}:environment/\w+.*")
TAGGED = Structure({"ResourceArn": RESOURCE_ARN}, frozenset({"ResourceArn"}))
"""ListTagsForResource."""
TAG = Structure({"ResourceArn": RESOURCE_ARN, "Tags": TAGS}, frozenset({"ResourceArn", "Tags"}))
UNTAG = Structure(
    {"ResourceArn": RESOURCE_ARN, "tagKeys": ListOf(TAG_KEY, 0, 50)}, frozenset({"ResourceArn", "tagKeys"})
)
_DATUM = Structure(
    {
        "MetricName": Text(),
        "Timestamp": Real("timestamp"),
        "Dimensions": ListOf(Structure({"Name": Text(), "Value": Text()}, frozenset({"Name", "Value"}))),
        "Value": Real(),
        "Unit": Text(choices=UNITS),
        "StatisticValues": Structure(
            {"SampleCount": Number(), "Sum": Real(), "Minimum": Real(), "Maximum": Real()}
        ),
    },
    frozenset({"MetricName", "Timestamp"}),
)
PUBLISH = Structure(
    {"EnvironmentName": NAME, "MetricData": ListOf(_DATUM)}, frozenset({"EnvironmentName", "MetricData"})
)
INVOKE = Structure(
    {
        "Name": NAME,
        "Path": Text(
            1, 2048
        ),  # the model says 64, which a default run id nearly fills; clients send longer ones
        "Method": Text(choices=("GET", "PUT", "POST", "PATCH", "DELETE")),
        "QueryParameters": Document(),
        "Body": Document(),
    },
    frozenset({"Name", "Path", "Method"}),
)
