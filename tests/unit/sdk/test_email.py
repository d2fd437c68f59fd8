"""Mail: the message that a server receives, and what the options of [email] and [smtp] change."""

from __future__ import annotations

import email
import socketserver
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.utils.email import build_mime_message, get_email_address_list, send_email

from .conftest import Bundle


class Server(socketserver.ThreadingTCPServer):
    """Takes mail: what was said and sent is in `envelopes`."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.envelopes: list[tuple[list[str], str]] = []
        self.hang_ups = 0


class Session(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs that sends one mail."""

    server: Server

    def handle(self) -> None:
        if self.server.hang_ups:
            self.server.hang_ups -= 1
            return
        said: list[str] = []
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            said.append(line)
            word = line.split(" ")[0].upper()
            if word == "EHLO":
                self._say("250-here\r\n250 AUTH PLAIN")
            elif word == "AUTH":
                self._say("235 welcome")
            elif word == "DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.envelopes.append((said, b"".join(lines).decode()))
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        options = {
            "HOST": "127.0.0.1",
            "PORT": made.server_address[1],
            "STARTTLS": False,
            "MAIL_FROM": "us@here",
        }
        for name, value in options.items():
            monkeypatch.setenv(f"AIRFLOW__SMTP__SMTP_{name}", str(value))
        yield made
        made.shutdown()


def test_operator_sends_what_it_renders(
    bundle: Bundle, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://me:secret@ignored")
    bundle.write("<b>{{ ds }}</b>", "mail.html")
    note = bundle.path / bundle.write("x,y", "data.csv")
    dags = bundle.load(
        "from airflow import DAG\nfrom airflow.operators.email_operator import EmailOperator\nwith DAG('d'):\n"
        "    EmailOperator(task_id='t', to=['a@x', 'b@x'], cc='c@x; d@x', bcc='e@x', subject='of {{ ds }}',"
        f" html_content='mail.html', files=[{str(note)!r}], custom_headers={{'Reply-To': 'r@x'}})"
    )
    assert bundle.run(dags, "t")["state"] == "success"
    ((said, text),) = server.envelopes
    assert [line[9:-1] for line in said if line.startswith("rcpt")] == [
        "a@x",
        "b@x",
        "c@x",
        "d@x",
        "e@x",
    ]
    assert any(line.startswith("AUTH PLAIN") for line in said)
    message = email.message_from_string(text)
    assert (message["Subject"], message["From"], message["Reply-To"]) == ("of 2024-05-06", "us@here", "r@x")
    assert "e@x" not in text
    body, attached = message.get_payload()
    assert body.get_payload(decode=True) == b"<b>2024-05-06</b>"
    assert (attached.get_filename(), attached.get_payload(decode=True)) == ("data.csv", b"x,y")


def test_server_that_hangs_up_is_tried_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import smtplib

    server.hang_ups = 2
    send_email("a@x", "s", "t")
    assert len(server.envelopes) == 1
    server.hang_ups = 2
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_RETRY_LIMIT", "1")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send_email("a@x", "s", "t")
    send_email("a@x", "s", "t", dryrun=True)
    assert len(server.envelopes) == 1


def test_another_backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own_backend.py").write_text(
        "def send(to, subject, body, **more):\n    return to, more['conn_id']"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("AIRFLOW__EMAIL__EMAIL_BACKEND", "own_backend.send")
    assert send_email(["a@x", "b@x"], "s", "t") == ("a@x, b@x", "smtp_default")


@pytest.mark.parametrize(
    "given, found",
    [("a@x", ["a@x"]), ("a@x, b@x;c@x", ["a@x", "b@x", "c@x"]), (("a@x", "b@x"), ["a@x", "b@x"]), ([], [])],
)
def test_addresses(given: Any, found: list[str]) -> None:
    assert get_email_address_list(given) == found
    with pytest.raises(TypeError):
        get_email_address_list([1])  # type: ignore[list-item]


def test_message_has_no_copies_it_was_not_given() -> None:
    message, receivers = build_mime_message("me@x", "a@x", "s", "<p>", bcc=["b@x"])
    assert (message["CC"], message["To"], receivers) == (None, "a@x", ["a@x", "b@x"])
