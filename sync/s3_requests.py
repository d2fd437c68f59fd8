"""Signed requests about one bucket, by hand: for what obstore cannot ask.

Connections are kept open and used again. One that the server has closed meanwhile is replaced once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import http.client
import ssl
import time
import urllib.parse
import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from sync.endpoint import CONNECT_TIMEOUT, REQUEST_TIMEOUT, Location, explain_answer
from sync.objects import ObjectStoreError

_CHUNK = 1 << 18
_KEPT_CONNECTIONS = 4
_MAX_ANSWER = 64 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. `headers`: by their names in lower case."""

    body: bytes
    headers: dict[str, str]


class Requests:
    """Asks one bucket. Safe to use from several threads."""

    def __init__(self, location: Location) -> None:
        self._location = location
        endpoint = location.endpoint or f"https://s3.{location.region}.amazonaws.com"
        self._url = urllib.parse.urlsplit(endpoint)
        self._path = f"{self._url.path.rstrip('/')}/{urllib.parse.quote(location.bucket)}"
        self._idle: deque[http.client.HTTPConnection] = deque()
        weakref.finalize(self, _close_all, self._idle)
        self._ambient: Any = None

    def send(self, method: str, query: dict[str, str], what: str, body: bytes = b"") -> Answer:
        """Ask, and have the whole answer. `what`: for the error. Raises ObjectStoreError for any status but 200."""
        try:
            status, answer = self._send(method, _encode(query), body)
        except (http.client.HTTPException, OSError) as error:
            raise _unreachable(what, error) from None
        if status != 200:
            raise _refusal(what, status, answer.body)
        return answer

    @contextlib.contextmanager
    def open_stream(
        self, query: dict[str, str], what: str, silence: float
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer that goes on, read by the caller; `silence` seconds without a word end it. Raises
        ObjectStoreError, also for what goes wrong while it is read."""
        connection, text = None, _encode(query)
        try:
            connection = self._open()
            connection.request("GET", f"{self._path}?{text}", headers=self._headers("GET", text, b""))
            connection.sock.settimeout(silence)
            response = connection.getresponse()
            if response.status != 200:
                raise _refusal(what, response.status, response.read(_CHUNK))
            yield response
        except (http.client.HTTPException, OSError) as error:
            raise _unreachable(what, error) from None
        finally:
            if connection is not None:
                connection.close()

    def _send(self, method: str, query: str, body: bytes) -> tuple[int, Answer]:
        headers, path = self._headers(method, query, body), f"{self._path}?{query}"
        deadline = time.monotonic() + REQUEST_TIMEOUT
        while True:
            connection, reused = self._connect()
            try:
                connection.request(method, path, body or None, headers)
                response = connection.getresponse()
                found = _read(response, deadline)
                response.close()  # read1 does not notice the end, and the connection could not be used again
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                if reused:
                    continue
                raise
            except BaseException:
                connection.close()
                raise
            if response.will_close or len(self._idle) >= _KEPT_CONNECTIONS:
                connection.close()
            else:
                self._idle.append(connection)
            return response.status, Answer(
                found, {name.lower(): value for name, value in response.headers.items()}
            )

    def _connect(self) -> tuple[http.client.HTTPConnection, bool]:
        try:
            return self._idle.popleft(), True
        except IndexError:
            return self._open(), False

    def _open(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        connection: http.client.HTTPConnection
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=CONNECT_TIMEOUT, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT)
        connection.connect()
        connection.sock.settimeout(REQUEST_TIMEOUT)
        return connection

    def _headers(self, method: str, query: str, body: bytes) -> dict[str, str]:
        now = dt.datetime.now(dt.UTC)
        headers = {"host": self._url.netloc.rpartition("@")[2]}
        headers["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
        headers["x-amz-date"] = now.strftime("%Y%m%dT%H%M%SZ")
        keys = self._keys()
        if keys is None:
            return headers
        access_key_id, secret, token = keys
        if token:
            headers["x-amz-security-token"] = token
        asked = f"{method}\n{self._path}\n{query}"
        headers["authorization"] = _sign(asked, headers, access_key_id, secret, self._location.region)
        return headers

    def _keys(self) -> tuple[str, str, str | None] | None:
        """The keys to sign with: those configured, or those that AWS' own tools would find."""
        at = self._location
        if at.access_key_id:
            return at.access_key_id, at.secret_access_key or "", at.session_token
        if self._ambient is None:
            import botocore.session  # slow to import, and needed only where a role gives the credentials

            self._ambient = botocore.session.get_session().get_credentials() or False
        if not self._ambient:
            return None
        frozen = self._ambient.get_frozen_credentials()
        return frozen.access_key, frozen.secret_key, frozen.token


def _close_all(connections: deque[http.client.HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The whole body, in bounded time and size: a server that drips must not hold a poll for ever."""
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if time.monotonic() > deadline:
            raise TimeoutError("the answer took too long")
        if size > _MAX_ANSWER:
            raise http.client.HTTPException("the answer is too large")
    if response.length:
        raise http.client.IncompleteRead(b"".join(chunks), response.length)
    return b"".join(chunks)


def _encode(query: dict[str, str]) -> str:
    quote = urllib.parse.quote
    return "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(query.items()))


def _sign(asked: str, headers: dict[str, str], key_id: str, secret: str, region: str) -> str:
    """The Authorization header of Signature Version 4. `asked`: method, path and query, a line each."""
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    signed = ";".join(names)
    request = f"{asked}\n{lines}\n{signed}\n{headers['x-amz-content-sha256']}"
    stamp = headers["x-amz-date"]
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"


def _unreachable(what: str, error: Exception) -> ObjectStoreError:
    return ObjectStoreError("unreachable", f"cannot {what}: {str(error) or type(error).__name__}")


def _refusal(what: str, status: int, body: bytes) -> ObjectStoreError:
    try:
        answer = ElementTree.fromstring(body)  # noqa: S314 - from the store we are configured for
        named = answer.findtext("Code") or ""
    except ElementTree.ParseError:
        named = ""
    if status == 404 and not named:
        named = "NoSuchBucket"
    return explain_answer(what, status, named)
