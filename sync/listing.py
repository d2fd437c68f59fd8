"""ListObjectsV2 by hand, because a listing must survive hostile keys and cost next to nothing.

obstore refuses a whole listing for one key such as `../x`, and drops the slash that tells a directory marker
from a file. Here keys come out as they are stored. A page whose bytes did not change is not parsed again and
gives the very same objects, so polling an idle bucket costs one request and one hash.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree

from sync.objects import ObjectInfo, ObjectStoreError
from sync.s3_requests import Requests

_WATCH = "x-aerodrome-watch"
_WATCH_SILENCE = 30.0
"""Seconds without a word, of which there is one every ten."""


@dataclass(frozen=True, slots=True)
class _Page:
    digest: bytes
    objects: tuple[ObjectInfo, ...]
    truncated: bool


class Lister:
    """Lists one bucket. Safe to use from several threads. `where`: the bucket, for errors."""

    def __init__(self, requests: Requests, where: str) -> None:
        self._requests = requests
        self._where = where
        self._pages: dict[str, dict[str, _Page]] = {}
        self._lock = threading.Lock()
        self._offers_watch = False

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
        what = f"list {prefix or 'the bucket'} in {self._where}"
        answer = self._requests.send("GET", query, what)
        self._offers_watch = answer.headers.get(_WATCH) == "true"
        digest = hashlib.sha256(answer.body).digest()
        if known is not None and known.digest == digest:
            return known
        return _parse(answer.body, digest, what)

    def watch(self, prefix: str, told: Callable[[bool], None], stopped: Callable[[], bool]) -> None:
        """Call `told(True)` when something below `prefix` changed, `told(False)` as a sign of life.

        Until the store ends it or `stopped`. Returns at once when the store did not offer it with its last listing.
        Raises ObjectStoreError.
        """
        if not self._offers_watch:
            return
        what = f"watch {prefix or 'the bucket'} in {self._where}"
        with self._requests.open_stream({_WATCH: "", "prefix": prefix}, what, _WATCH_SILENCE) as lines:
            while not stopped() and (line := lines.readline()):
                told(bool(line.strip()))


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
