"""What a customer does, with plain boto3: buckets, objects, environments, REST through InvokeRestApi."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from control_plane.commands.demo import DemoFailed
from control_plane.commands.options import Access, Endpoints

BUCKET, ENVIRONMENT, FOLDER = "aerodrome-demo", "demo", "dags"
ERRORS = (BotoCoreError, ClientError)


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task of a run, as the REST API shows it."""

    dag_id: str
    run_id: str
    task_id: str
    state: str
    try_number: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run the demo triggered."""

    dag_id: str
    run_id: str


class Customer:
    """A customer of the service: an access key and two endpoints."""

    def __init__(self, endpoints: Endpoints, access: Access) -> None:
        keys: dict[str, Any] = {
            "aws_access_key_id": access.access_key_id,
            "aws_secret_access_key": access.secret_access_key,
            "region_name": endpoints.region,
        }
        retries: Any = {"total_max_attempts": 2}
        plain = Config(inject_host_prefix=False, retries=retries, connect_timeout=5, read_timeout=30)
        self._mwaa = boto3.client("mwaa", endpoint_url=endpoints.url, config=plain, **keys)
        self._s3 = boto3.client("s3", endpoint_url=endpoints.s3_url, config=plain, **keys)

    def make_bucket(self) -> None:
        """The bucket, unless it is there."""
        self._s3.create_bucket(Bucket=BUCKET)

    def upload(self, files: list[Path]) -> None:
        """DAG files into the bucket's folder."""
        for file in files:
            self._s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}/{file.name}", Body=file.read_bytes())

    def find_status(self) -> tuple[str, str] | None:
        """The environment's status and its last error; None when there is none."""
        try:
            found = self._mwaa.get_environment(Name=ENVIRONMENT)["Environment"]
        except self._mwaa.exceptions.ResourceNotFoundException:
            return None
        return found["Status"], found["LastUpdate"].get("Error", {}).get("ErrorMessage", "")

    def delete_environment(self) -> None:
        self._mwaa.delete_environment(Name=ENVIRONMENT)

    def create_environment(self) -> None:
        """As a customer of MWAA would; networks and roles are recorded, nothing more."""
        self._mwaa.create_environment(
            Name=ENVIRONMENT,
            SourceBucketArn=f"arn:aws:s3:::{BUCKET}",
            DagS3Path=FOLDER,
            ExecutionRoleArn="arn:aws:iam::123456789012:role/demo",
            NetworkConfiguration={"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
        )

    def rest(
        self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any
    ) -> dict[str, Any]:
        """One call of the environment's REST API. Raises DemoFailed with the API's own words."""
        extra: dict[str, Any] = {"Body": body} if body is not None else {}
        if query:
            extra["QueryParameters"] = query
        try:
            answer = self._mwaa.invoke_rest_api(Name=ENVIRONMENT, Path=path, Method=method, **extra)
        except ClientError as error:
            said = error.response.get("RestApiResponse") or error
            raise DemoFailed(f"{method} {path} was refused: {said}") from None
        result: dict[str, Any] = answer["RestApiResponse"]
        return result

    def list_dags(self) -> list[str]:
        return sorted(dag["dag_id"] for dag in self.rest("GET", "/dags")["dags"])

    def list_import_errors(self) -> list[str]:
        """What is wrong with DAG files, as their author should read it."""
        found = self.rest("GET", "/importErrors")["import_errors"]
        return [f"{entry['filename']}: {entry['stack_trace'].strip().splitlines()[-1]}" for entry in found]

    def start(self, dag_id: str) -> Run:
        """Unpause and trigger."""
        self.rest("PATCH", f"/dags/{dag_id}", {"is_paused": False})
        now = dt.datetime.now(dt.UTC).isoformat()
        run = self.rest("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": now, "conf": {}})
        return Run(dag_id, run["dag_run_id"])

    def run_state(self, run: Run) -> str:
        return str(self.rest("GET", f"/dags/{run.dag_id}/dagRuns/{run.run_id}")["state"])

    def list_tasks(self, run: Run) -> list[TaskView]:
        found = self.rest("GET", f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances")["task_instances"]
        return [
            TaskView(
                run.dag_id,
                run.run_id,
                task["task_id"],
                task["state"] or "none",
                task.get("try_number") or 0,
                task.get("duration"),
            )
            for task in found
        ]

    def read_log(self, task: TaskView) -> tuple[str, str]:
        """The key prefix of a task's last attempt in S3 and what it says, the parts put together."""
        prefix = f"logs/{ENVIRONMENT}/dag_id={task.dag_id}/"
        found = self._s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        part = f"/task_id={task.task_id}/"
        keys = sorted(entry["Key"] for entry in found if part in entry["Key"])
        if not keys:
            return prefix, ""
        attempt = keys[-1].rpartition("/")[0]
        bodies = (
            self._s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            for key in keys
            if key.rpartition("/")[0] == attempt
        )
        return attempt, b"".join(bodies).decode(errors="replace")
