"""The verifier: published and recorded requests, every known way to be wrong, and botocore's own signer."""

from __future__ import annotations

import json
import os
import statistics
import string
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.canonical import Request
from control_plane.iam.claim import parse
from control_plane.iam.sigv4 import Rules, Secret, SigningKeys, verify
from tests.vectors import sigv4, sigv4_wire
from tests.vectors.forge import ACCESS_KEY, KEYS, SECRET, WITH_BODY, WITH_QUERY, Draft
from tests.vectors.known import by_words, words_of

ROOT = Path(__file__).parents[3]
REFUSALS = {
    Code.MISSING_TOKEN,
    Code.INCOMPLETE_SIGNATURE,
    Code.INVALID_SIGNATURE,
    Code.UNRECOGNIZED_CLIENT,
    Code.EXPIRED_TOKEN,
    Code.REQUEST_EXPIRED,
}
HARMLESS = [
    *("unmodified", "extra_unsigned_header", "x_forwarded_for_added", "method_override_header"),
    *("header_whitespace", "header_order_changed", "no_spaces_after_commas", "content_sha256_correct"),
    *("absolute_form", "query_order_changed", "query_lowercase_hex", "query_unreserved_encoded"),
    *("temporary_credentials", "skew_none", "skew_past_inside", "skew_future_inside", "skew_past_edge"),
    *("skew_future_edge", "presign_valid", "presign_before_expiry", "presign_at_expiry"),
    *("presign_expires_max", "presign_with_token", "presign_query_reordered", "presign_lowercase_hex"),
    *("presign_slashes_decoded", "query_key_without_value", "query_empty_pair", "query_duplicate_key"),
    *("query_plus_encoded", "components_reordered", "tabs_between_components", "content_sha256_missing"),
]
"""What changes nothing that is signed, or nothing that matters: accepted."""


def test_published_suite_passes() -> None:
    directory = Path(os.environ.get("AERODROME_VECTORS", ROOT.parent / "shared" / "vectors"))
    path = directory / "sigv4.json"
    if not path.exists():
        pytest.skip(f"the published suite is not at {path}; name its directory in AERODROME_VECTORS")
    report = sigv4.run(json.loads(path.read_text(encoding="utf-8")))
    assert report.failed == ()
    assert report.passed == 34


def test_recorded_requests_and_mutations_pass() -> None:
    path = ROOT / "tests" / "vectors" / "data" / "sigv4_wire.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    report = sigv4_wire.run(data)
    assert report.failed == ()
    assert report.passed == sum(len(data[part]) for part in ("boto3_mwaa", "presigned", "mutations"))


def test_mutation_nobody_can_build_is_a_failure() -> None:
    case = {"id": "no_such_thing", "change": "?", "expect": "reject", "error": "RequestExpired"}
    report = sigv4_wire.run({"credentials": {"secret_key": ""}, "mutations": [case]})
    assert report.passed == 0
    assert "no interpreter" in report.failed[0]


@pytest.mark.parametrize("window", [300.0, 900.0])
def test_every_known_mutation_is_refused_unless_harmless(window: float) -> None:
    table = by_words()
    harmless = [table[words_of(name)] for name in HARMLESS]
    rows = {id(mutation): (words, mutation) for words, mutation in table.items()}
    assert len(rows) > 120
    wrong = []
    for words, mutation in rows.values():
        got = sigv4_wire.answer(mutation.attempt(window))
        expected = {None} if any(mutation is row for row in harmless) else REFUSALS
        if got not in expected:
            wrong.append(f"{' '.join(sorted(words))}: {got}")
    assert wrong == []


@pytest.mark.parametrize("bit", range(0, 8 * len(WITH_BODY.body), 7))
def test_any_flipped_bit_of_the_body_is_refused(bit: int) -> None:
    request = WITH_BODY.signed_request()
    body = bytearray(request.body)
    body[bit // 8] ^= 1 << bit % 8
    assert outcome(replace(request, body=bytes(body))) is Code.INVALID_SIGNATURE


@pytest.mark.parametrize("position", range(64))
def test_any_changed_digit_of_the_signature_is_refused(position: int) -> None:
    request = WITH_QUERY.signed_request()
    (value,) = request.values("authorization")
    at = len(value) - 64 + position
    changed = value[:at] + (b"0" if value[at : at + 1] != b"0" else b"1") + value[at + 1 :]
    headers = [(name, changed if name == "authorization" else old) for name, old in request.headers]
    assert outcome(replace(request, headers=headers)) is Code.INVALID_SIGNATURE


SAFE = st.text(string.ascii_letters + string.digits + "-._~%:@+ é☃", min_size=1, max_size=20)


@settings(max_examples=150, deadline=None)
@given(
    segments=st.lists(
        SAFE.map(lambda text: text.replace("%", "")).filter(lambda text: text.strip(". ")), max_size=4
    ),
    query=st.dictionaries(SAFE, SAFE, max_size=4),
    body=st.binary(max_size=200),
    token=st.none() | st.text(string.ascii_letters + "+/=", min_size=1, max_size=40),
)
def test_what_botocore_signs_is_accepted(
    segments: list[str], query: dict[str, str], body: bytes, token: str | None
) -> None:
    from urllib.parse import quote

    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    pairs = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in query.items())
    url = f"http://127.0.0.1:8080{path}" + (f"?{pairs}" if pairs else "")
    headers = {"Host": "127.0.0.1:8080", **({"Content-Type": "application/json"} if body else {})}
    sent = AWSRequest("POST", url, headers=headers, data=body)
    botocore.auth.SigV4Auth(Credentials(ACCESS_KEY, SECRET, token), "airflow", "us-east-1").add_auth(sent)
    arrived = Request(
        "POST",
        url.removeprefix("http://127.0.0.1:8080").encode(),
        [(name.lower(), value.encode()) for name, value in sent.headers.items()],
        body,
    )
    claim = parse(arrived)
    from control_plane.iam.sigv4 import hash_token

    known = Secret(SECRET, token_hash=hash_token(token) if token else None)
    verify(arrived, claim, known, Rules("us-east-1"), claim.at, SigningKeys())


@settings(max_examples=300, deadline=None)
@given(
    authorization=st.binary(max_size=99) | st.text("AWS4-HMCSHA256 Crednt=/,;", max_size=99).map(str.encode),
    target=st.binary(max_size=60),
    date=st.binary(max_size=20),
)
def test_garbage_is_refused_and_never_breaks(authorization: bytes, target: bytes, date: bytes) -> None:
    headers = [("host", b"h"), ("authorization", authorization), ("x-amz-date", date)]
    assert outcome(Request("GET", target, headers, b"")) in REFUSALS


def test_unknown_key_costs_what_a_known_one_costs() -> None:
    keys, now = SigningKeys(), parse(Draft().signed_request()).at
    known = Draft(secret="wrong").signed_request()
    unknown = Draft(access_key="AKIDUNKNOWN", secret="wrong").signed_request()
    assert any(
        difference_of_cost(lambda: outcome(known, keys, now), lambda: outcome(unknown, keys, now)) < 0.05
        for _ in range(8)
    )


def difference_of_cost(one: Callable[[], object], other: Callable[[], object]) -> float:
    """By how much two calls differ in the processor time they take, in turns. A crowded machine blurs it, so that
    a difference that is real shows every time, and one that is not shows now and then."""
    samples: tuple[list[int], list[int]] = ([], [])
    for turn in range(600):
        for place in (turn % 2, 1 - turn % 2):
            began = time.thread_time_ns()
            (one, other)[place]()
            samples[place].append(time.thread_time_ns() - began)
    first, second = map(statistics.median, samples)
    return abs(first - second) / first


def outcome(request: Request, keys: SigningKeys | None = None, now: float | None = None) -> Code | None:
    """The refusal, or None."""
    try:
        claim = parse(request)
        secret = KEYS.get(claim.access_key_id)
        verify(
            request,
            claim,
            secret,
            Rules("us-east-1"),
            claim.at if now is None else now,
            keys or SigningKeys(),
        )
    except ServiceError as error:
        return error.code
    return None
