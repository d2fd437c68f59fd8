"""Who is refused by the embedded store, with which of AWS's codes; and that nothing is done for them."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import http.client
import json
import socket
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import ClientError

from control_plane.store import keys, principals
from control_plane.store.keys import Credentials
from tests.fakes.own_s3 import ACCOUNT, REGION, OwnS3, make_user, running_own_s3


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnS3]:
    with running_own_s3(tmp_path_factory.mktemp("s3")) as store:
        client = store.client()
        client.create_bucket(Bucket="code")
        client.put_object(Bucket="code", Key="dags/a.py", Body=b"secret text")
        yield store


def code(act: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        act()
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def send(request: AWSRequest) -> tuple[int, bytes]:
    """A request exactly as it was made."""
    prepared = request.prepare()
    url = urllib.parse.urlsplit(prepared.url)
    wire = http.client.HTTPConnection(str(url.hostname), url.port, timeout=10)
    with contextlib.closing(wire):
        target = f"{url.path}?{url.query}" if url.query else url.path
        wire.request(prepared.method, target, prepared.body, dict(prepared.headers.items()))
        answer = wire.getresponse()
        return answer.status, answer.read()


def signed(s3: OwnS3, method: str, path: str, body: bytes = b"", **headers: str) -> AWSRequest:
    request = AWSRequest(method, s3.endpoint + path, data=body, headers=headers)
    admin = BotoCredentials(s3.admin.access_key_id, s3.admin.secret_access_key)
    botocore.auth.S3SigV4Auth(admin, "s3", REGION).add_auth(request)
    return request


def test_wrong_secret_and_unknown_key_are_refused_with_s3s_codes(s3: OwnS3) -> None:
    wrong = s3.client(replace(s3.admin, secret_access_key="w" * 40))
    unknown = s3.client(Credentials("AKIANOBODYKNOWSTHIS1", "s" * 40))
    assert code(lambda: wrong.get_object(Bucket="code", Key="dags/a.py")) == ("SignatureDoesNotMatch", 403)
    assert code(lambda: unknown.list_buckets()) == ("InvalidAccessKeyId", 403)
    assert code(lambda: wrong.put_object(Bucket="code", Key="new", Body=b"x"))[0] == "SignatureDoesNotMatch"
    assert s3.client().list_objects_v2(Bucket="code")["KeyCount"] == 1


def test_anonymous_is_refused_even_where_nothing_is(s3: OwnS3) -> None:
    for path in ("/code/dags/a.py", "/code/none", "/code", "/"):
        status, body = send(AWSRequest("GET", s3.endpoint + path))
        assert status == 403 and b"<Code>AccessDenied</Code>" in body and b"secret text" not in body, path


@pytest.mark.parametrize("minutes", [-16, 16])
def test_skewed_clock_is_refused_when_it_is_more_than_fifteen_minutes_off(
    s3: OwnS3, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_a, **_k: then, raising=False)
    status, body = send(signed(s3, "GET", "/code/dags/a.py"))
    assert (status, b"<Code>RequestTimeTooSkewed</Code>" in body) == (403, True)


def test_tampered_requests_are_refused_when_anything_signed_was_changed(s3: OwnS3) -> None:
    body = signed(s3, "PUT", "/code/t", b"good")
    body.data = b"evil"
    assert _code(send(body)) == "XAmzContentSHA256Mismatch"
    header = signed(s3, "PUT", "/code/t", b"good", **{"x-amz-meta-a": "1"})
    header.headers.replace_header("x-amz-meta-a", "2")
    assert _code(send(header)) == "SignatureDoesNotMatch"
    added = signed(s3, "PUT", "/code/t", b"good")
    added.headers["x-amz-tagging"] = "admin=true"
    assert _code(send(added)) == "AccessDenied"
    path = signed(s3, "PUT", "/code/t", b"good")
    path.url = s3.endpoint + "/code/other"
    assert _code(send(path)) == "SignatureDoesNotMatch"
    assert s3.client().list_objects_v2(Bucket="code")["KeyCount"] == 1


def test_tampered_chunk_is_refused_and_nothing_is_kept(s3: OwnS3) -> None:
    assert _put_chunked(s3, "chunked", spoil=False) == 200
    assert s3.client().get_object(Bucket="code", Key="chunked")["Body"].read() == b"a" * 65536 + b"b" * 100
    s3.client().delete_object(Bucket="code", Key="chunked")
    assert _put_chunked(s3, "chunked", spoil=True) == 403
    assert code(lambda: s3.client().get_object(Bucket="code", Key="chunked")) == ("NoSuchKey", 404)


def test_presigned_url_works_until_it_ends_and_for_its_method_only(s3: OwnS3) -> None:
    for version in ("s3v4", None):
        client = s3.client(signature_version=version) if version else s3.client()
        given = {"Bucket": "code", "Key": "dags/a.py"}
        url = client.generate_presigned_url("get_object", Params=given, ExpiresIn=60)
        assert send(AWSRequest("GET", url)) == (200, b"secret text")
        assert _code(send(AWSRequest("DELETE", url))) == "SignatureDoesNotMatch"
        assert _code(send(AWSRequest("GET", url.replace("a.py", "b.py")))) == "SignatureDoesNotMatch"
        put = client.generate_presigned_url(
            "put_object", Params={"Bucket": "code", "Key": "up"}, ExpiresIn=60
        )
        assert send(AWSRequest("PUT", put, data=b"by url"))[0] == 200
        client.delete_object(Bucket="code", Key="up")


def test_expired_presigned_url_is_refused(s3: OwnS3) -> None:
    old = BotoCredentials(s3.admin.access_key_id, s3.admin.secret_access_key)
    request = AWSRequest("GET", s3.endpoint + "/code/dags/a.py")
    signer = botocore.auth.S3SigV4QueryAuth(old, "s3", REGION, expires=-5)
    signer.add_auth(request)
    status, body = send(AWSRequest("GET", request.url))
    assert status in (400, 403) and b"secret text" not in body
    client = s3.client()
    url = client.generate_presigned_url(
        "get_object", Params={"Bucket": "code", "Key": "dags/a.py"}, ExpiresIn=-5
    )
    status, body = send(AWSRequest("GET", url))
    assert (status, b"Request has expired" in body, b"secret text" in body) == (403, True, False)


@pytest.mark.parametrize(
    "path", ["/code/../../etc/passwd", "/code/%2e%2e/%2e%2e/x", "/../x", "/code/a/../../y"]
)
def test_dots_in_a_path_are_a_key_and_lead_nowhere(s3: OwnS3, path: str) -> None:
    before = sorted(p.name for p in s3.home.iterdir())
    with socket.create_connection(("127.0.0.1", s3.port), 10) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = raw.makefile("rb").read()
    assert b" 403 " in answer.split(b"\r\n")[0] or b" 404 " in answer.split(b"\r\n")[0]
    s3.client().put_object(Bucket="code", Key="../../up", Body=b"1")
    assert s3.client().get_object(Bucket="code", Key="../../up")["Body"].read() == b"1"
    s3.client().delete_object(Bucket="code", Key="../../up")
    assert sorted(p.name for p in s3.home.iterdir()) == before
    assert not list(Path(s3.home).glob("**/up"))


def test_policies_decide_and_the_refusal_says_why(s3: OwnS3) -> None:
    reader = s3.client(
        make_user(
            s3,
            "reader",
            allow("s3:GetObject", "arn:aws:s3:::code/dags/*"),
            allow("s3:ListBucket", "arn:aws:s3:::code", Condition={"StringLike": {"s3:prefix": "dags/*"}}),
        )
    )
    assert reader.get_object(Bucket="code", Key="dags/a.py")["Body"].read() == b"secret text"
    assert reader.list_objects_v2(Bucket="code", Prefix="dags/")["KeyCount"] == 1
    assert code(lambda: reader.list_objects_v2(Bucket="code")) == ("AccessDenied", 403)
    with pytest.raises(
        ClientError, match=r"user/reader is not authorized to perform: s3:PutObject on resource"
    ):
        reader.put_object(Bucket="code", Key="dags/a.py", Body=b"mine")
    assert code(lambda: reader.get_object(Bucket="code", Key="other"))[0] == "AccessDenied"
    gone = reader.delete_objects(Bucket="code", Delete={"Objects": [{"Key": "dags/a.py"}]})
    assert [one["Code"] for one in gone["Errors"]] == ["AccessDenied"]
    assert code(lambda: reader.copy_object(Bucket="code", Key="dags/b.py", CopySource="code/dags/a.py"))[
        0
    ] == ("AccessDenied")


def test_who_may_not_list_does_not_learn_what_is_missing(s3: OwnS3) -> None:
    blind = s3.client(make_user(s3, "blind", allow("s3:GetObject", "arn:aws:s3:::code/*")))
    assert code(lambda: blind.get_object(Bucket="code", Key="none"))[0] == "AccessDenied"
    assert code(lambda: s3.client().get_object(Bucket="code", Key="none"))[0] == "NoSuchKey"


def test_bucket_policy_adds_and_takes_away(s3: OwnS3) -> None:
    admin = s3.client()
    admin.create_bucket(Bucket="shared")
    admin.put_object(Bucket="shared", Key="k", Body=b"x")
    guest = make_user(s3, "guest", allow("s3:ListAllMyBuckets", "*"))
    assert code(lambda: s3.client(guest).get_object(Bucket="shared", Key="k"))[0] == "AccessDenied"
    who = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/guest"}
    statements = [
        {"Effect": "Allow", "Principal": who, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shared/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::shared/no"},
    ]
    admin.put_bucket_policy(
        Bucket="shared", Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    assert s3.client(guest).get_object(Bucket="shared", Key="k")["Body"].read() == b"x"
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        admin.put_object(Bucket="shared", Key="no", Body=b"x")


def test_policy_that_locks_everybody_out_can_be_taken_away_by_the_administrator(s3: OwnS3) -> None:
    client = s3.client()
    client.create_bucket(Bucket="locked")
    everything = ["arn:aws:s3:::locked", "arn:aws:s3:::locked/*"]
    closed = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": everything}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [closed]})
    client.put_bucket_policy(Bucket="locked", Policy=policy)
    other = s3.client(make_user(s3, "not-root", allow("s3:*", "*")))
    assert code(lambda: client.put_object(Bucket="locked", Key="k", Body=b""))[0] == "AccessDenied"
    assert code(lambda: other.delete_bucket_policy(Bucket="locked"))[0] == "AccessDenied"
    client.delete_bucket_policy(Bucket="locked")
    other.put_object(Bucket="locked", Key="k", Body=b"")


def test_public_bucket_serves_strangers_only_when_its_access_block_is_lifted(s3: OwnS3) -> None:
    admin = s3.client()
    admin.create_bucket(Bucket="open")
    admin.put_object(Bucket="open", Key="k", Body=b"for all")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::open/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert code(lambda: admin.put_bucket_policy(Bucket="open", Policy=policy))[0] == "AccessDenied"
    admin.delete_public_access_block(Bucket="open")
    admin.put_bucket_policy(Bucket="open", Policy=policy)
    assert send(AWSRequest("GET", s3.endpoint + "/open/k")) == (200, b"for all")
    assert send(AWSRequest("PUT", s3.endpoint + "/open/k", data=b"x"))[0] == 403
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy"), False)
    block["RestrictPublicBuckets"] = True
    admin.put_public_access_block(Bucket="open", PublicAccessBlockConfiguration=block)
    assert send(AWSRequest("GET", s3.endpoint + "/open/k"))[0] == 403


def test_revoked_key_and_ended_session_are_refused_within_seconds(s3: OwnS3) -> None:
    made = make_user(s3, "leaver", allow("s3:*", "*"))
    client = s3.client(made)
    assert client.list_objects_v2(Bucket="code")["KeyCount"] == 1
    with s3.database.begin() as conn:
        leaver = principals.find(conn, "user", "leaver")
        assert leaver is not None
        keys.set_status(conn, leaver.id, made.access_key_id, "Inactive")
        ended = keys.create_session(conn, s3.vault, leaver, {}, time.time(), time.time() - 5)
    assert code(lambda: s3.client(ended).list_buckets()) == ("ExpiredToken", 400)
    stolen = replace(ended, session_token=None)
    assert code(lambda: s3.client(stolen).list_buckets()) == ("InvalidAccessKeyId", 403)
    assert code(lambda: s3.client(replace(ended, session_token="wrong")).list_buckets())[0] == "InvalidToken"
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        try:
            client.list_objects_v2(Bucket="code")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidAccessKeyId"
            return
    pytest.fail("a revoked key was still good after three seconds")


def _code(answer: tuple[int, bytes]) -> str:
    return answer[1].partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


def _put_chunked(s3: OwnS3, key: str, spoil: bool) -> int:
    """A body in signed chunks, as old clients send it."""
    from control_plane.iam.canonical import Scope
    from control_plane.iam.sigv4 import derive
    from control_plane.iam.sigv4_s3 import ChunkChain

    request = signed_chunks_request(s3, key)
    stamp = request.headers["X-Amz-Date"]
    seed = request.headers["Authorization"].rpartition("Signature=")[2]
    scope = Scope(stamp[:8], REGION, "s3")
    chain = ChunkChain(derive(s3.admin.secret_access_key, scope), stamp, scope, seed)
    body = b""
    for chunk in (b"a" * 65536, b"b" * 100, b""):
        chain.check_chunk(hashlib.sha256(chunk).hexdigest(), "")
        sent = b"B" + chunk[1:] if spoil and chunk else chunk
        body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), chain.previous.encode(), sent)
    request.data = body
    return send(request)[0]


def signed_chunks_request(s3: OwnS3, key: str) -> AWSRequest:
    headers = {
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "x-amz-decoded-content-length": str(65536 + 100),
        "content-encoding": "aws-chunked",
    }
    request = AWSRequest("PUT", f"{s3.endpoint}/code/{key}", data=b"", headers=headers)
    request.context["payload_signing_enabled"] = True
    admin = BotoCredentials(s3.admin.access_key_id, s3.admin.secret_access_key)

    class Signer(botocore.auth.S3SigV4Auth):
        def payload(self, request: AWSRequest) -> str:
            return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

    Signer(admin, "s3", REGION).add_auth(request)
    return request
