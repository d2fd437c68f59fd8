"""ListObjectsV2 by hand, because a listing must survive hostile keys and cost next to nothing.

obstore refuses a whole listing for one key such as `../x`, and drops the slash that tells a directory marker
from a file. Here keys come out as they are stored. A page whose bytes did not change is not parsed again and
gives the very same objects, so polling an idle bucket costs one request and one hash.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.client
import ssl
import threading
import time
import urllib.parse
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from sync.endpoint import CONNECT_TIMEOUT, REQUEST_TIMEOUT, Location, explain_answer
from sync.objects import ObjectInfo, ObjectStoreError

_NOTHING = hashlib.sha256(b"").hexdigest()
_CHUNK = 1 << 18
_KEPT_CONNECTIONS = 4
_WATCH = "x-aerodrome-watch"
_WATCH_SILENCE = 30.0
"""Seconds without a word, of which there is one every ten."""
_MAX_PAGE = 64 << 20


@dataclass(frozen=True, slots=True)
class _Page:
    digest: bytes
    objects: tuple[ObjectInfo, ...]
    truncated: bool


class Lister:
    """Lists one bucket over kept-open connections. Safe to use from several threads."""

    def __init__(self, location: Location) -> None:
        self._location = location
        endpoint = location.endpoint or f"https://s3.{location.region}.amazonaws.com"
        self._url = urllib.parse.urlsplit(endpoint)
        self._path = f"{self._url.path.rstrip('/')}/{urllib.parse.quote(location.bucket)}"
        self._idle: deque[http.client.HTTPConnection] = deque()
        weakref.finalize(self, _close_all, self._idle)
        self._pages: dict[str, dict[str, _Page]] = {}
        self._lock = threading.Lock()
        self._ambient: Any = None
        self.offers_watch = False
        """Whether the store said that it tells of changes: the embedded one does."""

    def list(self, prefix: str) -> list[ObjectInfo]:
        """All objects under `prefix`, in key order. Raises ObjectStoreError."""
        known = self._pages.get(prefix, {})
        seen: dict[str, _Page] = {}
        found: list[ObjectInfo] = []
        after = ""
        while True:
            page = self._page(prefix, after, known.get(after))
            seen[after] = page
            found.extend(page.objects)
            if not page.truncated or not page.objects:
                break
            after = page.objects[-1].key
        with self._lock:
            if (
                prefix in self._pages or len(self._pages) < 4
            ):  # few prefixes are polled; the rest are read once
                self._pages[prefix] = seen
        return found

    def _page(self, prefix: str, after: str, known: _Page | None) -> _Page:
        query = {"encoding-type": "url", "list-type": "2", "max-keys": "1000", "prefix": prefix}
        if after:
            query["start-after"] = after
        what = f"list {prefix or 'the bucket'} in {self._location!r}"
        status, body = self._request(_encode(query), what)
        if status != 200:
            raise _refusal(what, status, body)
        digest = hashlib.sha256(body).digest()
        if known is not None and known.digest == digest:
            return known
        return _parse(body, digest, what)

    def _request(self, query: str, what: str) -> tuple[int, bytes]:
        """One GET; a kept connection that the server has closed meanwhile is replaced once."""
        headers = self._headers(query)
        deadline = time.monotonic() + REQUEST_TIMEOUT
        try:
            while True:
                connection, reused = self._connect()
                try:
                    connection.request("GET", f"{self._path}?{query}", headers=headers)
                    response = connection.getresponse()
                    body = _read(response, deadline)
                    response.close()  # read1 does not notice the end, and the connection could not be used again
                    self.offers_watch = response.headers.get(_WATCH) == "true"
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
                return response.status, body
        except (http.client.HTTPException, OSError) as error:
            reason = str(error) or type(error).__name__
            raise ObjectStoreError("unreachable", f"cannot {what}: {reason}") from None

    def watch(self, prefix: str, told: Callable[[bool], None], stopped: Callable[[], bool]) -> None:
        """Call `told(True)` when something below `prefix` changed, `told(False)` as a sign of life.

        Until the store ends it or `stopped`. Returns at once when the store did not offer it with its last listing.
        Raises ObjectStoreError.
        """
        if not self.offers_watch:
            return
        query = _encode({_WATCH: "", "prefix": prefix})
        what = f"watch {prefix or 'the bucket'} in {self._location!r}"
        connection = None
        try:
            connection = self._open()
            connection.request("GET", f"{self._path}?{query}", headers=self._headers(query))
            connection.sock.settimeout(_WATCH_SILENCE)
            response = connection.getresponse()
            if response.status != 200:
                raise _refusal(what, response.status, response.read(_CHUNK))
            while not stopped() and (line := response.readline()):
                told(bool(line.strip()))
        except (http.client.HTTPException, OSError) as error:
            reason = str(error) or type(error).__name__
            raise ObjectStoreError("unreachable", f"cannot {what}: {reason}") from None
        finally:
            if connection is not None:
                connection.close()

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

    def _headers(self, query: str) -> dict[str, str]:
        now = dt.datetime.now(dt.UTC)
        headers = {"host": self._url.netloc.rpartition("@")[2], "x-amz-content-sha256": _NOTHING}
        headers["x-amz-date"] = now.strftime("%Y%m%dT%H%M%SZ")
        keys = self._keys()
        if keys is None:
            return headers
        access_key_id, secret, token = keys
        if token:
            headers["x-amz-security-token"] = token
        headers["authorization"] = _sign(
            self._path, query, headers, access_key_id, secret, self._location.region
        )
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
        if size > _MAX_PAGE:
            raise http.client.HTTPException("the answer is too large for a page of a listing")
    if response.length:
        raise http.client.IncompleteRead(b"".join(chunks), response.length)
    return b"".join(chunks)


def _encode(query: dict[str, str]) -> str:
    quote = urllib.parse.quote
    return "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(query.items()))


def _sign(path: str, query: str, headers: dict[str, str], key_id: str, secret: str, region: str) -> str:
    """The Authorization header of Signature Version 4 for a GET without a body."""
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    signed = ";".join(names)
    request = f"GET\n{path}\n{query}\n{lines}\n{signed}\n{_NOTHING}"
    stamp = headers["x-amz-date"]
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"


def _refusal(what: str, status: int, body: bytes) -> ObjectStoreError:
    try:
        answer = ElementTree.fromstring(body)  # noqa: S314 - from the store we are configured for
        named = answer.findtext("Code") or ""
    except ElementTree.ParseError:
        named = ""
    if status == 404 and not named:
        named = "NoSuchBucket"
    return explain_answer(what, status, named)


def _parse(body: bytes, digest: bytes, what: str) -> _Page:
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - from the store we are configured for
        space = root.tag.rpartition("}")[0] + "}" if root.tag.startswith("{") else ""
        encoded = root.findtext(f"{space}EncodingType") == "url"
        objects = tuple(_object(item, space, encoded) for item in root.iter(f"{space}Contents"))
        return _Page(digest, objects, root.findtext(f"{space}IsTruncated") == "true")
    except (ElementTree.ParseError, ValueError) as error:
        raise ObjectStoreError(
            "unreachable", f"cannot {what}: the answer is not a listing ({error})"
        ) from None


def _object(item: ElementTree.Element, space: str, encoded: bool) -> ObjectInfo:
    fields = {child.tag: child.text or "" for child in item}
    key = fields[f"{space}Key"]
    return ObjectInfo(
        key=urllib.parse.unquote_plus(key) if encoded else key,
        etag=fields.get(f"{space}ETag", "").strip('"'),
        size=int(fields.get(f"{space}Size", "0")),
        version=None,
        modified=dt.datetime.fromisoformat(fields[f"{space}LastModified"]),
    )
