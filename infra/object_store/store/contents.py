"""Objects on their way out, in bounded memory: a piece at a time, the next one read in a thread meanwhile."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from types import TracebackType

from infra.object_store.errors import StoreError, translate_failure
from infra.object_store.model import ObjectHead
from infra.object_store.store.blobs import Blobs
from infra.object_store.store.rows import Version


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of bytes: in memory, or `length` from `start` of a file."""

    start: int
    length: int
    file: str | None = None
    data: bytes | None = None


@dataclass(slots=True)
class StoredContent:
    """See interface.Content. Its files are pinned until it is closed."""

    head: ObjectHead
    start: int
    length: int
    total: int
    partial: bool
    data: bytes | None
    _pieces: list[Piece]
    _blobs: Blobs
    _threads: Executor
    _closed: bool = field(default=False)

    def __enter__(self) -> StoredContent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            for piece in self._pieces:
                if piece.file is not None:
                    self._blobs.unpin(piece.file)

    async def chunks(self, size: int = 1 << 20) -> AsyncIterator[bytes]:
        if self.data is not None:
            for at in range(0, len(self.data), size):
                yield self.data[at : at + size]
            return
        reader = _Reader(self._blobs, self._pieces, size)
        loop = asyncio.get_running_loop()
        ahead = loop.run_in_executor(self._threads, reader.read)
        try:
            while chunk := await _settle(ahead):
                ahead = loop.run_in_executor(self._threads, reader.read)
                yield chunk
        finally:
            await asyncio.wait([ahead])
            if not ahead.cancelled():
                ahead.exception()
            reader.close()


def open_content(
    head: ObjectHead,
    start: int,
    length: int,
    partial: bool,
    pieces: list[Piece],
    blobs: Blobs,
    threads: Executor,
) -> StoredContent:
    """Pin what is to be read; few bytes are given at once."""
    data = None
    if all(piece.data is not None for piece in pieces):
        held = [(piece.data or b"")[piece.start : piece.start + piece.length] for piece in pieces]
        data = held[0] if len(held) == 1 else b"".join(held)
    for piece in pieces:
        if piece.file is not None:
            blobs.pin(piece.file)
    return StoredContent(head, start, length, head.size, partial, data, pieces, blobs, threads)


class _Reader:
    """Reads pieces one after the other, with one open file at a time. Called by one thread at a time."""

    def __init__(self, blobs: Blobs, pieces: list[Piece], size: int) -> None:
        self._blobs = blobs
        self._steps = _plan_steps(pieces, size)
        self._name: str | None = None
        self._descriptor = -1

    def read(self) -> bytes:
        """The next bytes; empty at the end."""
        step = next(self._steps, None)
        if step is None:
            return b""
        if step.data is not None:
            return step.data[step.start : step.start + step.length]
        self._open(step.file or "")
        data = os.pread(self._descriptor, step.length, step.start)
        while len(data) < step.length:
            more = os.pread(self._descriptor, step.length - len(data), step.start + len(data))
            if not more:
                raise StoreError("InternalError", "cannot read the object: its file is too short; run fsck")
            data += more
        return data

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._name, self._descriptor = None, -1

    def _open(self, name: str) -> None:
        if name != self._name:
            self.close()
            self._descriptor = os.open(self._blobs.path_of(name), os.O_RDONLY | os.O_CLOEXEC)
            self._name = name


def find_pieces(connection: sqlite3.Connection, version: Version, start: int, length: int) -> list[Piece]:
    """Where `length` bytes from `start` of a version are."""
    if version.content is not None:
        row = connection.execute(
            "SELECT size, file, data FROM contents WHERE id = ?", (version.content,)
        ).fetchone()
        return [_cut(0, row, start, length)] if length and row else []
    rows = connection.execute(
        "SELECT p.start, p.size, c.file, c.data FROM parts p JOIN contents c ON c.id = p.content"
        " WHERE p.chain = ? AND p.start < ? AND p.start + p.size > ? ORDER BY p.number",
        (version.chain, start + length, start),
    )
    return [_cut(row[0], row[1:], start, length) for row in rows]


def _cut(begin: int, row: tuple[int, str | None, bytes | None], start: int, length: int) -> Piece:
    """What of a content that begins at `begin` of the object lies in the stretch asked for."""
    size, file, data = row
    first = max(start - begin, 0)
    last = min(start + length - begin, size)
    return Piece(first, last - first, file, data)


def _plan_steps(pieces: list[Piece], size: int) -> Iterator[Piece]:
    for piece in pieces:
        for at in range(piece.start, piece.start + piece.length, size):
            yield Piece(at, min(size, piece.start + piece.length - at), piece.file, piece.data)


async def _settle(ahead: asyncio.Future[bytes]) -> bytes:
    try:
        return await asyncio.shield(ahead)
    except OSError as error:
        raise translate_failure(error) from error
