"""Ceph's S3 suite against the embedded store: just those tests fail that `S3_TESTS.md` of the store gives reasons for.

The suite is nobody's package. AERODROME_S3_TESTS names a checkout of it; without one there is nothing to run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from control_plane.store import keys, policies, principals
from tests.clients.tools import SCRIPTS, find_python
from tests.fakes.own_s3 import ACCOUNT, REGION, OwnS3, running_own_s3

REASONS = Path(__file__).parents[2] / "infra" / "object_store" / "S3_TESTS.md"
NEEDS = (
    "boto3",
    "pytest",
    "pytest-timeout",
    "PyYAML",
    "munch",
    "isodate",
    "requests",
    "pytz",
    "httplib2",
    "lxml",
)
FILES = ("s3tests/functional/test_s3.py", "s3tests/functional/test_headers.py")
MARKS = (
    *("auth_aws2", "bucket_encryption", "bucket_logging", "bucket_logging_cleanup", "cloud_restore"),
    *(
        "cloud_transition",
        "encryption",
        "iam_account",
        "iam_cross_account",
        "iam_tenant",
        "lifecycle_expiration",
    ),
    *("lifecycle_transition", "object_ownership", "s3website", "sse_s3", "storage_class", "target_by_bucket"),
)
NAMES = (
    "acl",
    "access_bucket",
    "anon",
    "attributes",
    "cors",
    "object_lock",
    "policy_status",
    "post_object",
    "torrent",
)
"""What the store does not have: families by their mark, or by a part of their tests' names."""
RIGHTS = {
    "main": "s3:*",
    "alt": ["s3:CreateBucket", "s3:ListAllMyBuckets"],
    "tenant": "s3:ListAllMyBuckets",
}


@pytest.mark.clients
@pytest.mark.timeout(1800)
@pytest.mark.skipif(
    "AERODROME_S3_TESTS" not in os.environ, reason="AERODROME_S3_TESTS names no checkout of s3-tests"
)
def test_ceph_suite_fails_only_where_a_reason_is_given(tmp_path: Path) -> None:
    suite = Path(os.environ["AERODROME_S3_TESTS"])
    python = find_python("ceph-s3-tests", *NEEDS)
    report = tmp_path / "report.xml"
    with running_own_s3(tmp_path / "home") as s3:
        settings = tmp_path / "s3tests.conf"
        settings.write_text("\n".join(_settings(s3)))
        argv = [
            str(python),
            "-m",
            "pytest",
            "-q",
            "--timeout=300",
            "-p",
            "no:cacheprovider",
            "-p",
            "ceph_buckets",
        ]
        chosen = ["-m", f"not ({' or '.join(MARKS)})", "-k", f"not ({' or '.join(NAMES)})"]
        surroundings = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": f"{suite}:{SCRIPTS}",
            "S3TEST_CONF": str(settings),
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        done = subprocess.run(
            [*argv, *chosen, f"--junitxml={report}", *FILES],
            cwd=suite, env=surroundings, capture_output=True, text=True, timeout=1700, check=False,
        )  # fmt: skip
    assert report.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    failed, passed = _read(report)
    print(f"{len(passed)} passed, {len(failed)} failed")
    assert failed == _reasons(), done.stdout[-20000:]


def _settings(s3: OwnS3) -> Iterator[str]:
    """What the suite wants to know: three users, of whom we have two, and roles that it then leaves alone."""
    yield f"[DEFAULT]\nhost = 127.0.0.1\nport = {s3.port}\nis_secure = False\nlc_debug_interval = 1"
    yield "[fixtures]\nbucket prefix = ceph-{random}-"
    users = {name: _make_user(s3, name) for name in RIGHTS}
    sections = {f"s3 {name}": user for name, user in users.items()}
    sections |= dict.fromkeys(("iam", "iam root", "iam alt root"), users["main"])
    for section, made in sections.items():
        yield f"[{section}]\naccess_key = {made.access_key_id}\nsecret_key = {made.secret_access_key}"
        yield f"user_id = {ACCOUNT}\ndisplay_name = {ACCOUNT}\nemail = a@example.com\ntenant = none"


def _make_user(s3: OwnS3, name: str) -> keys.Credentials:
    with s3.database.begin() as conn:
        user = principals.make("user", ACCOUNT, name, time.time())
        principals.insert(conn, user)
        statement = {"Effect": "Allow", "Action": RIGHTS[name], "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        policies.put_inline(conn, user.id, "own", json.dumps(document))
        return keys.create_key(conn, s3.vault, user.id, time.time())


def _read(report: Path) -> tuple[set[str], set[str]]:
    """The names of the tests that failed and that passed."""
    failed, passed = set(), set()
    for case in ElementTree.parse(report).iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        if case.find("skipped") is None:
            (failed if bad else passed).add(str(case.get("name")))
    return failed, passed


def _reasons() -> set[str]:
    text = REASONS.read_text().partition("## What fails, and why")[2] if REASONS.exists() else ""
    return set(re.findall(r"`(test_\w+)`", text))
