"""The embedded store beside moto, which is right about S3 but where DEVIATIONS says why it is not."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.fakes.own_s3 import running_own_s3
from tests.fakes.s3_server import running_s3
from tests.http.s3_checks import all_checks, code_of

DEVIATIONS = {
    r"key newline: .*": "moto's routes know no line break in a path",
    r"key of 1025 bytes": "moto accepts keys of any length; S3's limit is 1,024 bytes",
    r"range lines=1-2": "moto reads any unit as bytes; S3 ignores what is no range of bytes",
    r"(get|head)_object if-match star": "moto compares * as an ETag",
    r"(get|head)_object match and unmodified": "RFC 9110 and S3: an If-Match that holds hides If-Unmodified-Since",
    r"list_objects prefix='a?/?' delimiter='.' by [23]": "moto's pages of version 1 all hold all common prefixes",
    r"list_object_versions prefix='a?/?' delimiter='.' by [23]": "moto does not count common prefixes as rows",
    r"max-keys -1": "moto fails with 500",
    r"suspended": "moto loses the versions of before when versioning is suspended",
    r"a delete marker read by its version": "S3 answers 405 MethodNotAllowed",
    r"multipart wrong_order": "S3 looks at the order of the parts first",
    r"multipart (aborted|unknown)": "moto fails with 500",
    r"copy if-match other": "moto ignores conditions on the source",
    r"get_public_access_block of a new bucket": "new buckets block public access since April 2023",
    r"settings bucket_tags": "moto sorts or changes the tags",
    r"object bad_md5": "moto does not compare Content-MD5",
    r"object quiet": "moto does not know Quiet",
    r"bucket name '(A-b-c|a\.\.b|-abc|192\.168\.0\.1|a_b_c)'": "moto checks the length of a name only",
}
"""Names of checks -> why moto is no example there. A row that no difference needs is an error, too."""


@pytest.mark.timeout(300)
def test_embedded_store_answers_as_moto_where_moto_is_right(tmp_path: Path) -> None:
    with running_own_s3(tmp_path / "home") as own, running_s3() as server:
        moto = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}),
        )
        with ThreadPoolExecutor(2) as pool:
            ours, theirs = pool.map(ask_all, (own.client(), moto))
    assert len(ours) >= 229
    differences = {name: (answer, theirs[name]) for name, answer in ours.items() if answer != theirs[name]}
    unexplained = {
        name: answers
        for name, answers in differences.items()
        if not any(re.fullmatch(row, name) for row in DEVIATIONS)
    }
    assert unexplained == {}
    assert [row for row in DEVIATIONS if not any(re.fullmatch(row, name) for name in differences)] == []


def ask_all(client: Any) -> dict[str, Any]:
    """Every check's answer, each from a bucket of its own."""
    found = {}
    for number, check in enumerate(all_checks()):
        client.create_bucket(Bucket=f"check-{number}")
        found[check.name] = code_of(partial(check.run, client, f"check-{number}"))
    return found
