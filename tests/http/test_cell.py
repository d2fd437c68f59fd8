"""The way to a cell over a real Unix socket: token, identity, time limit, and every way not to answer."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow._wire import cell
from airflow._wire.cell import Bucket, CellSpec
from airflow._wire.layout import Layout

from control_plane.api.cell import RESPONSE_LIMIT, CellCaller
from control_plane.operations.service import CellRequest, CellUnreachable

Script = Callable[[Any], None]
ASK = CellRequest("POST", "/api/v2/dags/d/dagRuns", "limit=1", b'{"a":1}', "admin", "Admin")


@contextmanager
def a_cell(cells: Path, script: Script, early: Script | None = None) -> Iterator[list[bytes]]:
    """A cell named `one` that reads a request's head and body, then follows the script; `early`: instead."""
    layout = Layout(cells / "one")
    layout.make()
    spec = CellSpec(
        environment="one",
        airflow_version="3.3.1",
        database_url="sqlite://",
        source=Bucket("b", "dags"),
        logs=Bucket("b", "logs"),
        python="python",
        sdk="/sdk",
        token="t0ken",
    )
    cell.write(layout.spec, spec)
    seen: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if early is not None:
                early(self.request)
                return
            data = b""
            while b"\r\n\r\n" not in data or not data.endswith(ASK.body or b""):
                data += self.request.recv(65536)
            seen.append(data)
            script(self.request)

    with socketserver.ThreadingUnixStreamServer(str(layout.api_socket), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()


def test_request_carries_the_token_and_who_asks(tmp_path: Path) -> None:
    answer = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}'
    with a_cell(tmp_path, lambda wire: wire.sendall(answer)) as seen:
        got = CellCaller(tmp_path).call("one", ASK, 10)
    assert (got.status, got.content_type, got.body) == (201, "application/json", b'{"a": 1}')
    assert seen[0].startswith(b"POST /api/v2/dags/d/dagRuns?limit=1 HTTP/1.1\r\n")
    for header in (b"Authorization: Bearer t0ken", b"X-Aerodrome-User: admin", b"X-Aerodrome-Role: Admin"):
        assert header in seen[0]


def test_refusal_that_does_not_wait_for_the_body_is_the_answer(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    def refuse(wire: Any) -> None:
        wire.recv(65536)
        wire.sendall(answer)

    ask = replace(ASK, body=b"x" * (8 * 1024 * 1024))  # more than a socket holds: the rest meets a closed one
    with a_cell(tmp_path, lambda _: None, early=refuse):
        got = CellCaller(tmp_path).call("one", ask, 10)
    assert (got.status, got.body) == (403, b"{}")


@pytest.mark.parametrize("made", [False, True])
def test_cell_that_does_not_listen_is_503(tmp_path: Path, made: bool) -> None:
    if made:
        with a_cell(tmp_path, lambda _: None):
            pass
    with pytest.raises(CellUnreachable) as caught:
        CellCaller(tmp_path).call("one", ASK, 10)
    assert caught.value.status == 503


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"]
)
def test_answer_that_breaks_off_is_502_or_503(tmp_path: Path, answer: bytes) -> None:
    with a_cell(tmp_path, lambda wire: wire.sendall(answer)), pytest.raises(CellUnreachable) as caught:
        CellCaller(tmp_path).call("one", ASK, 10)
    assert caught.value.status in (502, 503)


def test_answer_that_trickles_ends_at_the_limit(tmp_path: Path) -> None:
    over = threading.Event()

    def trickle(wire: Any) -> None:
        wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.02):
            try:
                wire.sendall(b"x")
            except OSError:
                return

    with a_cell(tmp_path, trickle), pytest.raises(CellUnreachable) as caught:
        try:
            CellCaller(tmp_path).call("one", ASK, 0.3)
        finally:
            over.set()
    assert caught.value.status == 504


def test_answer_over_the_limit_tells_the_client_to_ask_for_less(tmp_path: Path) -> None:
    def flood(wire: Any) -> None:
        try:
            wire.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (RESPONSE_LIMIT + 100_000))
        except OSError:
            return

    with a_cell(tmp_path, flood):
        got = CellCaller(tmp_path).call("one", ASK, 10)
    assert got.status == 413
    assert b"limit and offset" in got.body
