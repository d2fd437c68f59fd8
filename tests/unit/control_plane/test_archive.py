"""Archives of environments: what goes in comes out, and secrets only with the passphrase."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import Any, cast

import pytest

from control_plane.domain.archive import Archive, pack, unpack
from control_plane.domain.errors import ServiceError

ARCHIVE = Archive("dev", 12.5, cast(Any, {"MaxWorkers": 3}), b"metadata" * 1000, "a1 c2VjcmV0\n")


def test_an_archive_comes_out_as_it_went_in() -> None:
    assert unpack(pack(ARCHIVE, "open sesame"), "open sesame") == ARCHIVE
    plain = replace(ARCHIVE, keys=None)
    assert unpack(pack(plain, None), None) == plain


def test_secrets_are_in_it_only_encrypted() -> None:
    data = pack(ARCHIVE, "open sesame")
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert all(b"c2VjcmV0" not in file.read(name) for name in file.namelist())
    with pytest.raises(ValueError, match="without a passphrase"):
        pack(ARCHIVE, None)


def changed(**members: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(pack(ARCHIVE, "x"))) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            if name == "manifest.json":
                body = json.dumps({**json.loads(body), **members}).encode()
            new.writestr(name, body)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "passphrase", "words"),
    [
        (pack(ARCHIVE, "right"), "wrong", "does not open"),
        (pack(ARCHIVE, "right"), None, "give the passphrase"),
        (b"no zip at all", None, "not an archive"),
        (changed(format=2), "x", "format 2; this version reads format 1"),
        (changed(spec=None), "x", "not an archive"),
    ],
)
def test_what_cannot_be_opened_says_why(data: bytes, passphrase: str | None, words: str) -> None:
    with pytest.raises(ServiceError, match=words):
        unpack(data, passphrase)
