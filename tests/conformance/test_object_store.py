"""What every object store must do: the real client on a real server, and the fake of other tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from sync.objects import ObjectStore, ObjectStoreError, open_store
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.s3_server import S3Server, running_s3


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with running_s3() as s3:
        yield s3


def bucket_of(request: pytest.FixtureRequest) -> str:
    """A bucket for each test."""
    return "b-" + hashlib.md5(request.node.name.encode()).hexdigest()


@pytest.fixture(params=["fake", "s3", "s3 under a prefix"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "fake":
        return FakeObjectStore()
    server: S3Server = request.getfixturevalue("server")
    bucket = bucket_of(request)
    server.make_bucket(bucket)
    return open_store(**server.options(bucket, prefix="/some/where/" if "prefix" in request.param else ""))


def code_of(error: pytest.ExceptionInfo[ObjectStoreError]) -> str:
    assert str(error.value).startswith("cannot ")
    return error.value.code


def test_what_was_put_is_read_and_listed(store: ObjectStore) -> None:
    etag = store.put("dags/a.py", b"one")
    assert etag == hashlib.md5(b"one").hexdigest()
    assert store.get("dags/a.py") == b"one"
    info = store.head("dags/a.py")
    assert (info.key, info.etag, info.size) == ("dags/a.py", etag, 3)
    assert [(o.key, o.etag, o.size) for o in store.list("dags/")] == [("dags/a.py", etag, 3)]
    assert store.list("other/") == []


def test_new_objects_are_made_and_those_that_are_there_stay(store: ObjectStore) -> None:
    store.put("n/b", b"before")
    assert store.most_together() == 1
    codes = [error and error.code for key in ("n/a", "n/b") for error in store.put_new([(key, b"now")])]
    assert codes == [None, "changed"]
    assert (store.get("n/a"), store.get("n/b")) == (b"now", b"before")


def test_a_listing_follows_every_change(store: ObjectStore) -> None:
    store.put("p/a", b"1")
    first = store.list("p/")
    assert store.list("p/") == first
    store.put("p/a", b"2")
    store.put("p/b", b"")
    assert [(o.key, o.size) for o in store.list("p/")] == [("p/a", 1), ("p/b", 0)]
    assert store.list("p/")[0].etag != first[0].etag
    store.delete("p/a")
    store.delete("p/never-was")
    assert [o.key for o in store.list("p/")] == ["p/b"]


def test_a_listing_of_several_pages_is_whole_and_in_order(
    request: pytest.FixtureRequest, store: ObjectStore
) -> None:
    keys = [f"many/{n:04}" for n in range(1003)]
    if isinstance(store, FakeObjectStore):
        for key in keys:
            store.put(key, b"x")
    else:
        base = "some/where/" if "prefix" in request.node.name else ""
        request.getfixturevalue("server").seed(bucket_of(request), {base + key: "x" for key in keys})
    assert [o.key for o in store.list("many/")] == keys
    store.put("many/1002", b"yy")
    assert store.list("many/")[-1].size == 2


def test_keys_come_back_as_they_are_when_hostile_or_foreign(store: ObjectStore) -> None:
    keys = ["h/a b+c%41&d=e.py", "h/uni-é-한글-🙂.py", "h/e\u0301.py", "h/{x}*~.py", "h/dir/"]
    odd = ["h/../up.py", "h/a//b.py", "h/./c.py", "h/back\\slash.py"]
    for key in keys:
        if key.endswith("/"):
            continue
        store.put(key, key.encode())
        assert store.get(key) == key.encode()
    _put_raw(store, [*odd, "h/dir/"])
    assert {o.key for o in store.list("h/")} == {*keys, *odd}


def test_a_condition_that_no_longer_holds_is_changed(store: ObjectStore) -> None:
    etag = store.put("k", b"1", if_none_match=True)
    with pytest.raises(ObjectStoreError) as refused:
        store.put("k", b"2", if_none_match=True)
    assert code_of(refused) == "changed"
    assert store.get("k", if_match=etag) == b"1"
    store.put("k", b"3")
    with pytest.raises(ObjectStoreError) as stale:
        store.get("k", if_match=etag)
    assert code_of(stale) == "changed"


@pytest.mark.parametrize("operation", ["get", "head"])
def test_a_key_that_is_not_there_is_named(store: ObjectStore, operation: str) -> None:
    with pytest.raises(ObjectStoreError, match="nothing-here") as error:
        getattr(store, operation)("nothing-here")
    assert code_of(error) == "no_such_key"


@pytest.mark.parametrize("operation", ["get", "head"])
def test_a_version_that_is_not_there_is_no_such_key(store: ObjectStore, operation: str) -> None:
    store.put("k", b"1")
    with pytest.raises(ObjectStoreError, match="k") as error:
        getattr(store, operation)("k", version="nobody-has-it")
    assert code_of(error) == "no_such_key"


def test_an_older_version_is_read_while_the_bucket_keeps_it(
    request: pytest.FixtureRequest, server: S3Server
) -> None:
    bucket = bucket_of(request)
    server.make_bucket(bucket)
    _client(server.endpoint).put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    store = open_store(**server.options(bucket))
    store.put("k", b"older")
    older = store.head("k").version
    store.put("k", b"new")
    assert (store.get("k"), store.get("k", version=older)) == (b"new", b"older")
    assert (store.head("k").size, store.head("k", version=older).size) == (3, 5)


@pytest.mark.parametrize("operation", ["list", "get", "put"])
def test_a_missing_bucket_and_a_dead_endpoint_are_told_apart(server: S3Server, operation: str) -> None:
    more = (b"x",) if operation == "put" else ()
    with pytest.raises(ObjectStoreError) as missing:
        getattr(open_store(**server.options("no-such-bucket")), operation)("k", *more)
    assert code_of(missing) == "no_such_bucket"
    dead = open_store(
        bucket="b", endpoint="http://127.0.0.1:9", access_key_id="a", secret_access_key="SECRET9"
    )
    with pytest.raises(ObjectStoreError) as unreachable:
        getattr(dead, operation)("k", *more)
    assert code_of(unreachable) == "unreachable"
    assert "SECRET9" not in str(unreachable.value)


def _put_raw(store: ObjectStore, keys: list[str]) -> None:
    """Keys that the client itself would not write: straight into the fake, by boto3 into the real one."""
    if isinstance(store, FakeObjectStore):
        store.objects.update(dict.fromkeys(keys, b""))
        return
    at = store._location  # type: ignore[attr-defined]
    client = _client(at.endpoint)
    for key in keys:
        client.put_object(Bucket=at.bucket, Key=store._base + key, Body=b"")  # type: ignore[attr-defined]


def _client(endpoint: str) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIDTEST",
        aws_secret_access_key="secret",
    )
