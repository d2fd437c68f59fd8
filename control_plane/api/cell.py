"""The way to a cell's private HTTP endpoint: its Unix socket, its token, and who is asking."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from airflow._wire import cell
from airflow._wire.layout import Layout

from control_plane.operations.service import CellRequest, CellResponse, CellUnreachable
from control_plane.unix_http import UnixConnection

RESPONSE_LIMIT = 6 * 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class CellCaller:
    """Calls cells by their directories, `<cells>/<environment>`. Blocking: call it from a worker thread."""

    cells: Path
    monotonic: Callable[[], float] = time.monotonic

    def call(self, environment: str, request: CellRequest, timeout: float) -> CellResponse:
        """Ask a cell. Raises CellUnreachable: 503 nobody listens, 504 not in time, 502 not an answer."""
        layout = Layout(self.cells / environment)
        deadline = self.monotonic() + timeout
        connection = UnixConnection(layout.api_socket, timeout)
        try:
            # A cell that refuses does not wait for the body, and its answer is there all the same.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(request.method, _target(request), request.body, _headers(request, layout))
            return self._read(connection, deadline)
        except TimeoutError:
            raise CellUnreachable(
                504, f"environment {environment} gave no answer within {timeout:g} s"
            ) from None
        except (OSError, ValueError) as error:
            raise CellUnreachable(503, f"environment {environment} does not answer: {error}") from error
        except http.client.HTTPException as error:
            raise CellUnreachable(
                502, f"environment {environment} broke off its answer: {error!r}"
            ) from error
        finally:
            connection.close()

    def _read(self, connection: UnixConnection, deadline: float) -> CellResponse:
        """The answer, all of it before the deadline however slowly it trickles."""
        self._await(connection, deadline)
        response = connection.getresponse()
        body = bytearray()
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > RESPONSE_LIMIT:
                return _too_large()
            self._await(connection, deadline)
        if response.length:
            raise http.client.IncompleteRead(bytes(body), response.length)
        return CellResponse(response.status, response.getheader("Content-Type") or "", bytes(body))

    def _await(self, connection: UnixConnection, deadline: float) -> None:
        left = deadline - self.monotonic()
        if left <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(left)


def _target(request: CellRequest) -> str:
    return f"{request.path}?{request.query}" if request.query else request.path


def _headers(request: CellRequest, layout: Layout) -> dict[str, str]:
    headers = {
        "Authorization": f"Bearer {cell.read(layout.spec).token}",
        "Accept": request.accept,
        "Connection": "close",
        "X-Aerodrome-User": request.user,
        "X-Aerodrome-Role": request.role,
    }
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    return headers


def _too_large() -> CellResponse:
    detail = f"the answer is larger than {RESPONSE_LIMIT} bytes: ask for less with limit and offset"
    return CellResponse(
        413, "application/json", json.dumps({"title": "Response too large", "detail": detail}).encode()
    )
