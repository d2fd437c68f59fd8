"""An object store in memory, with faults on demand. It passes the same conformance suite as the real one."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from sync.objects import ObjectInfo, ObjectStoreError

_EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class FakeObjectStore:
    """Behaves as `ObjectStore`. `fault(operation, key)` may raise, or wait, before an operation happens."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.fault: Callable[[str, str], None] = lambda operation, key: None
        self.spoil: Callable[[str, bytes], bytes] = lambda key, data: data
        self.together = 1
        self._lock = threading.Lock()

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        self._enter("list", prefix)
        with self._lock:
            keys = sorted((k for k in self.objects if k.startswith(prefix)), key=lambda key: key.encode())
            return [self._info(key) for key in keys]

    def get(self, key: str, if_match: str | None = None, version: str | None = None) -> bytes:
        self._enter("get", key)
        self._refuse(key, version)
        with self._lock:
            info = self._info(key)
            if if_match is not None and info.etag != if_match:
                raise ObjectStoreError("changed", f"cannot read {key}: it has changed")
            return self.spoil(key, self.objects[key])

    def put(self, key: str, data: bytes, if_none_match: bool = False) -> str:
        self._enter("put", key)
        with self._lock:
            if if_none_match and key in self.objects:
                raise ObjectStoreError("changed", f"cannot write {key}: it exists")
            self.objects[key] = bytes(data)
            return self._info(key).etag

    def put_new(self, objects: Sequence[tuple[str, bytes]]) -> list[ObjectStoreError | None]:
        self.calls["put_new"] += 1
        assert len(objects) <= self.together
        return [self._put_new(key, data) for key, data in objects]

    def most_together(self) -> int:
        return self.together

    def _put_new(self, key: str, data: bytes) -> ObjectStoreError | None:
        try:
            self.put(key, data, if_none_match=True)
        except ObjectStoreError as error:
            return error
        return None

    def head(self, key: str, version: str | None = None) -> ObjectInfo:
        self._enter("head", key)
        self._refuse(key, version)
        with self._lock:
            return self._info(key)

    def delete(self, key: str) -> None:
        self._enter("delete", key)
        with self._lock:
            self.objects.pop(key, None)

    def watch(self, prefix: str, told: Callable[[bool], None], stopped: Callable[[], bool]) -> None:
        """It tells of nothing."""

    def _enter(self, operation: str, key: str) -> None:
        self.calls[operation] += 1
        self.fault(operation, key)

    def _refuse(self, key: str, version: str | None) -> None:
        """It keeps the newest only."""
        if version is not None:
            raise ObjectStoreError("no_such_key", f"cannot read version {version} of {key}: there is none")

    def _info(self, key: str) -> ObjectInfo:
        if key not in self.objects:
            raise ObjectStoreError("no_such_key", f"cannot read {key}: there is no such key")
        data = self.objects[key]
        return ObjectInfo(key, hashlib.md5(data, usedforsecurity=False).hexdigest(), len(data), None, _EPOCH)


class TellingStore(FakeObjectStore):
    """Speaks when the test does."""

    def __init__(self) -> None:
        super().__init__()
        self.tell: Callable[[bool], None] | None = None
        self.listening = threading.Event()
        self.end = threading.Event()
        self.fails = False

    def watch(self, prefix: str, told: Callable[[bool], None], stopped: Callable[[], bool]) -> None:
        if self.fails:
            raise ObjectStoreError("unreachable", "cannot watch")
        self.tell = told
        self.listening.set()
        assert self.end.wait(10)
