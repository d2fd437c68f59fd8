"""What a command gets: its arguments, the cell's REST API, and two streams to write to."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.datastructures import Headers, QueryParams

from runner.api.airflow.audit import EVENTS
from runner.api.airflow.routes import ROUTES
from runner.api.auth import Role, allow
from runner.api.call import Call, Handler
from runner.api.cli.printing import render

_PAGE = 100
_MOST_ROWS = 10_000


class Exit(Exception):
    """The command ends here, with an exit status and a last word on stderr."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Streams:
    """What a command has written."""

    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shell:
    """One command on its way. It reaches the cell only as a client of REST v2 would, and with the same rights."""

    call: Call
    args: argparse.Namespace
    streams: Streams

    @property
    def version(self) -> tuple[int, ...]:
        """The environment's Airflow version: (2, 10). Texts and columns changed between releases."""
        parts = self.call.cell.spec.airflow_version.split(".")
        return tuple(int(part) for part in parts[:2] if part.isdecimal())

    @property
    def sees_secrets(self) -> bool:
        """Whether secrets are shown as they are; everybody else sees them masked, as in the REST API."""
        return self.call.identity.role >= Role.ADMIN

    def say(self, text: object) -> None:
        """A line on stdout."""
        self.streams.out.append(f"{text}\n")

    def warn(self, text: str) -> None:
        """A line on stderr."""
        self.streams.err.append(f"{text}\n")

    def show(self, rows: list[dict[str, Any]]) -> None:
        """A table in the format of `--output`."""
        self.say(render(rows, self.args.output))

    def ask(
        self,
        method: str,
        pattern: str,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> Any:
        """A route's answer. Raises ApiError as the route does."""
        handler, least = find_route(method, pattern)
        allow(self.call.identity, least)
        call = replace(
            self.call,
            path=dict(path or {}),
            params=QueryParams(urlencode(dict(query or {}), doseq=True)),
            headers=Headers({"accept": "application/json"}),
            body=b"" if body is None else orjson.dumps(body),
            event=EVENTS.get((method, pattern)),
        )
        answer = handler(call).body
        return orjson.loads(answer) if answer else None

    def ask_all(
        self, pattern: str, key: str, path: Mapping[str, str] | None = None, **query: Any
    ) -> list[dict[str, Any]]:
        """Every page of a list."""
        return list(self._pages(pattern, key, path or {}, query))

    def _pages(
        self, pattern: str, key: str, path: Mapping[str, str], query: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        for offset in range(0, _MOST_ROWS, _PAGE):
            page = self.ask("GET", pattern, path, {**query, "limit": _PAGE, "offset": offset})
            yield from page[key]
            if offset + _PAGE >= page["total_entries"]:
                return
        self.warn(f"Only the first {_MOST_ROWS} are shown")


def find_route(method: str, pattern: str) -> tuple[Handler, Role]:
    """A route of REST v2 and the least role that may use it. Raises LookupError."""
    for candidate, path, handler, least in ROUTES:
        if (candidate, path) == (method, pattern):
            return handler, least
    raise LookupError(f"cannot find {method} {pattern}: runner.api.airflow.routes has no such row")


def iso(text: str | None) -> str:
    """A moment of the REST API as `isoformat` writes it; '' for none."""
    return "" if text is None else text.replace("Z", "+00:00")


def plain(text: str | None) -> str | None:
    """A moment of the REST API as `str` writes a datetime."""
    return None if text is None else str(dt.datetime.fromisoformat(iso(text)))
