"""What the client makes of a server's worse answers: refusals, cut bodies, closed connections, nonsense."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sync import s3_requests
from sync.endpoint import explain_answer
from sync.objects import ObjectStore, ObjectStoreError, open_store

PAGE = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType><Contents><Key>a+b%2B%0A.py</Key>
<LastModified>2026-11-21T03:41:00.000Z</LastModified><ETag>"e"</ETag><Size>1</Size></Contents></ListBucketResult>"""


class Script(ThreadingHTTPServer):
    """Answers with the next (status, body, bytes really sent) of `answers`; the last one repeats."""

    answers: list[tuple[int, bytes, int]]
    seen: list[dict[str, str]]
    close_after_answer = False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Script

    def do_GET(self) -> None:
        self.server.seen.append({**self.headers, "path": self.path})
        answers = self.server.answers
        status, body, sent = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 03:41:00 GMT")
        self.end_headers()
        self.wfile.write(body[:sent])
        self.close_connection = sent < len(body) or self.server.close_after_answer

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the test looks at `seen`."""


@pytest.fixture
def server() -> Iterator[Script]:
    script = Script(("127.0.0.1", 0), Handler)
    script.seen = []
    thread = threading.Thread(target=script.serve_forever, args=(0.01,))
    thread.start()
    yield script
    script.shutdown()
    thread.join()
    script.server_close()


def client(server: Script) -> ObjectStore:
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    return open_store(
        bucket="b", endpoint=endpoint, access_key_id="AKID", secret_access_key="s", session_token="tok"
    )


def whole(status: int, body: bytes = b"") -> tuple[int, bytes, int]:
    return status, body, len(body)


def refusal(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", "denied"),
        (403, "InvalidAccessKeyId", "denied"),
        (403, "SignatureDoesNotMatch", "denied"),
        (404, "NoSuchBucket", "no_such_bucket"),
        (503, "SlowDown", "throttled"),
        (429, "", "throttled"),
        (500, "InternalError", "unreachable"),
        (302, "", "unreachable"),
    ],
)
def test_a_refused_listing_and_a_refused_read_have_the_same_code(
    server: Script, status: int, code: str, expected: str
) -> None:
    server.answers = [whole(status, refusal(code) if code else b"")]
    for operation in ("list", "get"):
        with pytest.raises(ObjectStoreError, match=r"^cannot ") as error:
            getattr(client(server), operation)("k")
        assert error.value.code == expected, operation


@pytest.mark.parametrize(
    "body", [b"<html>hello</html", b"\xff\xfe", b"", PAGE.replace(b"<Size>1", b"<Size>one")]
)
def test_an_answer_that_is_no_listing_is_an_error_and_not_an_empty_bucket(
    server: Script, body: bytes
) -> None:
    server.answers = [whole(200, body)]
    with pytest.raises(ObjectStoreError) as error:
        client(server).list("p/")
    assert error.value.code == "unreachable"


@pytest.mark.parametrize("operation", ["list", "get"])
def test_a_body_cut_short_is_an_error(server: Script, operation: str) -> None:
    server.answers = [(200, PAGE, len(PAGE) // 2)]
    with pytest.raises(ObjectStoreError) as error:
        getattr(client(server), operation)("k")
    assert error.value.code == "unreachable"


def test_a_listing_is_signed_decoded_and_not_parsed_twice(server: Script) -> None:
    server.answers = [whole(200, PAGE)]
    store = client(server)
    (info,) = store.list("p/")
    assert (info.key, info.etag, info.size) == ("a b+\n.py", "e", 1)
    assert store.list("p/")[0] is info
    request = server.seen[0]
    assert request["x-amz-security-token"] == "tok"
    assert (
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token" in request["authorization"]
    )


def test_a_kept_connection_that_the_server_closed_is_replaced(server: Script) -> None:
    server.answers = [whole(200, PAGE)]
    server.close_after_answer = True
    store = client(server)
    assert len(store.list("p/")) == len(store.list("p/")) == 1
    assert len(server.seen) == 2


def test_a_server_that_drips_does_not_hold_a_poll_for_ever(
    server: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_requests, "REQUEST_TIMEOUT", -1.0)
    monkeypatch.setattr("http.client.socket.socket.settimeout", lambda self, value: None, raising=False)
    server.answers = [whole(200, PAGE)]
    with pytest.raises(ObjectStoreError, match="took too long"):
        client(server).list("p/")


def test_a_refusal_names_what_and_which() -> None:
    error = explain_answer("list dags/ in s3://b", 403, "AccessDenied")
    assert error.message == (
        "cannot list dags/ in s3://b: access is denied (403 AccessDenied); check keys and bucket policy"
    )
