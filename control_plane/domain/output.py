"""An environment as GetEnvironment shows it."""

from __future__ import annotations

from typing import Any

from control_plane.domain.environment import LOG_GROUPS, Environment


def to_output(environment: Environment) -> dict[str, Any]:
    """The `Environment` member of the answer: every member the model has and the environment can have.

    What the owner never gave (a key, a plugins file, teams) is left out, as AWS leaves it out: an empty
    string there would be an input that older clients refuse.
    """
    region, account = environment.arn.split(":")[3:5]
    return {
        **environment.spec,
        "Name": environment.name,
        "Arn": environment.arn,
        "Status": environment.status.value,
        "CreatedAt": environment.created_at,
        "WebserverUrl": environment.webserver_url,
        "LastUpdate": environment.last_update.to_json(),
        "LoggingConfiguration": _logging(environment, region, account),
        **_service_side(environment.uid, region, account),
    }


def _logging(environment: Environment, region: str, account: str) -> dict[str, Any]:
    prefix = f"arn:aws:logs:{region}:{account}:log-group:airflow-{environment.name}"
    return {
        module: {
            **environment.spec["LoggingConfiguration"][module],
            "CloudWatchLogGroupArn": f"{prefix}-{group}:*",
        }
        for module, group in LOG_GROUPS.items()
    }


def _service_side(uid: str, region: str, account: str) -> dict[str, str]:
    """Names of things AWS would own; inventories expect them to be there and to be well formed."""
    role = "aws-service-role/airflow.amazonaws.com/AWSServiceRoleForAmazonMWAA"
    endpoint = f"com.amazonaws.vpce.{region}.vpce-svc-0{{}}{uid[:15]}"
    return {
        "ServiceRoleArn": f"arn:aws:iam::{account}:role/{role}",
        "CeleryExecutorQueue": f"arn:aws:sqs:{region}:{account}:airflow-celery-{uid}",
        "WebserverVpcEndpointService": endpoint.format("a"),
        "DatabaseVpcEndpointService": endpoint.format("b"),
    }
