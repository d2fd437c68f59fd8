"""Told, not asked: who may list a bucket is told of changes in it, at once, and only of what they watch."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync.mirror import Mirror
from sync.objects import ObjectStoreError, open_store
from tests.fakes.own_s3 import OwnS3, running_own_s3


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnS3]:
    with running_own_s3(tmp_path_factory.mktemp("s3")) as store:
        store.client().create_bucket(Bucket="code")
        yield store


def test_changes_below_the_prefix_are_told_and_no_others(s3: OwnS3) -> None:
    store, words = open_store(**s3.options("code")), threading.Semaphore(0)
    store.list("dags/")
    alive = threading.Event()

    def told(changed: bool) -> None:
        alive.set()
        if changed:
            words.release()

    end = threading.Event()
    ears = threading.Thread(target=store.watch, args=("dags/", told, end.is_set), daemon=True)
    ears.start()
    assert alive.wait(10)
    client = s3.client()
    client.put_object(Bucket="code", Key="logs/x", Body=b"1")
    assert not words.acquire(timeout=0.3)
    client.put_object(Bucket="code", Key="dags/a.py", Body=b"1")
    assert words.acquire(timeout=5)
    end.set()
    client.delete_object(Bucket="code", Key="dags/a.py")
    ears.join(10)
    assert not ears.is_alive()


def test_who_may_not_list_is_not_told(s3: OwnS3) -> None:
    store = open_store(**s3.options("code"))
    store.list("")
    stranger = open_store(**{**s3.options("code"), "secret_access_key": replace(s3.admin).access_key_id})
    with pytest.raises(ObjectStoreError) as refused:
        stranger.list("")
    assert refused.value.code == "denied"
    stranger.watch("", lambda changed: None, lambda: False)  # nothing was offered: it comes back at once


def test_an_upload_is_a_snapshot_well_before_the_next_look(s3: OwnS3, tmp_path: Path) -> None:
    client, seen = s3.client(), threading.Semaphore(0)
    client.put_object(Bucket="code", Key="soon/a.py", Body=b"0")
    mirror = Mirror(
        open_store(**s3.options("code")),
        "soon",
        tmp_path / "store",
        tmp_path / "bundles",
        interval=30.0,
        on_snapshot=lambda snapshot: seen.release(),
    )
    mirror.start()
    try:
        assert seen.acquire(timeout=10)
        deadline = time.monotonic() + 10
        while not mirror._ears.hears():
            assert time.monotonic() < deadline
        for turn in range(3):
            began = time.monotonic()
            client.put_object(Bucket="code", Key="soon/a.py", Body=b"x" * (turn + 2))
            assert seen.acquire(timeout=10)
            assert time.monotonic() - began < 5.0
    finally:
        mirror.stop()
