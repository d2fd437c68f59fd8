"""The object store on S3: obstore moves the data, `sync.listing` lists.

Timeouts are short and retries few, because whoever calls has a better answer to a failing store than to wait:
the mirror keeps its last good snapshot, the log store spools.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from sync.endpoint import CONNECT_TIMEOUT, REQUEST_TIMEOUT, Location, explain_answer
from sync.listing import Lister
from sync.objects import ObjectInfo, ObjectStoreError
from sync.putting import Putter
from sync.s3_requests import Requests

_RETRIES = 1
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
T = TypeVar("T")


class S3ObjectStore:
    """`ObjectStore` on S3, path style, plain HTTP allowed."""

    def __init__(self, location: Location, prefix: str) -> None:
        self._location = location
        self._base = f"{prefix}/" if prefix else ""
        self._data = _open_data(location)
        requests = Requests(location)
        self._lister = Lister(requests, repr(location))
        self._putter = Putter(requests, repr(location))

    def __repr__(self) -> str:
        return f"<{self._location!r} under {self._base!r}>"

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        found = self._lister.list(self._base + prefix)
        if not self._base:
            return found
        cut = len(self._base)
        return [ObjectInfo(o.key[cut:], o.etag, o.size, o.version, o.modified) for o in found]

    def get(self, key: str, if_match: str | None = None, version: str | None = None) -> bytes:
        options: Any = {"if_match": f'"{if_match}"'} if if_match else {}
        if version:
            options["version"] = version
        return self._call(
            "read",
            key,
            lambda path: obstore.get(self._data, path, options=options).bytes().to_bytes(),
            version,
        )

    def put(self, key: str, data: bytes, if_none_match: bool = False) -> str:
        mode: Any = "create" if if_none_match else "overwrite"
        result = self._call(
            "write", key, lambda path: obstore.put(self._data, path, data, mode=mode, use_multipart=False)
        )
        return _bare(result["e_tag"])

    def put_new(self, objects: Sequence[tuple[str, bytes]]) -> Sequence[ObjectStoreError | None]:
        if len(objects) > 1 and self.most_together() > 1:
            return self._putter.put([(self._base + key, data) for key, data in objects])
        return [self._put_new(key, data) for key, data in objects]

    def most_together(self) -> int:
        return self._putter.find_most(self._base)

    def _put_new(self, key: str, data: bytes) -> ObjectStoreError | None:
        try:
            self.put(key, data, if_none_match=True)
        except ObjectStoreError as error:
            return error
        return None

    def head(self, key: str, version: str | None = None) -> ObjectInfo:
        options: Any = {"head": True, "version": version}
        meta = self._call(
            "look at",
            key,
            lambda path: (
                obstore.get(self._data, path, options=options).meta
                if version
                else obstore.head(self._data, path)
            ),
            version,
        )
        return ObjectInfo(key, _bare(meta["e_tag"]), meta["size"], meta["version"], meta["last_modified"])

    def delete(self, key: str) -> None:
        self._call("delete", key, lambda path: obstore.delete(self._data, path))

    def watch(self, prefix: str, told: Callable[[bool], None], stopped: Callable[[], bool]) -> None:
        self._lister.watch(self._base + prefix, told, stopped)

    def _call(self, verb: str, key: str, act: Callable[[str], T], version: str | None = None) -> T:
        try:
            return act(self._base + key)
        except (obstore.exceptions.BaseError, FileNotFoundError, ValueError, OSError) as error:
            which = f"version {version} of {self._base + key}" if version else self._base + key
            raise _explain(f"{verb} {which} in {self._location!r}", error, bool(version)) from None


def _open_data(at: Location) -> S3Store:
    keys: dict[str, Any] = {}
    if at.access_key_id:
        keys = {"access_key_id": at.access_key_id, "secret_access_key": at.secret_access_key}
        if at.session_token:
            keys["session_token"] = at.session_token
    if at.endpoint:
        keys["endpoint"] = at.endpoint
    backoff: Any = {
        "init_backoff": dt.timedelta(milliseconds=100),
        "max_backoff": dt.timedelta(seconds=1),
        "base": 2,
    }
    return S3Store(
        at.bucket,
        region=at.region,
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": True,
            "connect_timeout": dt.timedelta(seconds=CONNECT_TIMEOUT),
            "timeout": dt.timedelta(seconds=REQUEST_TIMEOUT),
        },
        retry_config={
            "max_retries": _RETRIES,
            "retry_timeout": dt.timedelta(seconds=REQUEST_TIMEOUT),
            "backoff": backoff,
        },
        **keys,
    )


def _bare(etag: str | None) -> str:
    return (etag or "").strip('"')


def _explain(what: str, error: Exception, versioned: bool) -> ObjectStoreError:
    text = str(error)
    if isinstance(error, (AlreadyExistsError, PreconditionError)):
        return ObjectStoreError("changed", f"cannot {what}: it is no longer as it was expected to be")
    named, status = _CODE.search(text), _STATUS.search(text)
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
        return explain_answer(what, 403, named.group(1) if named else "AccessDenied")
    if (
        versioned and status and status.group(1) == "400"
    ):  # so S3 calls a version that cannot be one of its own
        return explain_answer(what, 404, "NoSuchVersion")
    if named or status:
        return explain_answer(what, int(status.group(1)) if status else 0, named.group(1) if named else "")
    if isinstance(error, FileNotFoundError):
        return ObjectStoreError("no_such_key", f"cannot {what}: there is no such key")
    first = text.split("\n\nDebug source", 1)[0].splitlines()[0] if text else type(error).__name__
    return ObjectStoreError("unreachable", f"cannot {what}: {first}")
