"""Many new objects in one request: ours, for logs. Each has a permission and an answer of its own."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest

from control_plane.store.keys import Credentials
from sync.endpoint import Location
from sync.objects import ObjectStore, ObjectStoreError, open_store
from sync.s3_requests import Requests
from tests.fakes.own_s3 import REGION, OwnS3, make_user, running_own_s3


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnS3]:
    with running_own_s3(tmp_path_factory.mktemp("s3")) as store:
        store.client().create_bucket(Bucket="code")
        yield store


@pytest.fixture
def logs(s3: OwnS3) -> ObjectStore:
    return open_store(**s3.options("code"), prefix="logs/e")


def test_each_object_is_made_or_refused_for_itself(s3: OwnS3, logs: ObjectStore) -> None:
    objects = [
        ("a", b"one"),
        ("\u00fc \n../b", b""),
        ("large", bytes(100_000)),
        ("a", b"again"),
        ("x" * 1100, b"long"),
    ]
    assert logs.most_together() == 128
    outcomes = logs.put_new(objects)
    assert [error and error.code for error in outcomes[:4]] == [None, None, None, "changed"]
    assert outcomes[4] is not None and "KeyTooLongError" in outcomes[4].message
    assert [(one.key, one.size) for one in logs.list()] == [
        ("a", 3),
        ("large", 100_000),
        ("\u00fc \n../b", 0),
    ]
    found = s3.client().get_object(Bucket="code", Key="logs/e/a")
    assert (found["Body"].read(), found["ContentType"]) == (b"one", "binary/octet-stream")


def test_every_key_is_asked_for_by_the_policies(s3: OwnS3) -> None:
    keys = make_user(
        s3,
        "writer",
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::code/mine/*"},
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::code/mine/secret"},
    )
    at = {"access_key_id": keys.access_key_id, "secret_access_key": keys.secret_access_key}
    assert open_store(**{**s3.options("code"), **at}).most_together() == 1, (
        "who may not list is offered nothing"
    )
    outcomes = put(s3, keys, b'[["mine/a", 1], ["mine/secret", 1], ["other", 1]]\n123')
    assert [one.get("code") for one in outcomes] == [None, "AccessDenied", "AccessDenied"]
    assert "s3:PutObject" in outcomes[1]["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]\n",
        b"{}\n",
        b'[["a", 2]]\nx',
        b'[["a", -1]]\n',
        b'[["", 1]]\nx',
        b"[[1, 1]]\nx",
        b'[["a", true]]\nx',
        b'[["a", 1, 2]]\nx',
        json.dumps([["a", 0]] * 129).encode() + b"\n",
        b"[" * 100_000,
    ],
)
def test_a_body_that_names_no_objects_is_a_400(s3: OwnS3, body: bytes) -> None:
    with pytest.raises(ObjectStoreError, match=r"400 (InvalidRequest|IncompleteBody)"):
        put(s3, s3.admin, body)


def test_a_stranger_makes_nothing(s3: OwnS3) -> None:
    request = urllib.request.Request(f"{s3.endpoint}/code?x-aerodrome-put", b'[["stranger", 1]]\nx')
    with urllib.request.urlopen(request) as answer:
        assert [one["code"] for one in json.load(answer)] == ["AccessDenied"]
    with pytest.raises(ObjectStoreError, match=r"SignatureDoesNotMatch|access is denied"):
        put(s3, replace(s3.admin, secret_access_key="wrong"), b'[["stranger", 1]]\nx')
    assert "Contents" not in s3.client().list_objects_v2(Bucket="code", Prefix="stranger")


def put(s3: OwnS3, keys: Credentials, body: bytes) -> list[dict[str, str]]:
    at = Location("code", REGION, s3.endpoint, keys.access_key_id, keys.secret_access_key, None)
    outcomes: list[dict[str, str]] = json.loads(
        Requests(at).send("POST", {"x-aerodrome-put": ""}, "write", body).body
    )
    return outcomes
