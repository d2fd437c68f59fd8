"""boto3: every operation that the service has, in the order in which a customer would use them."""

import json
import sys
import time

import boto3

name, bucket, operations = sys.argv[1], sys.argv[2], set(sys.argv[3].split(","))
mwaa = boto3.client("mwaa")


def find():
    return mwaa.get_environment(Name=name)["Environment"]


def wait(*statuses):
    deadline = time.monotonic() + 60
    while (found := find())["Status"] not in statuses:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


made = mwaa.create_environment(
    Name=name,
    SourceBucketArn=f"arn:aws:s3:::{bucket}",
    DagS3Path="dags",
    ExecutionRoleArn="arn:aws:iam::123456789012:role/x",
    NetworkConfiguration={"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
    Tags={"team": "a"},
)
assert wait("AVAILABLE", "CREATE_FAILED")["Status"] == "AVAILABLE", find()
assert name in [
    each for page in mwaa.get_paginator("list_environments").paginate() for each in page["Environments"]
]
assert mwaa.create_cli_token(Name=name).keys() >= {"CliToken", "WebServerHostname"}
assert mwaa.create_web_login_token(Name=name)["IamIdentity"] == "user/admin"
assert mwaa.invoke_rest_api(Name=name, Path="/dags", Method="GET")["RestApiStatusCode"] == 200
if "TagResource" in operations:
    mwaa.tag_resource(ResourceArn=made["Arn"], Tags={"b c": "d"})
    assert mwaa.list_tags_for_resource(ResourceArn=made["Arn"])["Tags"] == {"team": "a", "b c": "d"}
    mwaa.untag_resource(ResourceArn=made["Arn"], tagKeys=["team", "b c"])
    assert mwaa.list_tags_for_resource(ResourceArn=made["Arn"])["Tags"] == {}
if "PublishMetrics" in operations:
    point = {"MetricName": "m", "Timestamp": time.time(), "Value": 1.0, "Unit": "Count"}
    mwaa.publish_metrics(EnvironmentName=name, MetricData=[point])
if "UpdateEnvironment" in operations:
    mwaa.update_environment(Name=name, WeeklyMaintenanceWindowStart="MON:01:30")
    assert wait("AVAILABLE", "UPDATE_FAILED")["Status"] == "AVAILABLE", find()
    assert find()["WeeklyMaintenanceWindowStart"] == "MON:01:30"
mwaa.delete_environment(Name=name)
deadline = time.monotonic() + 30
while name in mwaa.list_environments()["Environments"]:
    assert time.monotonic() < deadline
    time.sleep(0.1)
print(json.dumps({"operations": sorted(operations)}))
