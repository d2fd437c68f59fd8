"""Bodies on their way in: few bytes stay in memory for the index, more go to a staged file while they come.

Hashing and writing happen in two threads at once, one step behind the network; a body never holds more than two steps.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from infra.object_store.checksums import Hasher
from infra.object_store.errors import StoreError, translate_failure
from infra.object_store.interface import Body
from infra.object_store.model import Algorithm
from infra.object_store.store.blobs import Blobs

MOST_INLINE = 64 * 1024
"""Up to here an object lives in the index (see infra/adr/0002)."""
_STEP = 256 * 1024
_HASH_HERE = 16 * 1024


@dataclass(frozen=True, slots=True)
class NewContent:
    """Bytes that are ready to be committed: in memory or in a placed file."""

    size: int
    digests: Mapping[str, bytes]
    data: bytes | None = None
    file: str | None = None

    @property
    def md5(self) -> bytes:
        return self.digests["MD5"]


class StagedBody(Body):
    """See interface.Body. Used by one task at a time."""

    def __init__(self, blobs: Blobs, threads: Executor, algorithms: Sequence[Algorithm]) -> None:
        self._blobs = blobs
        self._threads = threads
        self._hasher = Hasher(algorithms)
        self._chunks: list[bytes] = []
        self._held = 0
        self._size = 0
        self._step: asyncio.Future[tuple[None, None]] | None = None
        self._file: tuple[str, int] | None = None
        self._digests: dict[str, bytes] | None = None
        self._content: NewContent | None = None
        self._gone = False

    @property
    def size(self) -> int:
        return self._size

    async def write(self, chunk: bytes) -> None:
        if self._digests is not None or self._gone:
            raise StoreError("InternalError", "cannot write to a body that is finished")
        self._chunks.append(bytes(chunk))
        self._size += len(chunk)
        self._held += len(chunk)
        if self._held >= _STEP and self._size > MOST_INLINE:
            await self._flush()

    async def finish(self) -> Mapping[str, bytes]:
        if self._digests is not None:
            return self._digests
        if self._size > MOST_INLINE:
            await self._flush()
            await self._settle()
        elif self._size <= _HASH_HERE:
            self._hasher.update(b"".join(self._chunks))
        else:
            await self._in_thread(self._hasher.update, b"".join(self._chunks))
        self._digests = self._hasher.digests()
        return self._digests

    async def place(self) -> NewContent:
        """Finish, and make the bytes durable where they are too many for the index. Pins the blob: whoever
        commits it unpins it. Idempotent."""
        digests = await self.finish()
        if self._content is not None or self._gone:
            raise StoreError("InternalError", "cannot use a body twice")
        if self._file is None:
            self._content = NewContent(self._size, digests, data=b"".join(self._chunks))
            return self._content
        (name, descriptor), self._file = self._file, None
        self._blobs.pin(name)
        self._content = NewContent(self._size, digests, file=name)
        try:
            await self._in_thread(self._blobs.place, name, descriptor)
        except BaseException:
            self._blobs.unstage(name, None)
            self._blobs.remove(name)
            self._blobs.unpin(name)
            raise
        return self._content

    async def discard(self) -> None:
        self._gone = True
        self._chunks.clear()
        with contextlib.suppress(StoreError):
            await self._settle()
        if self._file is not None:
            (name, descriptor), self._file = self._file, None
            self._blobs.unstage(name, descriptor)

    async def _flush(self) -> None:
        """Hand what is held to a thread, after the step before it is done."""
        await self._settle()
        data, self._chunks, self._held = b"".join(self._chunks), [], 0
        loop = asyncio.get_running_loop()
        self._step = asyncio.gather(
            loop.run_in_executor(self._threads, self._hasher.update, data),
            loop.run_in_executor(self._threads, self._take, data),
        )

    async def _settle(self) -> None:
        if self._step is None:
            return
        try:
            await asyncio.shield(self._step)
        except OSError as error:
            raise translate_failure(error) from error

    def _take(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._blobs.stage()
        view = memoryview(data)
        while view:
            view = view[os.write(self._file[1], view) :]

    async def _in_thread(self, work: object, *arguments: object) -> None:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.shield(loop.run_in_executor(self._threads, work, *arguments))  # type: ignore[arg-type]
        except OSError as error:
            raise translate_failure(error) from error
