"""Our side: the real service started as a person starts it, spoken to with boto3 and nothing else of ours."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.benchmarks import nursery
from tests.benchmarks.side import wait_for

ROOT = Path(__file__).resolve().parents[2]
MAIN = [sys.executable, "-m", "control_plane.main"]
BUCKET = "bench"
OPTIONS = {
    "core.parallelism": "2000",
    "core.max_active_tasks_per_dag": "100000",
    "celery.worker_autoscale": "200,200",
}
ROLE = "arn:aws:iam::123456789012:role/bench"
NETWORK = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
QUICKLY = Config(retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32)


@dataclass(slots=True)
class Service:
    """A running `aerodrome up` on a home of its own."""

    home: Path
    processes: list[subprocess.Popen[bytes]]
    """The nurseries of each start; the last one holds the living control plane."""
    access: dict[str, str]
    s3: Any
    mwaa: Any

    def status(self) -> dict[str, Any]:
        """What `aerodrome status --format json` says."""
        return dict(_command(self.home, "status"))

    def pids(self, *roles: str) -> list[int]:
        """The living processes of these roles, in order of their numbers."""
        return sorted(entry["pid"] for entry in self.status()["processes"] if entry["role"] in roles)

    def restart(self) -> None:
        """Start `aerodrome up` again on the same home, after its control plane was killed."""
        self.processes.append(_start(self.home))
        self.access, self.s3, self.mwaa = _clients(self.home)


@dataclass(slots=True)
class Aerodrome:
    """One environment of a service, as a side. Every task is forked for itself: isolation class A."""

    service: Service
    environment: str
    prefix: str
    name: str = "aerodrome"
    isolation: str = "A"
    durability: str = "SQLite WAL, synchronous=FULL"
    options: dict[str, str] = field(default_factory=lambda: dict(OPTIONS))

    def put(self, key: str, text: str) -> None:
        self.service.s3.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{key}", Body=text.encode())

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        bare, _, query = path.partition("?")
        request: dict[str, Any] = {"Name": self.environment, "Method": method, "Path": bare}
        if query:
            request["QueryParameters"] = urllib.parse.parse_qs(query)
        if body is not None:
            request["Body"] = dict(body)
        try:
            answer = self.service.mwaa.invoke_rest_api(**request)
        except ClientError as error:
            if "RestApiStatusCode" not in error.response:
                raise
            answer = error.response
        return int(answer["RestApiStatusCode"]), answer.get("RestApiResponse")

    def create(self) -> None:
        """Ask for the environment; `wait_available` waits for it."""
        self.service.mwaa.create_environment(
            Name=self.environment,
            ExecutionRoleArn=ROLE,
            SourceBucketArn=f"arn:aws:s3:::{BUCKET}",
            DagS3Path=self.prefix,
            NetworkConfiguration=NETWORK,
            AirflowConfigurationOptions=self.options,
        )

    def wait_available(self, deadline: float = 120.0) -> None:
        wait_for(f"environment {self.environment} AVAILABLE", self._is_available, deadline, every=0.02)

    def _is_available(self) -> bool:
        found = self.service.mwaa.get_environment(Name=self.environment)["Environment"]
        if found["Status"] == "CREATE_FAILED":
            raise RuntimeError(f"environment {self.environment} failed: {found.get('LastUpdate')}")
        return bool(found["Status"] == "AVAILABLE")


@contextlib.contextmanager
def running(home: Path) -> Iterator[Service]:
    """The service on a fresh home, with a bucket; stopped and checked to be gone on the way out."""
    home.mkdir(parents=True)
    service = Service(home, [_start(home)], {}, None, None)
    try:
        service.access, service.s3, service.mwaa = _clients(home)
        service.s3.create_bucket(Bucket=BUCKET)
        service.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield service
    finally:
        service.processes[-1].terminate()
        down = [*MAIN, "down", "--home", str(home)]
        try:
            service.processes[-1].wait(60)
        finally:
            subprocess.run(down, env=_environment(), check=False, cwd=ROOT, capture_output=True)
            for process in service.processes:
                process.wait(60)


@contextlib.contextmanager
def environment(home: Path, name: str = "bench") -> Iterator[Aerodrome]:
    """A fresh service with one AVAILABLE environment."""
    with running(home) as service:
        side = Aerodrome(service, name, f"{name}/dags")
        side.create()
        side.wait_available()
        yield side


def _start(home: Path) -> subprocess.Popen[bytes]:
    """`aerodrome up` on free ports; its first line means ready. Its output goes on into a file."""
    ports = [part for option in ("--port", "--tls-port", "--s3-port") for part in (option, "0")]
    log = home / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*nursery.COMMAND, *MAIN, "up", "--home", str(home), *ports],
            env=_environment(),
            stdout=output,
            stderr=output,
            cwd=ROOT,
        )

    def ready() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"`aerodrome up` ended with {process.returncode}: {log.read_text()[-2000:]}")
        return b"ready" in log.read_bytes()

    wait_for("`aerodrome up` ready", ready, 120.0)
    return process


def _clients(home: Path) -> tuple[dict[str, str], Any, Any]:
    access = _command(home, "env")
    key = {"aws_access_key_id": access["AWS_ACCESS_KEY_ID"]}
    key |= {
        "aws_secret_access_key": access["AWS_SECRET_ACCESS_KEY"],
        "region_name": access["AWS_DEFAULT_REGION"],
    }
    session = boto3.Session(**key)
    quickly = QUICKLY.merge(Config(inject_host_prefix=False))
    s3 = session.client("s3", endpoint_url=access["AWS_ENDPOINT_URL_S3"], config=QUICKLY)
    return access, s3, session.client("mwaa", endpoint_url=access["AWS_ENDPOINT_URL_MWAA"], config=quickly)


def _command(home: Path, name: str) -> Any:
    command = [*MAIN, name, "--home", str(home), "--format", "json"]
    answer = subprocess.run(command, env=_environment(), check=True, capture_output=True, cwd=ROOT)
    return json.loads(answer.stdout)


def _environment() -> dict[str, str]:
    """Ours without what would make every process start slowly."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
