"""Environments over the public API, with plain boto3: what the commands ask, and how they wait."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from control_plane.commands.options import Endpoints, get_access, get_endpoints, read_settings

_LOOK_SECONDS, _LONGEST_LOOK = 0.25, 2.0
DONE = frozenset({"AVAILABLE", "CREATE_FAILED", "UPDATE_FAILED", "UNAVAILABLE", "PENDING", "DELETED"})
"""Nothing happens by itself any more."""
GONE = "gone"
NETWORK = {"SubnetIds": ["subnet-none-1", "subnet-none-2"], "SecurityGroupIds": ["sg-none"]}
"""The API asks for one; nothing is done with it."""


@dataclass(frozen=True, slots=True)
class Look:
    """An environment at a moment, for someone who waits."""

    seconds: float
    status: str
    step: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Clients:
    """The service of a home and its S3, for whoever may read the home."""

    mwaa: Any
    s3: Any
    account: str
    endpoints: Endpoints

    def find(self, name: str) -> dict[str, Any] | None:
        """The environment, as the API shows it."""
        try:
            found: dict[str, Any] = self.mwaa.get_environment(Name=name)["Environment"]
        except self.mwaa.exceptions.ResourceNotFoundException:
            return None
        return found

    def ensure_bucket(self, bucket: str) -> bool:
        """Make the bucket unless it is there; whether it was made."""
        try:
            self.s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
        else:
            return False
        region = self.endpoints.region
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self.s3.create_bucket(Bucket=bucket, **where)
        return True

    def watch(self, name: str, timeout: float) -> Iterator[Look]:
        """Every change of status or step, until nothing more happens by itself. Raises TimeoutError."""
        began, pause, last = time.monotonic(), threading.Event(), ("", "")
        while True:
            found, seconds = self.find(name), time.monotonic() - began
            if found is None:
                yield Look(seconds, GONE)
                return
            update = found.get("LastUpdate", {})
            now = (found["Status"], update.get("Source", "") if update.get("Status") == "PENDING" else "")
            if now != last:
                yield Look(seconds, *now, error=update.get("Error", {}).get("ErrorMessage", ""))
            if now[0] in DONE:
                return
            if seconds > timeout:
                raise TimeoutError
            last = now
            pause.wait(min(_LONGEST_LOOK, _LOOK_SECONDS + seconds / 20))


def open_clients(home: str | None) -> Clients:
    """Clients for the service of a home; S3 with the shell's own keys when it has some."""
    paths = read_settings(home=home).paths
    endpoints, access = get_endpoints(paths), get_access(paths)
    keys: dict[str, Any] = {
        "aws_access_key_id": access.access_key_id,
        "aws_secret_access_key": access.secret_access_key,
    }
    retries: Any = {"total_max_attempts": 3}
    settings = Config(inject_host_prefix=False, retries=retries, connect_timeout=5, read_timeout=30)
    common: dict[str, Any] = {"region_name": endpoints.region, "config": settings}
    own = "AWS_ACCESS_KEY_ID" in os.environ or "AWS_PROFILE" in os.environ
    sts = boto3.client("sts", endpoint_url=endpoints.url, **common, **keys)
    return Clients(
        boto3.client("mwaa", endpoint_url=endpoints.url, **common, **keys),
        boto3.client("s3", endpoint_url=endpoints.s3_url, **common, **({} if own else keys)),
        sts.get_caller_identity()["Account"],
        endpoints,
    )
