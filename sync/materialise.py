"""Objects become files, and files become snapshots that are either complete or not there.

    store/<aa>/<sha256>      one file per content, read-only
    bundles/<digest>/        hard links to those files; appears by one rename, when everything is on disk

Whatever a kill leaves behind is a temporary name, which `clean_leftovers` removes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sync.manifest import Entry, content_digest
from sync.objects import ObjectStore, ObjectStoreError

FETCHES = 32
_BYTES_IN_FLIGHT = 64 << 20
_TEMPORARY = ".new-"
_MD5 = re.compile(r"[0-9a-f]{32}")


def blob_path(store_dir: Path, sha256: str) -> Path:
    return store_dir / sha256[:2] / sha256


def has_blob(store_dir: Path, sha256: str, size: int) -> bool:
    try:
        return blob_path(store_dir, sha256).stat().st_size == size
    except FileNotFoundError:
        return False


def fetch(store: ObjectStore, store_dir: Path, wanted: Iterable[Entry]) -> dict[Entry, str]:
    """Bring these object versions into the content store; the SHA-256 of each.

    Whatever could be fetched stays fetched; then the first failure is raised (`changed` when an object is
    no longer the listed version), as a `FetchError` that carries the successes.
    """
    done: dict[Entry, str] = {}
    failures: list[ObjectStoreError] = []

    def bring(entry: Entry) -> None:
        try:
            done[entry] = put_blob(store_dir, _get_verified(store, entry))
        except ObjectStoreError as error:
            failures.append(error)

    for batch in _batches(wanted):
        if len(batch) == 1:
            bring(batch[0])
        else:
            with ThreadPoolExecutor(min(FETCHES, len(batch)), thread_name_prefix="fetch") as workers:
                list(workers.map(bring, batch))
        for folder in {blob_path(store_dir, done[entry]).parent for entry in batch if entry in done}:
            _fsync(folder)
        if failures:
            raise FetchError(failures[0], done)
    return done


class FetchError(ObjectStoreError):
    """Some objects could not be fetched; `done` are those that could."""

    def __init__(self, first: ObjectStoreError, done: dict[Entry, str]) -> None:
        super().__init__(first.code, first.message)
        self.done = done


def put_blob(store_dir: Path, data: bytes) -> str:
    """Store a content once; its SHA-256. The name appears when the bytes are on disk."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = blob_path(store_dir, sha256)
    if has_blob(store_dir, sha256, len(data)):
        return sha256
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    file, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
            out.flush()
            os.fchmod(out.fileno(), 0o440)
            os.fsync(out.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return sha256


def build(store_dir: Path, bundles_dir: Path, files: Mapping[str, str]) -> tuple[str, Path]:
    """Make the snapshot of path -> SHA-256, all in the content store; its digest and its directory."""
    digest = content_digest(files)
    final = bundles_dir / digest
    if final.is_dir():
        return digest, final
    bundles_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=bundles_dir))
    try:
        staging.chmod(0o750)
        _link_all(store_dir, staging, files)
        staging.rename(final)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    _fsync(bundles_dir)
    return digest, final


def clean_leftovers(store_dir: Path, bundles_dir: Path) -> None:
    """Remove what a killed process left half done. Only while nobody else fetches or builds."""
    left = f"{_TEMPORARY}*"
    for path in [*bundles_dir.glob(left), *store_dir.glob(left), *store_dir.glob(f"*/{left}")]:
        _remove(path)


def collect(store_dir: Path, bundles_dir: Path, keep: set[str], older_than: float) -> list[str]:
    """Remove snapshots that are not in `keep` and older than a time (epoch), then contents that none links.

    Returns the digests removed. A content's link count says who uses it: 1 is the store alone.
    """
    removed = []
    for bundle in sorted(bundles_dir.iterdir() if bundles_dir.is_dir() else ()):
        if bundle.name in keep or bundle.name.startswith(_TEMPORARY) or bundle.stat().st_mtime >= older_than:
            continue
        doomed = bundle.with_name(f"{_TEMPORARY}{bundle.name}")  # a snapshot goes as it came: by one rename
        bundle.rename(doomed)
        _remove(doomed)
        removed.append(bundle.name)
    for blob in store_dir.glob("??/*"):
        status = blob.stat()
        if status.st_nlink == 1 and status.st_mtime < older_than:
            blob.unlink()
    return removed


def _get_verified(store: ObjectStore, entry: Entry) -> bytes:
    """The bytes of exactly this version.

    An ETag that looks like an MD5 may be none (encryption by KMS), which only the store knows. Bytes that
    do not fit it are read a second time: damage on the way does not strike twice alike, the truth repeats
    itself.
    """
    data = _get_whole(store, entry)
    fits = (
        not _MD5.fullmatch(entry.etag) or hashlib.md5(data, usedforsecurity=False).hexdigest() == entry.etag
    )
    if not fits and _get_whole(store, entry) != data:
        raise ObjectStoreError("unreachable", f"cannot trust {entry.key}: its bytes differ at every reading")
    return data


def _get_whole(store: ObjectStore, entry: Entry) -> bytes:
    try:
        data = store.get(entry.key, if_match=entry.etag or None)
    except ObjectStoreError as error:
        if error.code == "no_such_key":
            raise ObjectStoreError("changed", f"cannot read {entry.key}: it was removed meanwhile") from None
        raise
    if len(data) != entry.size:
        said = f"{len(data)} bytes came instead of {entry.size}"
        raise ObjectStoreError("unreachable", f"cannot read {entry.key} whole: {said}")
    return data


def _batches(wanted: Iterable[Entry]) -> Iterable[list[Entry]]:
    """Groups that fit in memory together; small objects first, so that one large one delays nobody."""
    batch: list[Entry] = []
    size = 0
    for entry in sorted(set(wanted), key=lambda entry: (entry.size, entry.key)):
        if batch and size + entry.size > _BYTES_IN_FLIGHT:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def _link_all(store_dir: Path, staging: Path, files: Mapping[str, str]) -> None:
    root, blobs = str(staging), str(store_dir)  # text, because a Path costs more than the link that it names
    made = {root}
    for path, sha256 in files.items():
        target = f"{root}/{path}"
        folder = target.rpartition("/")[0]
        if folder not in made:
            Path(folder).mkdir(mode=0o750, parents=True, exist_ok=True)
            made.update(str(parent) for parent in Path(target).parents if parent.is_relative_to(staging))
        _place(f"{blobs}/{sha256[:2]}/{sha256}", target)
    for folder in made:
        _fsync(Path(folder))


def _place(blob: str, target: str) -> None:
    try:
        os.link(blob, target)
    except OSError as error:
        if error.errno not in (errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP):
            raise
        shutil.copyfile(blob, target)  # too many links to one content, or a file system without links
        Path(target).chmod(0o440)
        _fsync(Path(target))


def _fsync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
