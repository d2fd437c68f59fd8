"""plugins.zip, unpacked by our own hands: regular files only, below one folder, within limits that stop a bomb.

    root/<digest of the archive>/       complete and never written again, or not there
    root/<digest>.use                   held with a shared lock by who uses the folder

Nothing that an archive says of itself is believed: names, sizes and kinds are checked, and bytes are counted.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from sync.folders import locked, mark_used

_CHUNK = 1 << 16
_END, _END_SIZE, _LONGEST_COMMENT = b"PK\5\6", 22, 0xFFFF
_DIRECTORY_ROW = 46
_LEFT_OUT = ("__MACOSX", "__pycache__")


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an archive may be, and become."""

    archive: int = 128 << 20
    entries: int = 10_000
    total: int = 1 << 30
    ratio: int = 200
    """How many times its own size the whole may be, once it is a mebibyte."""
    depth: int = 30
    part: int = 255


LIMITS = Limits()


class BadPlugins(Exception):
    """The archive cannot be used; the text names the entry and the reason."""


def unpack_plugins(root: Path, data: bytes, limits: Limits = LIMITS) -> Path:
    """The folder that holds what is in the archive; unpacked when it is not there. Raises BadPlugins."""
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    final = root / hashlib.sha256(data).hexdigest()[:32]
    with locked(root / f"{final.name}.lock"):
        if not final.is_dir():
            staging = Path(tempfile.mkdtemp(prefix=f".new-{final.name}-", dir=root))
            try:
                _unpack(staging, data, limits)
                staging.chmod(0o755)
                staging.rename(final)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        mark_used(final)
    return final


def _unpack(folder: Path, data: bytes, limits: Limits) -> None:
    if len(data) > limits.archive:
        raise BadPlugins(f"it has {len(data)} bytes, {limits.archive} are allowed")
    _check_directory(data, limits)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not _is_left_out(entry)]
            _check(entries, len(data), limits)
            left = limits.total
            for entry in entries:
                left -= _write(archive, entry, folder, left)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error) as error:
        raise BadPlugins(f"it is no zip archive that can be read: {error}") from None


def _check_directory(data: bytes, limits: Limits) -> None:
    """Before the list of entries is read, which costs memory for each."""
    at = data.rfind(_END, max(0, len(data) - _END_SIZE - _LONGEST_COMMENT))
    if at < 0 or len(data) < at + _END_SIZE:
        raise BadPlugins("it is no zip archive")
    count, size = struct.unpack_from("<HI", data, at + 10)
    if count > limits.entries or size > limits.entries * (_DIRECTORY_ROW + limits.part):
        raise BadPlugins(f"it has more than {limits.entries} entries, or is a zip64 archive")


def _check(entries: Iterable[zipfile.ZipInfo], size: int, limits: Limits) -> None:
    """Everything that can be known before a byte is unpacked."""
    files: set[str] = set()
    folders: set[str] = set()
    total = 0
    for entry in entries:
        fault = _find_fault(entry, limits)
        name = entry.filename.rstrip("/")
        if fault is None and not entry.is_dir() and name in files:
            fault = "there are two of that name"
        if fault:
            raise BadPlugins(f"the entry {_show(entry)}: {fault}")
        parts = name.split("/")
        folders.update("/".join(parts[:n]) for n in range(1, len(parts) + entry.is_dir()))
        if not entry.is_dir():
            files.add(name)
        total += entry.file_size
        if total > limits.total:
            raise BadPlugins(f"the entry {_show(entry)}: with it there are more than {limits.total} bytes")
    if len(files) > limits.entries:
        raise BadPlugins(f"it has {len(files)} files, {limits.entries} are allowed")
    if both := sorted(files & folders):
        raise BadPlugins(f"the entry {both[0]!r}: there is a folder of that name, too")
    if total > max(1 << 20, size * limits.ratio):
        raise BadPlugins(f"its {size} bytes unpack to {total}, more than {limits.ratio} times as many")


def _find_fault(entry: zipfile.ZipInfo, limits: Limits) -> str | None:
    name = entry.orig_filename.removesuffix("/")
    parts = name.split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.flag_bits & 0x1:
        return "it is encrypted"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"it is a {_KINDS.get(kind, 'special file')}; only files and folders are allowed"
    if "\\" in name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        return "its name has a backslash or a control character"
    if name.startswith("/") or name[1:2] == ":":
        return "its path is absolute"
    if any(part in ("", ".", "..") for part in parts):
        return "its path leads out of the folder, or has an empty part"
    if len(parts) > limits.depth:
        return f"it lies more than {limits.depth} folders deep"
    if any(len(part.encode("utf-8", "surrogatepass")) > limits.part for part in parts):
        return f"a part of its path is longer than {limits.part} bytes"
    return None


_KINDS = {
    stat.S_IFLNK: "symbolic link",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
}


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, room: int) -> int:
    """Unpack one entry, into nothing that was there before; its size. It is never trusted to be what it says."""
    path = folder / entry.filename
    try:
        if entry.is_dir():
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
            return 0
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        size = 0
        with archive.open(entry) as source, path.open("xb") as target:
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                if size > min(entry.file_size, room):
                    raise BadPlugins(f"the entry {_show(entry)}: it is larger than it says")
                target.write(chunk)
    except (OSError, RuntimeError, UnicodeError) as error:
        raise BadPlugins(f"the entry {_show(entry)}: it cannot be unpacked: {error}") from None
    path.chmod(0o555 if entry.external_attr >> 16 & 0o111 else 0o444)
    return size


def _is_left_out(entry: zipfile.ZipInfo) -> bool:
    """What tools add: byte code is made anew, from the source that it is said to be of."""
    return any(part in _LEFT_OUT for part in entry.filename.split("/"))


def _show(entry: zipfile.ZipInfo) -> str:
    name = entry.orig_filename
    return repr(name if len(name) <= 120 else f"{name[:120]}...")
