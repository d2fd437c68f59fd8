"""What a customer does with a running service, for tests: buckets, environments, DAGs, runs and logs, by boto3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.running import RunningService, until

BUCKET = "code"


class Customer:
    """One environment of a service, and the bucket with its DAG files and logs."""

    def __init__(self, service: RunningService, name: str) -> None:
        self.service = service
        self.name = name
        self.mwaa = service.client("mwaa")
        self.s3 = service.client("s3")

    # ---- the environment

    def create(self, folder: str = "dags", role: str = "x", **more: Any) -> None:
        """Create the environment over a folder of the bucket; come back when it is AVAILABLE."""
        self.mwaa.create_environment(
            Name=self.name,
            SourceBucketArn=f"arn:aws:s3:::{BUCKET}",
            DagS3Path=folder,
            ExecutionRoleArn=f"arn:aws:iam::123456789012:role/{role}",
            NetworkConfiguration={"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
            **more,
        )
        until(lambda: self._find()["Status"] != "CREATING", 240, f"{self.name} is created")
        found = self._find()
        assert found["Status"] == "AVAILABLE", found["LastUpdate"]

    def delete(self) -> None:
        """Delete the environment; come back when it is gone."""
        self.mwaa.delete_environment(Name=self.name)
        until(lambda: self.name not in self.mwaa.list_environments()["Environments"], 30, "it is deleted")

    def home(self) -> Path:
        return self.service.home / "cells" / self.name

    def pid(self, role: str) -> int:
        """The process of a role in this environment."""
        entries = self.service.status()["processes"]
        (found,) = [e["pid"] for e in entries if (e["role"], e["environment"]) == (role, self.name)]
        return int(found)

    def _find(self) -> dict[str, Any]:
        found: dict[str, Any] = self.mwaa.get_environment(Name=self.name)["Environment"]
        return found

    # ---- its REST API

    def rest(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        extra: dict[str, Any] = {} if body is None else {"Body": body}
        if query:
            extra["QueryParameters"] = query
        answer = self.mwaa.invoke_rest_api(Name=self.name, Path=path, Method=method, **extra)
        return answer["RestApiResponse"]

    def dags(self) -> set[str]:
        return {dag["dag_id"] for dag in self.rest("GET", "/dags", limit=100)["dags"]}

    def import_errors(self) -> dict[str, str]:
        found = self.rest("GET", "/importErrors", limit=100)["import_errors"]
        return {entry["filename"]: entry["stack_trace"] for entry in found}

    def wait_for_dags(self, *names: str) -> None:
        def is_there() -> bool:
            broken = self.import_errors()
            assert not {name for name in broken if "://" not in name}, broken
            return set(names) <= self.dags()

        until(is_there, 30, f"{names} are parsed")

    def unpause(self, dag_id: str) -> None:
        self.rest("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, run_id: str) -> None:
        body = {"logical_date": None, "dag_run_id": run_id, "conf": {}}
        self.rest("POST", f"/dags/{dag_id}/dagRuns", body)

    def runs(self, dag_id: str, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.rest("GET", f"/dags/{dag_id}/dagRuns", **query)["dag_runs"]
        return found

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        found = self.rest("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def state(self, dag_id: str, run_id: str) -> str:
        return str(self.rest("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def wait_for_run(self, dag_id: str, run_id: str, state: str = "success") -> None:
        until(lambda: self.state(dag_id, run_id) in ("success", "failed"), 60, f"{dag_id} {run_id} ends")
        assert self.state(dag_id, run_id) == state, self.tasks(dag_id, run_id)

    def read_events(self, dag_id: str, run_id: str, task_id: str, number: int = 1) -> list[dict[str, Any]]:
        """A log as the REST API gives it."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{number}"
        found: list[dict[str, Any]] = self.rest("GET", path, full_content=True)["content"]
        return found

    # ---- the bucket

    def upload(self, key: str, text: str | bytes) -> None:
        body = text.encode() if isinstance(text, str) else text
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def keys(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read_parts(self, path: str) -> bytes:
        """What lies under `logs/<environment>/<path>`, in the order of the keys."""
        found = self.keys(f"logs/{self.name}/{path}")
        return b"".join(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in found)

    def read_log(self, dag_id: str, run_id: str, task_id: str, number: int = 1) -> list[dict[str, Any]]:
        """An attempt's log in S3, as its lines."""
        run = run_id.replace(":", "_")
        path = f"dag_id={dag_id}/run_id={run}/task_id={task_id}/attempt={number}/"
        return [json.loads(line) for line in self.read_parts(path).splitlines()]

    def wait_for_end(self, dag_id: str, run_id: str, task_id: str, number: int = 1) -> dict[str, Any]:
        """The last line of an attempt's log in S3, once it is there: the reason of its end."""

        def find_end() -> dict[str, Any] | None:
            lines = self.read_log(dag_id, run_id, task_id, number)
            return lines[-1] if lines and lines[-1]["event"] in ("Task finished", "Task failed") else None

        found = until(find_end, 20, f"the log of {dag_id} {run_id} {task_id} ends in S3")
        assert found is not None
        return found
