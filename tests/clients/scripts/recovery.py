"""The calls of mwaa-disaster-recovery: http.client with the whole URL in the request line, literal_eval of the
answer, and a new environment out of the saved answer of GetEnvironment."""

import ast
import base64
import http.client
import json
import sys

import boto3

name, copy = sys.argv[1:3]
mwaa = boto3.client("mwaa")
token = mwaa.create_cli_token(Name=name)


def command(line):
    host = token["WebServerHostname"]
    connection = http.client.HTTPSConnection(host)
    headers = {"Authorization": f"Bearer {token['CliToken']}", "Content-Type": "text/plain"}
    connection.request("POST", f"https://{host}/aws_mwaa/cli", line, headers)
    answer = ast.literal_eval(connection.getresponse().read().decode())
    assert answer.keys() == {"stdout", "stderr"}
    return base64.b64decode(answer["stdout"]).decode()


assert "paused: False" in command("dags unpause quick")
assert '"external_trigger": "True"' in command(
    "dags trigger -o json quick --conf '" + json.dumps({"a": "b c"}) + "'"
)
saved = json.loads(json.dumps(mwaa.get_environment(Name=name), default=str))["Environment"]
kept = (
    "AirflowConfigurationOptions AirflowVersion DagS3Path EndpointManagement EnvironmentClass KmsKey MaxWorkers "
    "MinWorkers PluginsS3ObjectVersion PluginsS3Path RequirementsS3ObjectVersion RequirementsS3Path Schedulers "
    "StartupScriptS3ObjectVersion StartupScriptS3Path WebserverAccessMode WeeklyMaintenanceWindowStart"
)
again = {key: saved[key] for key in kept.split() if key in saved}
again["LoggingConfiguration"] = {
    module: {"Enabled": found.get("Enabled") or False, "LogLevel": found.get("LogLevel")}
    for module, found in saved["LoggingConfiguration"].items()
}
if len(saved["Tags"]) > 0:
    again["Tags"] = saved["Tags"]
mwaa.create_environment(
    Name=copy,
    SourceBucketArn=saved["SourceBucketArn"],
    ExecutionRoleArn=saved["ExecutionRoleArn"],
    NetworkConfiguration=saved["NetworkConfiguration"],
    **again,
)
