"""The files that requirements.txt names, kept beside the interpreters."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from control_plane.domain.environment import Environment
from control_plane.reconcile import requirements
from control_plane.reconcile.cell import ObjectStoreAccess
from control_plane.reconcile.checks import CannotApply

ROW = cast(Environment, SimpleNamespace(spec={"DagS3Path": "dags", "SourceBucketArn": "arn:aws:s3:::code"}))
ACCESS = ObjectStoreAccess(None, "us-east-1")


class Bucket:
    def list(self, prefix: str) -> list[Any]:
        return [SimpleNamespace(key="dags/toy.whl")]

    def get(self, key: str) -> bytes:
        return b"a wheel"


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "open_bucket", lambda *_: ("code", Bucket()))


def test_the_same_files_are_kept_once_when_they_are_fetched_again(tmp_path: Path) -> None:
    first = requirements._fetch(ROW, ACCESS, ["toy.whl"], tmp_path)
    assert requirements._fetch(ROW, ACCESS, ["toy.whl"], tmp_path) == first
    assert [str(path) for path in tmp_path.iterdir()] == [first]
    assert Path(str(first), "toy.whl").read_bytes() == b"a wheel"


def test_what_to_do_is_said_when_the_disk_has_no_room_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(CannotApply, match="No space left on device") as refusal:
        requirements._fetch(ROW, ACCESS, ["toy.whl"], tmp_path)
    assert refusal.value.tell("create it again").endswith("; make room there, then create it again")
    assert list(tmp_path.iterdir()) == []
