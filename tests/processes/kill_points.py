"""Kill -9 a real mirroring process at its n-th change of the disk, for n = 1, 2, 3 ... until it survives.

Run as a program with a directory; prints one JSON line: how many points there were, and what was wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from sync.manifest import content_digest
from sync.materialise import blob_path
from sync.mirror import Mirror
from sync.snapshot import Snapshot
from tests.fakes.object_store import FakeObjectStore

OLD = {f"dags/d{n % 3}/f{n}.py": b"old %d" % n for n in range(6)}
NEW = {**OLD, **{f"dags/d{n % 3}/f{n}.py": b"new %d" % n for n in range(2, 8)}}


def mirror_of(home: Path, objects: dict[str, bytes], heard: list[Snapshot]) -> Mirror:
    bucket = FakeObjectStore()
    bucket.objects = dict(objects)
    return Mirror(bucket, "dags", home / "store", home / "bundles", on_snapshot=heard.append)


def follow(mirror: Mirror) -> None:
    now = 0.0
    for _ in range(3):
        now += mirror.tick(now)


def die_at(point: int) -> None:
    """From now on, the `point`-th operation that changes the disk kills this process before it happens."""
    done = count(1)

    def deadly(real: Callable[..., Any]) -> Callable[..., Any]:
        def act(*args: Any, **more: Any) -> Any:
            if next(done) == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return act

    for owner, names in {
        os: ("fsync", "fchmod", "link", "mkdir", "unlink", "rmdir"),
        Path: ("rename", "replace", "mkdir", "chmod", "unlink"),
        tempfile: ("mkstemp", "mkdtemp"),
        json: ("dumps",),
    }.items():
        for name in names:
            setattr(owner, name, deadly(getattr(owner, name)))


def run_child(home: Path, point: int) -> bool:
    """True when the child came to its end alive."""
    pid = os.fork()
    if pid == 0:
        mirror = mirror_of(home, NEW, [])
        mirror.restore()
        die_at(point)
        follow(mirror)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return not os.WIFSIGNALED(status)


def find_faults(home: Path) -> list[str]:
    """What is wrong on the disk after a kill, and after the next start."""
    faults = []
    for bundle in (home / "bundles").iterdir():
        if not bundle.name.startswith(".new-") and digest_on_disk(bundle) != bundle.name:
            faults.append(f"the bundle {bundle.name} is not whole")
    heard: list[Snapshot] = []
    mirror = mirror_of(home, NEW, heard)
    mirror.restore()
    versions = [files_of(snapshot.path) for snapshot in heard]
    if versions not in ([strip(OLD)], [strip(NEW)]):
        faults.append(f"announced {versions}")
    if left := [str(path) for path in home.rglob(".new-*")]:
        faults.append(f"left {left}")
    follow(mirror)
    if files_of(heard[-1].path) != strip(NEW):
        faults.append("did not reach the new version")
    faults += [
        f"damaged blob {p}"
        for p in (home / "store").glob("??/*")
        if blob_path(home / "store", hash_of(p)) != p
    ]
    return faults


def hash_of(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def strip(objects: dict[str, bytes]) -> dict[str, bytes]:
    return {key.removeprefix("dags/"): data for key, data in objects.items()}


def files_of(path: Path) -> dict[str, bytes]:
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def digest_on_disk(path: Path) -> str:
    return content_digest(
        {p.relative_to(path).as_posix(): hash_of(p) for p in path.rglob("*") if p.is_file()}
    )


def main(directory: Path) -> None:
    seed = directory / "seed"
    follow(mirror_of(seed, OLD, []))
    faults: dict[int, list[str]] = {}
    for point in count(1):
        home = directory / f"p{point}"
        shutil.copytree(seed, home)
        survived = run_child(home, point)
        if found := find_faults(home):
            faults[point] = found
        shutil.rmtree(home)
        if survived:
            print(json.dumps({"points": point - 1, "faults": faults}))
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
