"""Many small new objects in one request, where the store offers that: the embedded one does.

`POST /bucket?x-aerodrome-put`, a line of JSON that names each key and size, and the bytes one after another. The
answer is JSON, for each object its ETag or its refusal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sync.endpoint import explain_answer
from sync.objects import ObjectStoreError
from sync.s3_requests import Requests

_PUT = "x-aerodrome-put"


class Putter:
    """Makes objects together. Safe to use from several threads. `where`: the bucket, for errors."""

    def __init__(self, requests: Requests, where: str) -> None:
        self._requests = requests
        self._where = where
        self._most: int | None = None

    def find_most(self, prefix: str) -> int:
        """How many objects below `prefix` one request may make; 1 where the store does not say. Never raises."""
        if self._most is None:
            query = {"list-type": "2", "max-keys": "0", "prefix": prefix}
            try:
                answer = self._requests.send("GET", query, f"list {prefix} in {self._where}")
            except ObjectStoreError as error:
                self._most = 1 if error.code == "denied" else None
                return 1
            self._most = max(1, int(answer.headers.get(_PUT, "1")))
        return self._most

    def put(self, objects: Sequence[tuple[str, bytes]]) -> Sequence[ObjectStoreError | None]:
        """Make objects that are not there yet; why not, for each. Raises ObjectStoreError when none was looked at."""
        index = json.dumps([[key, len(data)] for key, data in objects]).encode()
        body = b"\n".join((index, b"".join(data for _key, data in objects)))
        what = f"write {len(objects)} objects in {self._where}"
        most, self._most = self._most, None  # a store that fails is asked again what it offers
        answer = self._requests.send("POST", {_PUT: ""}, what, body)
        self._most = most
        try:
            outcomes = json.loads(answer.body)
            return [self._read(key, one) for (key, _), one in zip(objects, outcomes, strict=True)]
        except (ValueError, TypeError, KeyError):
            raise ObjectStoreError("unreachable", f"cannot {what}: the answer cannot be understood") from None

    def _read(self, key: str, outcome: dict[str, str | int]) -> ObjectStoreError | None:
        if "etag" in outcome:
            return None
        return explain_answer(f"write {key} in {self._where}", int(outcome["status"]), str(outcome["code"]))
