"""plugins.zip from people who do not wish us well."""

from __future__ import annotations

import io
import stat
import struct
import time
import zipfile
from pathlib import Path

import pytest

from sync.folders import collect
from sync.plugins import BadPlugins, Limits, unpack_plugins

SMALL = Limits(archive=4 << 20, entries=50, total=8 << 20, ratio=100, depth=5)


def info(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.external_attr = mode << 16
    found.compress_type = zipfile.ZIP_DEFLATED
    return found


def archive(*entries: zipfile.ZipInfo | str, data: bytes = b"x = 1\n") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for entry in entries:
            made.writestr(entry if isinstance(entry, zipfile.ZipInfo) else info(entry), data)
    return target.getvalue()


def raw_name(name: str, other: str) -> bytes:
    """An archive whose entry is called what no library would write."""
    return archive(name).replace(name.encode(), other.encode())


def encrypted() -> bytes:
    data = bytearray(archive("a.py"))
    at = data.rfind(b"PK\1\2")
    data[at + 8] |= 1
    return bytes(data)


def understated() -> bytes:
    """Its list says 10 bytes; there are a million."""
    data = bytearray(archive("a.py", data=b"x" * 1_000_000))
    at = data.rfind(b"PK\1\2")
    struct.pack_into("<I", data, at + 24, 10)
    return bytes(data)


HOSTILE = {
    "up": (archive("../a.py"), "'../a.py': its path leads out"),
    "up in the middle": (archive("a/../../b.py"), "'a/../../b.py': its path leads out"),
    "dot": (archive("./a.py"), "leads out of the folder, or has an empty part"),
    "empty part": (archive("a//b.py"), "leads out of the folder, or has an empty part"),
    "absolute": (archive("/etc/a.py"), "'/etc/a.py': its path is absolute"),
    "drive": (archive("c:/a.py"), "its path is absolute"),
    "backslash": (raw_name("a_b.py", "a\\b.py"), "a backslash or a control character"),
    "nul": (raw_name("a_b.py", "a\0b.py"), "a backslash or a control character"),
    "newline": (archive("a\nb.py"), "a backslash or a control character"),
    "symbolic link": (archive(info("a", stat.S_IFLNK | 0o777), data=b"/etc/passwd"), "'a': it is a symbolic link"),
    "device": (archive(info("a", stat.S_IFBLK | 0o600)), "'a': it is a device"),
    "pipe": (archive(info("a", stat.S_IFIFO | 0o600)), "'a': it is a pipe"),
    "socket": (archive(info("a", stat.S_IFSOCK | 0o600)), "'a': it is a socket"),
    "file and folder": (archive("a", "a/b.py"), "'a': there is a folder of that name"),
    "deep": (archive("a/b/c/d/e/f.py"), "it lies more than 5 folders deep"),
    "long": (archive(f"{'a' * 256}.py"), "longer than 255 bytes"),
    "many": (archive(*(f"{n}.py" for n in range(51))), "more than 50 entries"),
    "bomb": (archive("a.py", data=bytes(7 << 20)), "more than 100 times as many"),
    "large": (archive("a.py", "b.py", data=bytes(5 << 20)), "with it there are more than 8388608 bytes"),
    "encrypted": (encrypted(), "'a.py': it is encrypted"),
    "understated": (understated(), "zip archive that can be read|larger than it says"),
    "cut": (archive("a.py")[:-10], "it is no zip archive"),
    "nothing": (b"", "it is no zip archive"),
    "no archive": (b"hello" * 100, "it is no zip archive"),
    "too large": (b"x" * (5 << 20), "it has 5242880 bytes, 4194304 are allowed"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_by_name_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    data, said = HOSTILE[name]
    with pytest.raises(BadPlugins, match=said):
        unpack_plugins(tmp_path / "root", data, SMALL)
    assert [path for path in (tmp_path / "root").iterdir() if path.is_dir()] == []
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = archive("a.py", "a.py")
    with pytest.raises(BadPlugins, match=r"'a\.py': there are two of that name"):
        unpack_plugins(tmp_path, data)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    data = io.BytesIO()
    with (
        zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made,
        made.open(info("a"), "w", force_zip64=True) as out,
    ):
        for _ in range(128):
            out.write(bytes(8 << 20))
    began = time.process_time()
    with pytest.raises(BadPlugins, match="times as many"):
        unpack_plugins(tmp_path, data.getvalue())
    assert time.process_time() - began < 0.5


def test_an_archive_is_unpacked_once_and_cannot_be_told_to_be_special(tmp_path: Path) -> None:
    entries = (
        info("pack/__init__.py", 0o104777),
        "pack/__pycache__/x.pyc",
        "__MACOSX/a",
        info("run.sh", 0o100755),
    )
    folder = unpack_plugins(tmp_path, archive(*entries))
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == [
        "pack",
        "pack/__init__.py",
        "run.sh",
    ]
    assert stat.S_IMODE((folder / "pack/__init__.py").stat().st_mode) == 0o555
    assert not (folder / "pack/__init__.py").stat().st_mode & stat.S_ISUID
    assert unpack_plugins(tmp_path, archive(*entries)) == folder


def test_what_is_held_kept_or_fresh_stays_and_the_rest_is_collected(tmp_path: Path) -> None:
    import fcntl

    held, kept, idle = (unpack_plugins(tmp_path, archive(name)) for name in ("held.py", "kept.py", "idle.py"))
    (tmp_path / f".new-{'0' * 32}-x").mkdir()
    later = time.time() + 1
    with Path(f"{held}.use").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert collect(tmp_path, [kept], time.time() - 60) == [], "all were asked for just now"
        assert collect(tmp_path, [kept], later) == [idle.name]
    assert collect(tmp_path, [kept], later) == [held.name]
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {kept.name}
