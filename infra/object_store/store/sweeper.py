"""Takes away what nobody refers to: the files that commits let go, and the blobs that a crash left.

A blob that is being placed or read is pinned and stays. Sweeping again is always safe.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from infra.object_store.errors import StoreError
from infra.object_store.store.blobs import Blobs
from infra.object_store.store.writer import Transaction, Writer

_SOON, _LATER = 0.2, 5.0
_MOST = 1000
_KEPT_PAGES, _STEP_PAGES = 1000, 500


class Sweeper:
    """Belongs to the store's event loop."""

    def __init__(self, blobs: Blobs, reading: sqlite3.Connection, writer: Writer, threads: Executor) -> None:
        self._blobs, self._reading, self._writer, self._threads = blobs, reading, writer, threads
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def wake(self, delay: float = _SOON) -> None:
        """There is garbage: sweep in a moment, many commits at once."""
        if self._timer is None:
            self._timer = self._loop.call_later(delay, self._start)

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def sweep(self) -> int:
        """Unlink the files in the garbage list that nobody reads; how many."""
        names = [name for (name,) in self._reading.execute("SELECT file FROM garbage LIMIT ?", (_MOST,))]
        free = [name for name in names if not self._blobs.is_pinned(name)]
        if free:
            await self._in_thread(self._remove, free)
            await asyncio.shield(self._writer.submit(lambda t: _forget(t, free)))
        if len(free) < len(names) or len(names) == _MOST:
            self.wake(_LATER if not free else _SOON)
        return len(free)

    async def collect(self) -> int:
        """Remove the blobs that the index does not know, and give free pages of the index back; how many blobs."""
        removed = 0
        while found := await self.sweep():
            removed += found
        for folder in await self._in_thread(self._blobs.folders):
            suspects = await self._in_thread(self._blobs.names_in, folder)
            orphans = [name for name in suspects if not self._is_known(name)]
            await self._in_thread(self._remove, orphans)
            removed += len(orphans)
        await self._in_thread(self._blobs.keep_reserve)
        while await asyncio.shield(self._writer.submit(_give_pages_back)):
            pass
        return removed

    def _is_known(self, name: str) -> bool:
        if self._blobs.is_pinned(name):
            return True
        query = "SELECT 1 FROM contents WHERE file = ?1 UNION ALL SELECT 1 FROM garbage WHERE file = ?1"
        return self._reading.execute(query, (name,)).fetchone() is not None

    def _start(self) -> None:
        self._timer = None
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._try(), name="store-sweeper")
        else:
            self.wake(_LATER)

    async def _try(self) -> None:
        try:
            await self.sweep()
        except (StoreError, OSError):  # e.g. the disk is full: the list is in the index, so try again
            self.wake(_LATER)

    def _remove(self, names: list[str]) -> None:
        for name in names:
            self._blobs.remove(name)

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await self._loop.run_in_executor(self._threads, work, *arguments)


def _forget(transaction: Transaction, names: list[str]) -> None:
    transaction.connection.executemany("DELETE FROM garbage WHERE file = ?", [(name,) for name in names])


def _give_pages_back(transaction: Transaction) -> bool:
    """Cut some free pages off the index, keeping a few for the next objects; whether there are more."""
    (free,) = transaction.connection.execute("PRAGMA freelist_count").fetchone()
    if free <= _KEPT_PAGES:
        return False
    transaction.connection.execute(
        f"PRAGMA incremental_vacuum({min(free - _KEPT_PAGES, _STEP_PAGES)})"
    ).fetchall()
    return True
