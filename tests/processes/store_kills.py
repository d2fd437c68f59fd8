"""Kills a real process of the embedded store again and again while it writes, and checks what it left.

    python -m tests.processes.store_kills FOLDER ROUNDS [SEED]

Each round forks a child that opens the store; its writers run a fixed list of changes each, telling every one that
was acknowledged through a pipe. The parent kills it with -9 at a random acknowledgement or instant, opens the
store itself and compares: of every writer all acknowledged changes hold, the one that was in flight holds or does
not, and nothing else is there. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.object_store.errors import StoreError
from infra.object_store.interface import ObjectStore
from infra.object_store.model import ClaimedPart, ObjectRef
from infra.object_store.store.engine import open_store
from infra.object_store.store.fsck import check_folder

BUCKET = "kills"
WRITERS = 8
STEPS = 400
_SIZES = (10, 4096, 70_000, 300_000)


@dataclass(frozen=True)
class Step:
    kind: str
    key: str
    data: bytes = b""


def plan_steps(turn: int, writer: int) -> Iterator[Step]:
    """What one writer of one round does, in order; the same whenever it is asked."""
    dice = random.Random(f"{turn}/{writer}")
    mine = f"{turn:04}/{writer}"
    for number in range(STEPS):
        size = dice.choice(_SIZES)
        data = dice.randbytes(16) * (size // 16 + 1)
        kind = dice.choice(("put", "put", "stream", "replace", "delete", "upload"))
        key = f"{mine}/{number}" if kind in ("put", "stream", "upload") else f"{mine}/shared"
        yield Step(kind, key, data)


async def take_step(store: ObjectStore, step: Step) -> None:
    ref = ObjectRef(BUCKET, step.key)
    if step.kind == "delete":
        await store.delete_object(ref)
    elif step.kind == "stream":
        body = store.receive(["CRC32"])
        for at in range(0, len(step.data), 50_000):
            await body.write(step.data[at : at + 50_000])
        await store.put_object(ref, body, algorithm="CRC32")
    elif step.kind == "upload":
        upload = await store.create_upload(ref)
        part = await store.put_part(ref, upload.id, 1, step.data)
        await store.complete_upload(ref, upload.id, [ClaimedPart(1, part.etag)])
    else:
        await store.put_object(ref, step.data)


async def write(folder: Path, turn: int, pipe: int) -> None:
    """The child: until it is killed, or has nothing more to do."""
    store = await open_store(folder, time.time)

    async def work(writer: int) -> None:
        for step in plan_steps(turn, writer):
            await take_step(store, step)
            os.write(pipe, bytes([writer]))

    await asyncio.gather(*(work(writer) for writer in range(WRITERS)))


def run_child(folder: Path, turn: int, dice: random.Random) -> list[int]:
    """How many steps each writer was told are done, by a child that did not live to finish."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            asyncio.run(write(folder, turn, writing))
        finally:
            os._exit(0)
    os.close(writing)
    done = [0] * WRITERS
    deadline = time.monotonic() + dice.uniform(0.0, 0.4)
    most = dice.choice((1, 10, 100, 1000))
    while sum(done) < most and (left := deadline - time.monotonic()) > 0:
        if select.select([reading], [], [], left)[0] and not _count(reading, done):
            break
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while _count(reading, done):
        pass
    os.close(reading)
    return done


def _count(pipe: int, done: list[int]) -> bool:
    told = os.read(pipe, 4096)
    for writer in told:
        done[writer] += 1
    return bool(told)


async def verify(folder: Path, turn: int, done: list[int]) -> int:
    """Compare what is there with what was told; how many changes in flight turned out to hold."""
    store = await open_store(folder, time.time)
    try:
        return sum([await _verify_writer(store, turn, writer, done[writer]) for writer in range(WRITERS)])
    finally:
        await store.close()


async def _verify_writer(store: ObjectStore, turn: int, writer: int, done: int) -> int:
    steps = list(plan_steps(turn, writer))
    expected = _apply(steps[:done])
    there = await _read_all(store, f"{turn:04}/{writer}/")
    if there == expected:
        return 0
    assert there == _apply(steps[: done + 1]), f"turn {turn} writer {writer}: not what was acknowledged"
    return 1


def _apply(steps: list[Step]) -> dict[str, str]:
    held: dict[str, str] = {}
    for step in steps:
        if step.kind == "delete":
            held.pop(step.key, None)
        else:
            held[step.key] = hashlib.md5(step.data).hexdigest()
    return held


async def _read_all(store: ObjectStore, prefix: str) -> dict[str, str]:
    """Every visible key with the hash of the bytes that are really there."""
    found: dict[str, str] = {}
    page = store.list_objects(BUCKET, prefix)
    assert not page.truncated
    for entry in page.entries:
        digest = hashlib.md5()
        with store.open_object(ObjectRef(BUCKET, entry.key)) as content:
            async for chunk in content.chunks():
                digest.update(chunk)
        found[entry.key] = digest.hexdigest()
    return found


async def prepare(folder: Path) -> None:
    store = await open_store(folder, time.time)
    try:
        await store.create_bucket(BUCKET)
    except StoreError as error:
        assert error.code == "BucketAlreadyOwnedByYou"
    await store.close()


def main(folder: Path, rounds: int, seed: int) -> dict[str, int]:
    dice = random.Random(seed)
    asyncio.run(prepare(folder))
    told = unsure = strays = 0
    for turn in range(rounds):
        done = run_child(folder, turn, dice)
        if turn % 25 == 0:
            strays += _check(folder)
        unsure += asyncio.run(verify(folder, turn, done))
        told += sum(done)
    strays += _check(folder)
    assert check_folder(folder).problems == ()
    return {"rounds": rounds, "acknowledged": told, "in_flight_kept": unsure, "stray_blobs": strays}


def _check(folder: Path) -> int:
    """A crash may leave blobs that nobody refers to, and nothing else that is wrong."""
    report = check_folder(folder, repair=True)
    assert report.clean and {problem.kind for problem in report.problems} <= {"stray blob"}, report.problems
    return len(report.problems)


if __name__ == "__main__":
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 30)
    print(json.dumps({"seed": seed, **main(Path(sys.argv[1]), int(sys.argv[2]), seed)}))
