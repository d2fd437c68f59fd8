"""From a request line to bucket, key and operation; what must be allowed for it; headers read; XML written."""

from __future__ import annotations

import pytest

from infra.object_store.errors import StoreError
from infra.object_store.http import xml
from infra.object_store.http.conditions import read_conditions, read_copy_range, read_range
from infra.object_store.http.facts import read_facts
from infra.object_store.http.operations import OPERATIONS, find_operation
from infra.object_store.http.request import Head, read_address, read_copy_source
from infra.object_store.http.routes import HANDLERS
from infra.object_store.model import ByteRange, Conditions

DOMAINS = ("s3.localhost", "localhost")


def head(method: str, target: str, **headers: str) -> Head:
    found = {name.replace("_", "-"): value for name, value in {"host": "127.0.0.1:9000", **headers}.items()}
    return Head(method, target.encode(), found, [(k, v.encode()) for k, v in found.items()])


def code_of(act: object) -> str:
    with pytest.raises(StoreError) as refused:
        act()  # type: ignore[operator]
    return refused.value.code


@pytest.mark.parametrize(
    ("host", "target", "bucket", "key"),
    [
        ("127.0.0.1:9000", "/", "", ""),
        ("127.0.0.1:9000", "/b", "b", ""),
        ("127.0.0.1:9000", "/b/", "b", ""),
        ("127.0.0.1:9000", "/b/k", "b", "k"),
        ("127.0.0.1:9000", "/b//k", "b", "/k"),
        ("127.0.0.1:9000", "/b/../k", "b", "../k"),
        ("127.0.0.1:9000", "/b/a%2Fb%20c+d", "b", "a/b c+d"),
        ("b.localhost:9000", "/k/x", "b", "k/x"),
        ("b.s3.localhost", "/", "b", ""),
        ("a.b.localhost", "/k", "a.b", "k"),
        ("localhost", "/b/k", "b", "k"),
        ("elsewhere.example", "/b/k", "b", "k"),
        ("x", "http://x/b/k", "b", "k"),
    ],
)
def test_an_address_is_read_in_path_and_virtual_host_style(
    host: str, target: str, bucket: str, key: str
) -> None:
    found = read_address(head("GET", target, host=host), DOMAINS)
    assert (found.bucket, found.key) == (bucket, key)


def test_a_key_may_have_1024_bytes_and_must_be_utf8() -> None:
    assert read_address(head("GET", "/b/" + "%C3%BC" * 512), DOMAINS).key == "ü" * 512
    assert code_of(lambda: read_address(head("GET", "/b/" + "k" * 1025), DOMAINS)) == "KeyTooLongError"
    assert code_of(lambda: read_address(head("GET", "/b/%ff"), DOMAINS)) == "InvalidURI"


def test_every_operation_has_a_handler_an_action_and_is_found_by_what_it_is() -> None:
    assert {row.name for row in OPERATIONS} == HANDLERS.keys()
    for row in OPERATIONS:
        path = {"service": "/", "bucket": "/b", "object": "/b/k"}[row.level]
        request = head(row.method, f"{path}?{row.sub}=" if row.sub else path)
        if row.header:
            request = head(row.method, f"{path}?{row.sub}=" if row.sub else path, x_amz_copy_source="b/k")
        assert find_operation(request, read_address(request, DOMAINS)) is row
        assert row.action.startswith("s3:")
        assert row.resource == {"service": "*"}.get(row.level, row.level) or row.after_body


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("GET", "/b?acl", "NotImplemented"),
        ("PUT", "/b?cors", "NotImplemented"),
        ("POST", "/", "MethodNotAllowed"),
        ("PATCH", "/b/k", "MethodNotAllowed"),
        ("POST", "/b/k", "MethodNotAllowed"),
        ("DELETE", "/b?versioning", "MethodNotAllowed"),
    ],
)
def test_what_is_no_operation_is_refused(method: str, target: str, code: str) -> None:
    request = head(method, target)
    assert code_of(lambda: find_operation(request, read_address(request, DOMAINS))) == code


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bytes=0-9", ByteRange(0, 9)),
        ("bytes=5-", ByteRange(5, None)),
        ("bytes=-5", ByteRange(None, 5)),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=0-1,2-3", None),
        ("chunks=0-1", None),
        (None, None),
    ],
)
def test_a_range_is_read_and_what_is_none_is_ignored(text: str | None, found: ByteRange | None) -> None:
    assert read_range(text) == found


def test_a_copy_range_wants_both_ends() -> None:
    assert read_copy_range("bytes=1-2") == ByteRange(1, 2)
    for text in ("bytes=1-", "bytes=-1", "bytes=2-1", "1-2"):
        assert code_of(lambda text=text: read_copy_range(text)) == "InvalidArgument"


def test_conditions_are_read_and_a_date_that_is_none_is_ignored() -> None:
    found = read_conditions({"if-match": '"a", W/"b"', "if-modified-since": "yesterday"})
    assert found == Conditions(if_match=("a", "b"))
    since = read_conditions({"if-unmodified-since": "Sat, 21 Nov 2026 09:32:35 GMT"}).if_unmodified_since
    assert since == 1795253555.0


def test_copy_source_names_bucket_key_and_version() -> None:
    assert read_copy_source("/b/a%20b?versionId=v1") == ("b", "a b", "v1")
    assert read_copy_source("b/a/b") == ("b", "a/b", None)
    for text in ("b", "/b/", ""):
        assert code_of(lambda text=text: read_copy_source(text)) == "InvalidArgument"


def test_facts_are_what_clients_say_without_transfer_matters() -> None:
    found = read_facts(
        {
            "content-encoding": "deflate, aws-chunked,gzip",
            "x-amz-meta-a": "1",
            "x-amz-tagging": "k=v&l=",
            "cache-control": "no-store",
        }
    )
    assert found.headers["content-encoding"] == "deflate, gzip"
    assert found.headers["content-type"] == "binary/octet-stream"
    assert found.metadata == {"a": "1"} and found.tags == {"k": "v", "l": ""}
    assert "content-encoding" not in read_facts({"content-encoding": "aws-chunked"}).headers


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-acl": "public-read"}, "AccessControlListNotSupported"),
        ({"x-amz-grant-read": "id=x"}, "AccessControlListNotSupported"),
        ({"x-amz-server-side-encryption": "aws:kms"}, "NotImplemented"),
        ({"x-amz-object-lock-mode": "GOVERNANCE"}, "InvalidRequest"),
        ({"x-amz-storage-class": "SHINY"}, "InvalidStorageClass"),
        ({"x-amz-meta-a": "x" * 2048}, "MetadataTooLarge"),
        ({"x-amz-tagging": "aws:x=1"}, "InvalidTag"),
    ],
)
def test_wishes_that_would_not_come_true_are_refused(headers: dict[str, str], code: str) -> None:
    assert code_of(lambda: read_facts(headers)) == code


def test_xml_escapes_and_reads_without_document_types() -> None:
    assert xml.tag("Key", 'a&b<c>"\r\n\x01') == "<Key>a&amp;b&lt;c&gt;&quot;&#xd;&#xa;&#x1;</Key>"
    assert xml.read(b'<D xmlns="http://x/"><K>v</K></D>', "D").find("K") is not None
    for body in (b"", b"<D>", b"<E/>", b'<!DOCTYPE D [<!ENTITY a "b">]><D>&a;</D>', b"\xff\xfe"):
        assert code_of(lambda body=body: xml.read(body, "D")) == "MalformedXML"
