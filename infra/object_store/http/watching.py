"""Told, not asked: a client holds a request open and gets a line whenever something below its prefix has changed.

This is ours and not S3's: `GET /bucket?x-aerodrome-watch&prefix=dags/`, offered by a header of every listing. It needs
the permission to list. A line says that something changed, not what: whoever is told lists again. Writes that come
together are told together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from infra.object_store.http.answers import Answer
from infra.object_store.http.front import Call
from infra.object_store.model import Change

PARAMETER = "x-aerodrome-watch"
OFFER = (PARAMETER, "true")
CHANGED, ALIVE = b"changed\n", b"\n"
_BEAT_SECONDS = 10.0
_TOGETHER_SECONDS = 0.03


async def watch(call: Call) -> Answer:
    """A stream that ends with the connection or with the store."""
    call.bucket()
    return Answer(200, (("content-type", "text/plain"), OFFER), stream=_tell(call))


async def _tell(call: Call) -> AsyncGenerator[bytes]:
    changed = asyncio.Event()
    bucket, prefix = call.bucket_name, call.query.get("prefix", "")

    def on_changes(changes: Sequence[Change]) -> None:
        if any(one.bucket == bucket and one.key.startswith(prefix) for one in changes):
            changed.set()

    end = call.store.listen(on_changes)
    stop = asyncio.ensure_future(call.stop.wait())
    try:
        yield ALIVE
        while not call.stop.is_set():
            news = asyncio.ensure_future(changed.wait())
            try:
                await asyncio.wait((news, stop), timeout=_BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            finally:
                news.cancel()
            if not changed.is_set():
                yield ALIVE
                continue
            changed.clear()
            yield CHANGED
            await asyncio.sleep(_TOGETHER_SECONDS)
    finally:
        stop.cancel()
        end()
