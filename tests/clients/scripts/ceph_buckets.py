"""A pytest plugin for Ceph's S3 suite: its buckets may be public, as they were when its tests were written.

New buckets of ours, and of AWS since 2023, block public policies until that is lifted.
"""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from s3tests.functional import get_client  # type: ignore[import-not-found]


@pytest.fixture(autouse=True, scope="session")
def _lifts_blocks() -> None:
    boto3.setup_default_session()
    boto3.DEFAULT_SESSION.events.register("after-call.s3.CreateBucket", _lift)


def _lift(parsed: dict[str, Any], **_: Any) -> None:
    if parsed["ResponseMetadata"]["HTTPStatusCode"] == 200:
        get_client().delete_public_access_block(Bucket=parsed["Location"].strip("/"))
