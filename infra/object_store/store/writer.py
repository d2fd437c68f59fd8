"""Group commit: changes asked for at the same time share one transaction and one fsync.

A change is a function of the transaction. Its statements run on the event loop (some 10 microseconds each, and no
fight for the interpreter); only the commit, which waits for the disk, runs in a thread. While it does, the next
batch gathers. A change that refuses (StoreError) is undone alone by its savepoint; a commit that fails undoes
the whole batch, and every one in it is told.

After a failed fsync nobody knows what the disk has: the writer then refuses everything until the store is
opened anew. A full disk is no such failure: it is noticed before the commit and heals with the next one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from infra.object_store.errors import StoreError, is_unsure, translate_failure
from infra.object_store.model import Change
from infra.object_store.store.catalogue import Catalogue

_BATCH_SECONDS = 0.008
"""How long a batch may keep the event loop to itself."""


@dataclass(slots=True)
class Transaction:
    """What a change may touch: the index, and what is to happen once the disk has it."""

    connection: sqlite3.Connection
    catalogue: Catalogue
    now: int
    changes: list[Change] = field(default_factory=list)
    garbage: bool = False
    bucket_changed: bool = False

    def change_buckets(self) -> None:
        """A bucket is not what it was: look it up again, here and in every reader."""
        self.catalogue.forget()
        self.bucket_changed = True


Operation = Callable[[Transaction], Any]
Told = Callable[[Sequence[Change]], None]


@dataclass(slots=True)
class Outcome:
    """A committed batch, for whoever tidies up after it."""

    changes: list[Change]
    garbage: bool
    bucket_changed: bool


class Writer:
    """The only one that changes the index. Belongs to the event loop it was made on."""

    def __init__(
        self, connection: sqlite3.Connection, clock: Callable[[], float], committed: Callable[[Outcome], None]
    ) -> None:
        self._connection = connection
        self._catalogue = Catalogue(connection)
        self._clock = clock
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Operation, asyncio.Future[Any]]] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._disk = ThreadPoolExecutor(1, "store-commit")
        self._broken: Exception | None = None
        self._closed = False

    def submit(self, operation: Operation) -> asyncio.Future[Any]:
        """Run `operation` in the next batch; the future resolves when the disk has it. Do not cancel the
        future: await it shielded, for a change that is being committed cannot be called back."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._closed or self._broken is not None:
            future.set_exception(_closed() if self._closed else _unsure(self._broken))
            return future
        self._waiting.append((operation, future))
        if self._pump is None:
            self._pump = self._loop.create_task(self._run(), name="store-writer")
        return future

    async def close(self) -> None:
        """Commit what waits, then end the thread and fold the log into the index."""
        self._closed = True
        while self._pump is not None:
            await asyncio.wait([self._pump])
        await self._loop.run_in_executor(self._disk, self._connection.close)
        self._disk.shutdown()

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._run_batch()
        finally:
            self._pump = None

    async def _run_batch(self) -> None:
        """One transaction from BEGIN to its futures. Whatever happens, every future of it is resolved."""
        batch: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(self._connection, self._catalogue, round(self._clock() * 1000))
            self._apply(transaction, batch)
            await self._loop.run_in_executor(self._disk, self._connection.execute, "COMMIT")
        except Exception as failure:  # the batch is undone and every waiter is told
            self._undo(failure, batch)
            return
        outcome = Outcome(transaction.changes, transaction.garbage, transaction.bucket_changed)
        for future, answer in batch:
            _resolve(future, answer)
        self._committed(outcome)

    def _apply(self, transaction: Transaction, batch: list[tuple[asyncio.Future[Any], Any]]) -> None:
        end = self._loop.time() + _BATCH_SECONDS
        while self._waiting and self._loop.time() < end:
            operation, future = self._waiting.popleft()
            batch.append((future, None))
            batch[-1] = (future, _attempt(transaction, operation))

    def _undo(self, failure: Exception, batch: list[tuple[asyncio.Future[Any], Any]]) -> None:
        self._catalogue.forget()
        if not batch and self._waiting:  # BEGIN itself failed: fail one, so that the queue moves
            batch.append((self._waiting.popleft()[1], None))
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._broken = error
        if is_unsure(failure):
            self._broken = failure
        for future, _ in batch:
            _resolve(future, translate_failure(failure))


def _attempt(transaction: Transaction, operation: Operation) -> Any:
    """The answer of a change, or its refusal; a failure of the index itself ends the batch."""
    connection = transaction.connection
    changes = len(transaction.changes)
    connection.execute("SAVEPOINT change")
    try:
        answer = operation(transaction)
    except sqlite3.OperationalError:
        raise
    except Exception as refusal:  # handed to the one who asked
        connection.execute("ROLLBACK TO change")
        connection.execute("RELEASE change")
        transaction.catalogue.forget()
        del transaction.changes[changes:]
        return _Refused(refusal)
    connection.execute("RELEASE change")
    return answer


@dataclass(frozen=True, slots=True)
class _Refused:
    error: Exception


def _resolve(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, _Refused):
        future.set_exception(answer.error)
    elif isinstance(answer, StoreError):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _closed() -> StoreError:
    return StoreError("ServiceUnavailable", "cannot write: the store is closing")


def _unsure(failure: Exception | None) -> StoreError:
    return StoreError(
        "InternalError",
        f"cannot write: the disk failed ({failure}); the store must be opened anew to know what it holds",
    )
