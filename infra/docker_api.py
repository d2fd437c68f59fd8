"""What we ask of a Docker engine, over its Unix socket: a dozen calls of its HTTP interface, and no library.

Every call has a connection of its own, so it may be made from any thread and none outlives the engine. Paths carry no
version: every engine since 20.10 understands these calls, and newer ones refuse the numbers of older ones.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

DEFAULT_SOCKET = Path("/var/run/docker.sock")
_SECONDS = 60.0
_FRAME = 8
"""Bytes before each piece of a container's output: which stream it is of, and how long it is."""


class DockerError(RuntimeError):
    """The engine refused; `status` is HTTP's."""

    def __init__(self, what: str, status: int, message: str) -> None:
        super().__init__(f"cannot {what}: the Docker engine says: {message}")
        self.status = status


class DockerAway(ConnectionError):
    """No engine answers."""


@dataclass(frozen=True, slots=True)
class Docker:
    """An engine."""

    path: Path = DEFAULT_SOCKET

    def list_containers(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Those with all of these labels, running or not."""
        filters = json.dumps({"label": [f"{name}={value}" for name, value in labels.items()]})
        found: list[dict[str, Any]] = self._ask(
            "list containers", "GET", "/containers/json", all="1", filters=filters
        )
        return found

    def find_container(self, name: str) -> dict[str, Any] | None:
        return self._find("look at a container", f"/containers/{quote(name)}/json")

    def create_container(self, name: str, config: Mapping[str, Any]) -> str:
        """Its id. One of that name that is there is refused with 409."""
        made = self._ask(f"create container {name}", "POST", "/containers/create", config, name=name)
        return str(made["Id"])

    def start_container(self, name: str) -> None:
        """One that runs already is no error."""
        self._ask(f"start container {name}", "POST", f"/containers/{quote(name)}/start")

    def stop_container(self, name: str, grace: int) -> None:
        """TERM, then KILL after so many seconds; it is not started again by itself. One that is gone is no error."""
        self._try(
            f"stop container {name}", "POST", f"/containers/{quote(name)}/stop", seconds=grace, t=str(grace)
        )

    def remove_container(self, name: str) -> None:
        """Whatever its state; one that is gone, or on its way, is no error."""
        self._try(
            f"remove container {name}", "DELETE", f"/containers/{quote(name)}", allow=409, force="1", v="1"
        )

    def update_container(self, name: str, limits: Mapping[str, Any]) -> None:
        self._ask(f"change the limits of {name}", "POST", f"/containers/{quote(name)}/update", limits)

    def read_output(self, name: str, lines: int) -> str:
        """The end of what a container has printed; '' when there is no such container."""
        path = f"/containers/{quote(name)}/logs"
        try:
            raw = self._raw(
                f"read the output of {name}", "GET", path, stdout="1", stderr="1", tail=str(lines)
            )
        except DockerError as error:
            if error.status == 404:
                return ""
            raise
        return b"".join(_unframe(raw)).decode(errors="replace")

    def find_image(self, reference: str) -> dict[str, Any] | None:
        return self._find("look at an image", f"/images/{quote(reference, safe='/:@')}/json")

    def ensure_network(self, name: str, labels: Mapping[str, str]) -> None:
        """A bridge whose containers do not reach each other, unless there is a network of that name."""
        if self._find("look at a network", f"/networks/{quote(name)}") is not None:
            return
        apart = {"com.docker.network.bridge.enable_icc": "false"}
        wanted = {
            "Name": name,
            "CheckDuplicate": True,
            "Driver": "bridge",
            "Options": apart,
            "Labels": labels,
        }
        self._try(f"make network {name}", "POST", "/networks/create", wanted, allow=409)

    # ---- HTTP

    def _find(self, what: str, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._ask(what, "GET", path)
        except DockerError as error:
            if error.status == 404:
                return None
            raise
        return found

    def _try(
        self,
        what: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        seconds: float = 0,
        allow: int = 404,
        **query: str,
    ) -> None:
        try:
            self._ask(what, method, path, body, seconds=seconds, **query)
        except DockerError as error:
            if error.status not in (404, allow):
                raise

    def _ask(
        self, what: str, method: str, path: str, body: Any = None, *, seconds: float = 0, **query: str
    ) -> Any:
        raw = self._raw(what, method, path, body, seconds=seconds, **query)
        return json.loads(raw) if raw else None

    def _raw(
        self, what: str, method: str, path: str, body: Any = None, *, seconds: float = 0, **query: str
    ) -> bytes:
        connection = _Connection(self.path, _SECONDS + seconds)
        try:
            connection.request(
                method,
                f"{path}?{urlencode(query)}" if query else path,
                None if body is None else json.dumps(body),
                {"Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            raw, status = answer.read(), answer.status
        except (OSError, http.client.HTTPException) as error:
            raise DockerAway(f"cannot {what}: no Docker engine answers at {self.path}: {error}") from None
        finally:
            connection.close()
        if status >= 400:
            raise DockerError(what, status, _message(raw))
        return raw


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _message(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["message"])
    except (ValueError, KeyError, TypeError):
        return raw.decode(errors="replace").strip() or "nothing"


def _unframe(raw: bytes) -> Iterator[bytes]:
    """The output without the header before each piece."""
    at = 0
    while at + _FRAME <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + _FRAME], "big")
        yield raw[at + _FRAME : at + _FRAME + size]
        at += _FRAME + size
