"""S3's signatures: what botocore's own signers make is believed, and nothing that was changed afterwards."""

from __future__ import annotations

import calendar
import contextlib
import time
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.iam import sigv4_s3
from control_plane.iam.canonical import Request
from control_plane.iam.sigv2_s3 import read_old_claim, verify_old
from control_plane.iam.sigv4 import Secret, SigningKeys, hash_token
from infra.object_store.http.request import read_query

KEY, SECRET, REGION = "AKIAEXAMPLE", "secret/of+the=example", "eu-west-1"
KNOWN = Secret(SECRET)
keys = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40)
values = st.dictionaries(st.sampled_from(["prefix", "delimiter", "marker"]), keys, max_size=3)


def sign(
    method: str, url: str, signer: type = botocore.auth.S3SigV4Auth, token: str | None = None, **headers: str
) -> Request:
    """The request as a server gets it, signed now."""
    request = AWSRequest(method, url, data=b"", headers=headers)
    made = signer(Credentials(KEY, SECRET, token), "s3", REGION)
    made.add_auth(request)
    return as_request(request)


def as_request(request: AWSRequest) -> Request:
    url = urlsplit(request.prepare().url)
    target = url.path + (f"?{url.query}" if url.query else "")
    sent = [("host", url.netloc.encode()), *((k.lower(), v.encode()) for k, v in request.headers.items())]
    return Request(request.method, target.encode(), sent, b"")


def check(request: Request, secret: Secret | None = KNOWN, now: float | None = None) -> sigv4_s3.Verified:
    claim = sigv4_s3.read_claim(request)
    assert claim is not None
    return sigv4_s3.verify(request, claim, secret, REGION, now or time.time(), SigningKeys())


def refusal(request: Request, secret: Secret | None = KNOWN, now: float | None = None) -> str:
    with pytest.raises(sigv4_s3.Refusal) as refused:
        check(request, secret, now)
    return refused.value.code


@settings(max_examples=150, deadline=None)
@given(keys, values)
def test_any_key_and_query_that_botocore_signs_is_believed(key: str, query: dict[str, str]) -> None:
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    path = quote(f"/bucket/{key}", safe="/~")
    assert check(sign("GET", f"http://h:9000{path}{'?' + pairs if pairs else ''}")).payload


@settings(max_examples=100, deadline=None)
@given(keys, st.integers(0, 10**6), st.integers(0, 7))
def test_any_changed_bit_of_the_target_is_refused_or_means_the_same(key: str, place: int, bit: int) -> None:
    good = sign("GET", "http://h:9000" + quote(f"/b/{key}", safe="/~"))
    at = place % len(good.target)
    raw = bytearray(good.target)
    raw[at] ^= 1 << bit
    bad = Request(good.method, bytes(raw), good.headers, b"")
    if b"?" in bad.target or bad.path.lower() == good.path.lower():
        return  # another query is tried below; hex digits in the other case are the same path
    assert refusal(bad) == "SignatureDoesNotMatch"


def test_presigned_requests_are_believed_until_they_end() -> None:
    class Signer(botocore.auth.S3SigV4QueryAuth):  # a class, as `sign` makes it
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, expires=60)

    request = sign("GET", "http://h:9000/b/k%20k?versionId=1", Signer)
    at = _signed_at(request)
    assert check(request, now=at + 60).payload == "UNSIGNED-PAYLOAD"
    assert refusal(request, now=at + 61) == "AccessDenied"
    assert refusal(request, now=at - 1000) == "AccessDenied"
    longer = Request("GET", request.target.replace(b"Expires=60", b"Expires=6000"), request.headers, b"")
    assert refusal(longer, now=at) == "SignatureDoesNotMatch"
    other = Request("PUT", request.target, request.headers, b"")
    assert refusal(other, now=at) == "SignatureDoesNotMatch"
    added = Request("GET", request.target, [*request.headers, ("x-amz-acl", b"private")], b"")
    assert refusal(added, now=at) == "AccessDenied"


def test_every_way_to_be_nobody_has_its_own_code() -> None:
    good = sign("GET", "http://h:9000/b")
    session = sign("GET", "http://h:9000/b", token="token")
    temporary = Secret(SECRET, token_hash=hash_token("token"), expires_at=time.time() + 60)
    assert check(session, temporary).payload
    assert refusal(good, None) == "InvalidAccessKeyId"
    assert refusal(good, Secret(SECRET, active=False)) == "InvalidAccessKeyId"
    assert refusal(good, Secret("another")) == "SignatureDoesNotMatch"
    assert refusal(good, temporary) == "InvalidAccessKeyId"
    assert refusal(session, Secret(SECRET, token_hash=hash_token("other"))) == "InvalidToken"
    assert refusal(session, Secret(SECRET, token_hash=hash_token("token"), expires_at=1.0)) == "ExpiredToken"
    for seconds in (-901, 901):
        assert refusal(good, now=_signed_at(good) + seconds) == "RequestTimeTooSkewed"
    assert check(good, now=_signed_at(good) + 899).payload


def test_a_claim_that_cannot_be_read_is_refused_and_none_is_nobody() -> None:
    def code(*headers: tuple[str, bytes], target: bytes = b"/b") -> str:
        with pytest.raises(sigv4_s3.Refusal) as refused:
            sigv4_s3.read_claim(Request("GET", target, headers, b""))
        return refused.value.code

    assert sigv4_s3.read_claim(Request("GET", b"/b", [("host", b"h")], b"")) is None
    assert code(("authorization", b"AWS AKIA:sig")) == "InvalidRequest"
    assert code(("authorization", b"AWS4-HMAC-SHA256 Credential=x")) == "AuthorizationHeaderMalformed"
    assert code(target=b"/b?X-Amz-Algorithm=x&X-Amz-Signature=y") == "AuthorizationQueryParametersError"
    both = b"/b?X-Amz-Signature=y"
    assert code(("authorization", b"AWS4-HMAC-SHA256 Credential=x"), target=both) == "InvalidArgument"


def test_scope_and_signed_headers_must_be_s3s_own() -> None:
    good = sign("GET", "http://h:9000/b")
    claim = sigv4_s3.read_claim(good)
    assert claim is not None
    with pytest.raises(sigv4_s3.Refusal, match="expecting 'us-east-1'") as refused:
        sigv4_s3.verify(good, claim, KNOWN, "us-east-1", time.time(), SigningKeys())
    assert (refused.value.code, refused.value.members) == (
        "AuthorizationHeaderMalformed",
        {"Region": "us-east-1"},
    )
    added = Request("GET", good.target, [*good.headers, ("x-amz-meta-a", b"1")], b"")
    assert refusal(added) == "AccessDenied"
    bare = Request("GET", good.target, [h for h in good.headers if h[0] != "x-amz-content-sha256"], b"")
    assert refusal(bare) == "InvalidRequest"


def test_chunks_are_believed_in_their_order_only() -> None:
    chain = check(sign("PUT", "http://h:9000/b/k")).chunks
    again = check(sign("PUT", "http://h:9000/b/k")).chunks
    one, two = "1" * 64, "2" * 64
    chain.check_chunk(one, "")
    first = chain.previous
    chain.check_chunk(two, "")
    second = chain.previous
    chain.check_trailer(one, "")
    again.previous, again.timestamp = check(sign("PUT", "http://h:9000/b/k")).chunks.previous, chain.timestamp
    assert first != second != chain.previous
    assert not again.check_chunk(two, first)


def test_older_presigned_urls_are_believed_until_they_end() -> None:
    request = AWSRequest("GET", "http://h:9000/b/k%20%C3%BC?versionId=1&prefix=x", data=b"")
    botocore.auth.HmacV1QueryAuth(Credentials(KEY, SECRET, "token"), expires=60).add_auth(request)
    got = as_request(request)
    claim = read_old_claim(read_query(got.target.partition(b"?")[2]))
    assert claim is not None
    temporary = Secret(SECRET, token_hash=hash_token("token"))
    now = time.time()
    assert verify_old(got, claim, temporary, "", now) == "UNSIGNED-PAYLOAD"
    for bad, code in (
        (Request("DELETE", got.target, got.headers, b""), "SignatureDoesNotMatch"),
        (Request("GET", got.target.replace(b"/b/", b"/c/"), got.headers, b""), "SignatureDoesNotMatch"),
        (Request("GET", got.target.replace(b"Id=1", b"Id=2"), got.headers, b""), "SignatureDoesNotMatch"),
    ):
        with pytest.raises(sigv4_s3.Refusal) as refused:
            verify_old(bad, claim, temporary, "", now)
        assert refused.value.code == code
    with pytest.raises(sigv4_s3.Refusal, match="expired"):
        verify_old(got, claim, temporary, "", now + 100)
    with pytest.raises(sigv4_s3.Refusal) as refused:
        verify_old(got, claim, None, "", now)
    assert refused.value.code == "InvalidAccessKeyId"


def test_older_presigned_url_of_a_bucket_is_believed_with_and_without_the_slash_that_boto3_signs() -> None:
    for signed, sent, believed in (
        ("/b/", "/b", True),
        ("/b", "/b", True),
        ("/b/", "/b/", True),
        ("/b/k/", "/b/k", False),
        ("/c/", "/b", False),
    ):
        request = AWSRequest("GET", f"http://h:9000{sent}?uploads", data=b"", auth_path=signed)
        botocore.auth.HmacV1QueryAuth(Credentials(KEY, SECRET), expires=60).add_auth(request)
        got = as_request(request)
        claim = read_old_claim(read_query(got.target.partition(b"?")[2]))
        assert claim is not None
        with contextlib.nullcontext() if believed else pytest.raises(sigv4_s3.Refusal):
            verify_old(got, claim, Secret(SECRET), "", time.time())


def _signed_at(request: Request) -> float:
    claim = sigv4_s3.read_claim(request)
    assert claim is not None
    return float(calendar.timegm(time.strptime(claim.timestamp, "%Y%m%dT%H%M%SZ")))
