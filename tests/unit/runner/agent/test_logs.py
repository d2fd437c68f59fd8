"""Lines, masks, bounds and last lines of attempt logs."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from airflow._wire import messages

from runner.agent import endings, logs, masking
from runner.agent.logs import LINE_LIMIT, AttemptLog
from runner.agent.masking import Masker


class Kept:
    """A log store in memory."""

    def __init__(self) -> None:
        self.data = b""
        self.closed = False

    def append(self, key: str, data: bytes) -> None:
        self.data += data

    def close(self, key: str) -> None:
        self.closed = True

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.data.splitlines()]


def record(level: str = "info", event: str = "said", **more: Any) -> bytes:
    line = {"timestamp": "2024-01-01T00:00:00+00:00", "level": level, "event": event, "logger": "x", **more}
    return b"\x1e" + json.dumps(line).encode() + b"\n"


def feed(data: bytes, level: str | None = "INFO", step: int = 1 << 20, secrets: tuple[str, ...] = ()) -> Kept:
    kept = Kept()
    log = AttemptLog(kept, "k", level)
    log.masker.add(secrets)
    for start in range(0, len(data), step):
        log.feed(data[start : start + step])
    log.end(endings.last_line(messages.outcome("success", started_at=1.0, ended_at=2.0), 0))
    return kept


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_lines_are_the_same_when_they_arrive_in_pieces(step: int) -> None:
    kept = feed("plain é\n".encode() + record(extra=1) + b"\n\nno end", step=step)
    assert [line["event"] for line in kept.lines] == ["plain é", "said", "no end", "Task finished"]
    assert [line["logger"] for line in kept.lines] == ["task.stdout", "x", "task.stdout", "aerodrome.agent"]
    assert kept.lines[1]["extra"] == 1
    assert kept.closed


@pytest.mark.parametrize(
    "bad", [b"\x1enot json\n", b'\x1e{"level": "info"}\n', b"\x1e[1]\n", b"\x1e" + b"[" * 9999 + b"\n"]
)
def test_forged_record_is_kept_as_text(bad: bytes) -> None:
    (line, _last) = feed(bad).lines
    assert line["logger"] == "task.stdout"
    assert line["event"].startswith("\x1e")


def test_level_drops_what_is_below_but_never_the_end() -> None:
    kept = feed(b"print\n" + record("info") + record("error", "bad"), level="ERROR")
    assert [line["event"] for line in kept.lines] == ["bad", "Task finished"]


def test_disabled_log_is_not_written() -> None:
    kept = feed(b"print\n", level=None)
    assert (kept.data, kept.closed) == (b"", False)


def test_long_line_is_cut_between_characters() -> None:
    text = "aé" * LINE_LIMIT
    events = [line["event"] for line in feed(text.encode(), step=4096).lines[:-1]]
    assert "".join(events) == text
    assert all(len(event.encode()) <= LINE_LIMIT for event in events)


def test_size_is_bounded_and_the_end_is_still_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SIZE_LIMIT", 10_000)
    kept = feed(b"0123456789\n" * 2000, step=500)
    assert len(kept.data) < 11_000
    assert "longer than" in kept.lines[-2]["event"]
    assert kept.lines[-1]["event"] == "Task finished"


SECRET = 's3cr&t "p/ss"'


@pytest.mark.parametrize(
    "form",
    [SECRET, quote(SECRET), json.dumps(SECRET), base64.b64encode(SECRET.encode()).decode(), repr(SECRET)],
)
def test_secret_is_masked_in_every_spelling(form: str) -> None:
    kept = feed(f"a {form} b\n".encode() + record(event=f"a {form} b", deep=[{"x": form}]), secrets=(SECRET,))
    assert b"s3cr" not in kept.data
    assert b"czNj" not in kept.data
    assert all(line["event"].startswith("a ") for line in kept.lines[:2])


def test_secret_is_masked_when_a_long_line_is_cut_at_it() -> None:
    for shift in range(len(SECRET) + 2):
        line = b"x" * (LINE_LIMIT - shift) + SECRET.encode() + b"y" * 10 + b"\n"
        for step in (1 << 20, 1000):
            kept = feed(line, step=step, secrets=(SECRET,))
            assert b"s3cr" not in kept.data, shift
            assert b"p/ss" not in kept.data, shift


def test_short_values_are_left_alone() -> None:
    masker = Masker()
    masker.add(["abcd", "", None])
    assert not masker
    assert masker.text("abcd") == "abcd"


def test_lines_of_a_long_secret_are_masked_one_by_one() -> None:
    kept = feed(b"-----BEGIN\nMIIEvgIBADANBg\n", secrets=("-----BEGIN\nMIIEvgIBADANBg\n-----END",))
    assert [line["event"] for line in kept.lines[:2]] == ["***", "***"]


@pytest.mark.parametrize(
    ("method", "params", "result", "secrets"),
    [
        ("get_variable", {"key": "db_password"}, {"found": True, "value": "v"}, {"v"}),
        ("get_variable", {"key": "API-KEY"}, {"found": True, "value": '{"a": ["b"]}'}, {'{"a": ["b"]}', "b"}),
        ("get_variable", {"key": "colour"}, {"found": True, "value": "v"}, set()),
        ("get_variable", {"key": "password"}, {"found": False}, set()),
        (
            "get_connection",
            {"conn_id": "c"},
            {"found": True, "password": "p", "host": "h", "extra": '{"token": "t", "region": "r"}'},
            {"p", "t"},
        ),
    ],
)
def test_secrets_are_found_in_answers(
    method: str, params: dict[str, Any], result: dict[str, Any], secrets: set[str]
) -> None:
    assert set(masking.secrets_in_answer({"method": method, "params": params}, result)) == secrets
