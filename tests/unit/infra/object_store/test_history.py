"""Any history of calls leaves the store as a dict would be, also when it is closed and opened in between."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from infra.object_store.errors import StoreError
from infra.object_store.model import (
    ByteRange,
    ClaimedPart,
    Conditions,
    Facts,
    ObjectRef,
)
from infra.object_store.store import bodies, intake, uploads
from infra.object_store.store.engine import open_store
from infra.object_store.store.fsck import check_folder
from tests.fakes.bucket_model import BucketModel, Kept

T = TypeVar("T")
BUCKET = "history"
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # what is asked here is no matter of disks
KEYS = st.sampled_from(
    [
        "a",
        "a/",
        "a/b",
        "a/b/c",
        "a0",
        "a\x01",
        "b",
        "../../etc/passwd",
        "/abs",
        "ä",
        "ä/€",
        "\U0001f600",
        "z" * 1024,
    ]
)
DATA = st.binary(max_size=40)
TEXTS = st.sampled_from(["", "a", "a/", "a/b", "ä", "/", "b", "zz"])
DELIMITERS = st.sampled_from(["", "/", "b", "/b"])


class History(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="store-history-", dir=MEMORY))
        self.loop = asyncio.new_event_loop()
        self.model = BucketModel()
        self.now = 1_000_000.0
        self.patches = [
            mock.patch.object(bodies, "MOST_INLINE", 16),
            mock.patch.object(intake, "MOST_INLINE", 16),
            mock.patch.object(bodies, "_STEP", 8),
            mock.patch.object(uploads, "LEAST_PART", 4),
        ]
        for patch in self.patches:
            patch.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def clock(self) -> float:
        self.now += 1
        return self.now

    @initialize()
    def begin(self) -> None:
        self.store = self.run(open_store(self.folder, self.clock))
        self.run(self.store.create_bucket(BUCKET))

    @rule(versioning=st.sampled_from(["Enabled", "Suspended"]))
    def set_versioning(self, versioning: Any) -> None:
        self.run(self.store.set_versioning(BUCKET, versioning))
        self.model.versioning = versioning

    @rule(key=KEYS, data=DATA, streamed=st.booleans(), note=st.text(max_size=3, alphabet="ab"))
    def put(self, key: str, data: bytes, streamed: bool, note: str) -> None:
        facts = Facts(metadata={"note": note})

        async def put() -> Any:
            if not streamed:
                return await self.store.put_object(ObjectRef(BUCKET, key), data, facts)
            body = self.store.receive(["CRC32"])
            for at in range(0, len(data), 7):
                await body.write(data[at : at + 7])
            return await self.store.put_object(ObjectRef(BUCKET, key), body, facts, algorithm="CRC32")

        self._keep(key, data, self.run(put()), {"note": note})

    @rule(key=KEYS, data=DATA, wrong=st.booleans(), absent=st.booleans())
    def put_if(self, key: str, data: bytes, wrong: bool, absent: bool) -> None:
        there = self.model.find(key)
        if absent:
            conditions = Conditions(if_none_match=("*",))
            refused = "PreconditionFailed" if there else None
        else:
            conditions = Conditions(if_match=("0" * 32 if wrong or not there else there.etag,))
            refused = "NoSuchKey" if not there else "PreconditionFailed" if wrong else None
        try:
            written = self.run(self.store.put_object(ObjectRef(BUCKET, key), data, Facts(), conditions))
        except StoreError as error:
            assert error.code == refused
        else:
            assert refused is None
            self._keep(key, data, written, {})

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        deleted = self.run(self.store.delete_object(ObjectRef(BUCKET, key)))
        assert deleted.delete_marker == bool(self.model.versioning)
        self.model.delete(key, deleted.version_id)

    @rule(key=KEYS, which=st.integers(0, 5))
    def delete_version(self, key: str, which: int) -> None:
        versions = self.model.keys.get(key)
        if versions:
            kept = versions[which % len(versions)]
            deleted = self.run(self.store.delete_object(ObjectRef(BUCKET, key, kept.version_id)))
            assert deleted.delete_marker == (kept.data is None)
            self.model.delete_version(key, kept.version_id)

    @rule(source=KEYS, goal=KEYS, replaced=st.booleans())
    def copy(self, source: str, goal: str, replaced: bool) -> None:
        there = self.model.find(source)
        facts = Facts(metadata={"note": "copied"}) if replaced else None
        try:
            written = self.run(
                self.store.copy_object(ObjectRef(BUCKET, source), ObjectRef(BUCKET, goal), facts)
            )
        except StoreError as error:
            unchanged = source == goal and not replaced
            assert error.code == ("InvalidRequest" if unchanged else "NoSuchKey")
            assert unchanged or there is None
        else:
            assert there is not None and there.data is not None
            self._keep(goal, there.data, written, {"note": "copied"} if replaced else there.metadata)

    @rule(key=KEYS, parts=st.lists(st.binary(min_size=4, max_size=40), min_size=1, max_size=4), last=DATA)
    def upload(self, key: str, parts: list[bytes], last: bytes) -> None:
        async def upload() -> Any:
            ref = ObjectRef(BUCKET, key)
            begun = await self.store.create_upload(ref, Facts(metadata={"note": "parts"}))
            await self.store.put_part(ref, begun.id, 3, b"to be replaced")
            await self.store.put_part(ref, begun.id, 9999, b"not named at the end")
            claimed = []
            for number, data in enumerate([*parts, last], 1):
                part = await self.store.put_part(ref, begun.id, number, data)
                claimed.append(ClaimedPart(number, part.etag))
            written = await self.store.complete_upload(ref, begun.id, claimed)
            assert await self.store.complete_upload(ref, begun.id, claimed) == written
            return written

        written = self.run(upload())
        assert written.etag.endswith(f"-{len(parts) + 1}")
        self._keep(key, b"".join([*parts, last]), written, {"note": "parts"})

    @rule(key=KEYS)
    def abandon_upload(self, key: str) -> None:
        ref = ObjectRef(BUCKET, key)
        begun = self.run(self.store.create_upload(ref))
        self.run(self.store.put_part(ref, begun.id, 1, b"x" * 30))
        self.run(self.store.abort_upload(ref, begun.id))

    @rule(key=KEYS, first=st.integers(0, 45), length=st.integers(1, 45))
    def read_range(self, key: str, first: int, length: int) -> None:
        kept = self.model.find(key)
        if kept is None or kept.data is None:
            return
        wanted = ByteRange(first, first + length - 1)
        try:
            data = self.run(self._read(ObjectRef(BUCKET, key), wanted))
        except StoreError as error:
            assert error.code == "InvalidRange" and first >= len(kept.data)
        else:
            assert data == kept.data[first : first + length] and data

    @rule(prefix=TEXTS, delimiter=DELIMITERS, after=TEXTS, limit=st.integers(1, 4), versions=st.booleans())
    def list(self, prefix: str, delimiter: str, after: str, limit: int, versions: bool) -> None:
        expected = self.model.list_lines(prefix, delimiter, after, versions)
        found: list[tuple[str, str]] = []
        version = ""
        while True:
            if versions:
                page = self.store.list_versions(BUCKET, prefix, delimiter, after, version, limit)
            else:
                page = self.store.list_objects(BUCKET, prefix, delimiter, after, limit)
            lines = [(entry.key, entry.version_id) for entry in page.entries]
            for entry in page.entries:
                newest = self.model.keys[entry.key][0]
                assert entry.latest == (entry.version_id == newest.version_id)
            lines += [(common, "") for common in page.prefixes]
            found += sorted(lines, key=lambda line: line[0].encode()) if page.prefixes else lines
            assert len(lines) == limit if page.truncated else len(lines) <= limit
            if not page.truncated:
                break
            after, version = page.next_after, page.next_version
        assert found == expected

    @rule()
    def open_again(self) -> None:
        self.run(self.store.close())
        self.store = self.run(open_store(self.folder, self.clock))

    @rule()
    def collect(self) -> None:
        self.run(self.store.collect())

    @rule()
    def holds_what_the_model_holds(self) -> None:
        for key, versions in self.model.keys.items():
            for place, kept in enumerate(versions):
                ref = ObjectRef(BUCKET, key, kept.version_id)
                if kept.data is None:
                    assert _refusal(lambda ref=ref: self.store.head_object(ref)) == "MethodNotAllowed"
                    continue
                head = self.store.head_object(ref)
                assert (head.etag, head.size, head.latest) == (kept.etag, len(kept.data), place == 0)
                assert head.facts.metadata == kept.metadata
                assert self.run(self._read(ref, None)) == kept.data

    def teardown(self) -> None:
        try:
            self.holds_what_the_model_holds()
            self.run(self.store.collect())
            assert self.run(self.store.check()).clean
            self.run(self.store.close())
            report = check_folder(self.folder)
            assert report.problems == ()
            assert report.versions == sum(len(versions) for versions in self.model.keys.values())
        finally:
            self.loop.close()
            for patch in self.patches:
                patch.stop()
            shutil.rmtree(self.folder)

    async def _read(self, ref: ObjectRef, wanted: ByteRange | None) -> bytes:
        with self.store.open_object(ref, byte_range=wanted) as content:
            data = b"".join([chunk async for chunk in content.chunks(5)])
            assert content.data in (None, data) and len(data) == content.length
            return data

    def _keep(self, key: str, data: bytes, written: Any, metadata: dict[str, str]) -> None:
        assert written.size == len(data)
        if "-" not in written.etag:
            assert written.etag == hashlib.md5(data).hexdigest()
        assert (written.version_id is None) == (not self.model.versioning)
        self.model.put(key, Kept(written.version_id or "null", data, written.etag, metadata))


def _refusal(call: Any) -> str | None:
    try:
        call()
    except StoreError as error:
        return error.code
    return None


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
