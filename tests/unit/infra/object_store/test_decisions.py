"""The pure parts: conditions, ranges, names and checksums, as S3 documents them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.object_store.checksums import choose_type, combine, decode, digest_of, encode
from infra.object_store.conditions import decide_copy_source, decide_read, decide_write, resolve_range
from infra.object_store.errors import StoreError
from infra.object_store.model import ByteRange, Checksum, Conditions, ObjectHead
from infra.object_store.names import beyond, check_tags

T = 1_000_000.0
HEAD = ObjectHead("k", "null", True, False, "e", 10, T + 0.9)
READ_OUTCOMES = [
    (Conditions(), "serve"),
    (Conditions(if_match=("e",)), "serve"),
    (Conditions(if_match=("x", "e")), "serve"),
    (Conditions(if_match=("*",)), "serve"),
    (Conditions(if_match=("x",)), "PreconditionFailed"),
    (Conditions(if_none_match=("x",)), "serve"),
    (Conditions(if_none_match=("e",)), "NotModified"),
    (Conditions(if_none_match=("*",)), "NotModified"),
    (Conditions(if_modified_since=T - 1), "serve"),
    (Conditions(if_modified_since=T), "NotModified"),  # headers know whole seconds only
    (Conditions(if_unmodified_since=T), "serve"),
    (Conditions(if_unmodified_since=T - 1), "PreconditionFailed"),
    (Conditions(if_match=("e",), if_unmodified_since=T - 1), "serve"),
    (Conditions(if_none_match=("e",), if_modified_since=T - 1), "NotModified"),
    (Conditions(if_none_match=("x",), if_modified_since=T), "serve"),
    (Conditions(if_match=("x",), if_none_match=("e",)), "PreconditionFailed"),
]


def outcome(decide: object, *arguments: object) -> str:
    try:
        decide(*arguments)  # type: ignore[operator]
    except StoreError as refused:
        return refused.code
    return "serve"


@pytest.mark.parametrize(("conditions", "expected"), READ_OUTCOMES)
def test_a_read_is_served_or_refused_by_its_conditions(conditions: Conditions, expected: str) -> None:
    assert outcome(decide_read, conditions, HEAD) == expected
    copied = "PreconditionFailed" if expected == "NotModified" else expected
    assert outcome(decide_copy_source, conditions, HEAD) == copied


@pytest.mark.parametrize(
    ("conditions", "over_nothing", "over_head"),
    [
        (Conditions(), "serve", "serve"),
        (Conditions(if_none_match=("*",)), "serve", "PreconditionFailed"),
        (Conditions(if_none_match=("e",)), "serve", "PreconditionFailed"),
        (Conditions(if_none_match=("x",)), "serve", "serve"),
        (Conditions(if_match=("e",)), "NoSuchKey", "serve"),
        (Conditions(if_match=("x",)), "NoSuchKey", "PreconditionFailed"),
        (Conditions(if_match=("*",)), "NoSuchKey", "serve"),
    ],
)
def test_a_write_goes_on_or_not_by_what_is_there(
    conditions: Conditions, over_nothing: str, over_head: str
) -> None:
    assert outcome(decide_write, conditions, "k", None) == over_nothing
    assert outcome(decide_write, conditions, "k", HEAD) == over_head


@pytest.mark.parametrize(
    ("first", "last", "size", "expected"),
    [
        (0, 0, 10, (0, 1)),
        (0, None, 10, (0, 10)),
        (9, None, 10, (9, 1)),
        (3, 99, 10, (3, 7)),
        (None, 3, 10, (7, 3)),
        (None, 99, 10, (0, 10)),
        (10, None, 10, None),
        (None, 0, 10, None),
        (0, 0, 0, None),
        (None, 5, 0, None),
    ],
)
def test_a_range_is_cut_to_what_is_there_or_refused(
    first: int | None, last: int | None, size: int, expected: tuple[int, int] | None
) -> None:
    if expected is None:
        assert outcome(resolve_range, ByteRange(first, last), size) == "InvalidRange"
    else:
        assert resolve_range(ByteRange(first, last), size) == expected


@given(prefix=st.text(min_size=1), rest=st.text(), other=st.text())
def test_beyond_is_the_least_string_above_a_prefix(prefix: str, rest: str, other: str) -> None:
    above = beyond(prefix)
    if above is not None:
        assert (prefix + rest).encode() < above.encode()
        inside = prefix.encode() <= other.encode() < above.encode()
        assert inside == other.startswith(prefix)


PARTS = [letter * (5 << 20) for letter in (b"A", b"B", b"C")]


@pytest.mark.parametrize(
    ("algorithm", "kind", "value"),
    [
        ("CRC32", "FULL_OBJECT", "WgDhBQ=="),
        ("CRC64NVME", "FULL_OBJECT", "i+6LR0y3eFo="),
        ("SHA256", "COMPOSITE", "uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3"),
    ],
)
def test_parts_combine_to_the_checksums_that_s3_answers(algorithm: str, kind: str, value: str) -> None:
    if algorithm.startswith("CRC"):
        pytest.importorskip("awscrt", reason="CRCs are combined by awscrt")
    parts = [(encode(digest_of(algorithm, part)), len(part)) for part in PARTS]  # type: ignore[arg-type]
    assert combine(algorithm, kind, parts) == Checksum(algorithm, value, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_a_whole_checksum_is_that_of_the_joined_parts(algorithm: str) -> None:
    pytest.importorskip("awscrt", reason="CRC32C and CRC64NVME come from awscrt")
    pieces = [b"one", b"", b"three and more"]
    parts = [(encode(digest_of(algorithm, piece)), len(piece)) for piece in pieces]  # type: ignore[arg-type]
    whole = encode(digest_of(algorithm, b"".join(pieces)))  # type: ignore[arg-type]
    assert combine(algorithm, "FULL_OBJECT", parts).value == whole  # type: ignore[arg-type]


def test_a_checksum_of_a_wrong_form_or_kind_is_refused() -> None:
    for value in ("bad", "", "AAAA", base64.b64encode(b"12345").decode()):
        assert outcome(decode, Checksum("CRC32", value)) == "InvalidRequest"
    for algorithm, kind in (("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
        assert outcome(choose_type, algorithm, kind) == "InvalidRequest"
    assert choose_type("CRC32", None) == "COMPOSITE" and choose_type("CRC64NVME", None) == "FULL_OBJECT"


def test_tags_are_refused_beyond_their_limits() -> None:
    assert outcome(check_tags, {f"{n}": "" for n in range(10)}) == "serve"
    assert outcome(check_tags, {f"{n}": "" for n in range(11)}) == "BadRequest"
    assert outcome(check_tags, {"": "v"}) == outcome(check_tags, {"k" * 129: "v"}) == "InvalidTag"
    assert outcome(check_tags, {"k": "v" * 257}) == "InvalidTag"
