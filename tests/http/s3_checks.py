"""What is asked of an S3 to compare two of them: each check is a name and a function of a client and a fresh bucket.

What a check returns is compared as it is, so it holds nothing that may differ: no times, no ids.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

Run = Callable[[Any, str], Any]
PART = 5 << 20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to ask."""

    name: str
    run: Run


def code_of(act: Callable[[], Any]) -> Any:
    """The code and status of a refusal, or what `act` returns."""
    try:
        return act()
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def all_checks() -> list[Check]:
    """Every check, in a fixed order."""
    makers = (
        _keys,
        _sizes,
        _ranges,
        _conditions,
        _listings,
        _versions,
        _multipart,
        _copies,
        _settings,
        _rest,
    )
    found = [check for make in makers for check in make()]
    names = [check.name for check in found]
    assert len(set(names)) == len(names)
    return found


KEYS = {
    "plain": "a.txt",
    "nested": "a/b/c/d/e.txt",
    "space": "with space.txt",
    "plus": "a+b.txt",
    "percent": "100%.txt",
    "encoded": "a%2Fb",
    "unicode": "日本/ファイル.txt",
    "emoji": "🚀.txt",
    "combining": "é.txt",
    "quote": 'it\'s "quoted".txt',
    "amp": "a&b<c>.txt",
    "hash": "a#b?c=d",
    "colon": "a:b;c,d",
    "dot": ".hidden",
    "trailing-slash": "folder/",
    "double-slash": "a//b",
    "leading-slash": "/a",
    "dots": "a/../b",
    "up": "../x",
    "single-dot": "a/./b",
    "tilde": "~user/*(!)'",
    "equals": "dt=2026-01-01/part=1",
    "backslash": "a\\b",
    "long": "k" * 1024,
    "newline": "a\nb",
    "tab": "a\tb",
}


def _keys() -> Iterator[Check]:
    for name, key in KEYS.items():

        def roundtrip(s3: Any, bucket: str, key: str = key) -> Any:
            body = key.encode()
            etag = s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"]
            got = s3.get_object(Bucket=bucket, Key=key)
            listed = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
            return etag, got["Body"].read() == body, got["ETag"], listed == [key]

        def remove(s3: Any, bucket: str, key: str = key) -> Any:
            s3.put_object(Bucket=bucket, Key=key, Body=b"x")
            gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
            head = code_of(lambda: s3.head_object(Bucket=bucket, Key=key)["ETag"])
            return [one["Key"] for one in gone.get("Deleted", [])] == [key], head

        yield Check(f"key {name}: there and back", roundtrip)
        yield Check(f"key {name}: deleted in bulk", remove)
    too_long = "k" * 1025
    yield Check("key of 1025 bytes", lambda s3, b: code_of(lambda: s3.put_object(Bucket=b, Key=too_long)))


def _sizes() -> Iterator[Check]:
    borders = (0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 262144, 262145, 1048575, 1048576, 1048577)
    for size in borders:

        def roundtrip(s3: Any, bucket: str, size: int = size) -> Any:
            body = _bytes(size)
            etag = s3.put_object(Bucket=bucket, Key="k", Body=body)["ETag"]
            head = s3.head_object(Bucket=bucket, Key="k")
            got = s3.get_object(Bucket=bucket, Key="k")["Body"].read()
            return etag, head["ContentLength"], got == body

        yield Check(f"size {size}", roundtrip)


def _ranges() -> Iterator[Check]:
    ranges = ("bytes=0-0", "bytes=0-9", "bytes=5-", "bytes=-3", "bytes=90-200", "bytes=99-99", "bytes=100-")
    more = ("bytes=100-200", "bytes=-0", "bytes=-200", "bytes=9-5", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4")
    for text in ranges + more:

        def read(s3: Any, bucket: str, text: str = text) -> Any:
            s3.put_object(Bucket=bucket, Key="k", Body=_bytes(100))

            def get() -> Any:
                got = s3.get_object(Bucket=bucket, Key="k", Range=text)
                status = got["ResponseMetadata"]["HTTPStatusCode"]
                return status, got["Body"].read(), got.get("ContentRange"), got["ContentLength"]

            return code_of(get)

        yield Check(f"range {text}", read)

    def of_nothing(s3: Any, bucket: str) -> Any:
        s3.put_object(Bucket=bucket, Key="k", Body=b"")
        return code_of(lambda: s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-0")["Body"].read())

    yield Check("range of an empty object", of_nothing)


def _conditions() -> Iterator[Check]:
    etag, other = '"900150983cd24fb0d6963f7d28e17f72"', '"00000000000000000000000000000000"'
    reads: dict[str, dict[str, str]] = {
        "if-match same": {"IfMatch": etag},
        "if-match other": {"IfMatch": other},
        "if-match star": {"IfMatch": "*"},
        "if-none-match same": {"IfNoneMatch": etag},
        "if-none-match other": {"IfNoneMatch": other},
        "modified since 2000": {"IfModifiedSince": "2000-01-01"},
        "modified since 2099": {"IfModifiedSince": "2099-01-01"},
        "unmodified since 2000": {"IfUnmodifiedSince": "2000-01-01"},
        "unmodified since 2099": {"IfUnmodifiedSince": "2099-01-01"},
        "match and unmodified": {"IfMatch": etag, "IfUnmodifiedSince": "2000-01-01"},
    }
    for name, more in reads.items():
        for verb in ("get_object", "head_object"):

            def read(s3: Any, bucket: str, more: dict[str, str] = more, verb: str = verb) -> Any:
                s3.put_object(Bucket=bucket, Key="k", Body=b"abc")
                return code_of(lambda: getattr(s3, verb)(Bucket=bucket, Key="k", **more)["ETag"])

            yield Check(f"{verb} {name}", read)
    writes = {"if-none-match": {"IfNoneMatch": "*"}, "same": {"IfMatch": etag}, "other": {"IfMatch": other}}
    for (name, more), there in itertools.product(writes.items(), (True, False)):

        def write(s3: Any, bucket: str, more: dict[str, str] = more, there: bool = there) -> Any:
            if there:
                s3.put_object(Bucket=bucket, Key="k", Body=b"abc")
            outcome = code_of(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"new", **more)["ETag"])
            return outcome, code_of(lambda: s3.get_object(Bucket=bucket, Key="k")["Body"].read())

        yield Check(f"put {name} on {'an object' if there else 'nothing'}", write)
    for turn in range(8):
        yield Check(f"8 writers at once, round {turn}", _race)


def _race(s3: Any, bucket: str) -> Any:
    """Exactly one of eight creates the key."""

    def write(number: int) -> bool:
        answer = code_of(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"%d" % number, IfNoneMatch="*"))
        return isinstance(answer, dict)

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(write, range(8)))


TREE = ("a", "a/1", "a/2", "a/b/1", "a/b/2", "a-", "b", "b/1", "c/d/e", "z", "ä", "日")


def _listings() -> Iterator[Check]:
    shapes = itertools.product(("", "a", "a/", "b/", "nothing"), ("", "/", "b"), (1, 2, 3, 1000))
    for prefix, delimiter, size in shapes:
        for version in ("list_objects", "list_objects_v2", "list_object_versions"):

            def pages(
                s3: Any,
                bucket: str,
                what: tuple[str, str, int] = (prefix, delimiter, size),
                verb: str = version,
            ) -> Any:
                bucket = _tree(s3)
                given = {"Prefix": what[0], **({"Delimiter": what[1]} if what[1] else {})}
                paginator = s3.get_paginator(verb)
                config = {"PageSize": what[2]}
                found = []
                for page in paginator.paginate(Bucket=bucket, **given, PaginationConfig=config):
                    rows = page.get("Contents", page.get("Versions", []))
                    prefixes = [one["Prefix"] for one in page.get("CommonPrefixes", [])]
                    found.append(([one["Key"] for one in rows], prefixes, page["IsTruncated"]))
                return found

            if size > 1 or version == "list_objects_v2":
                yield Check(f"{version} prefix={prefix!r} delimiter={delimiter!r} by {size}", pages)
    for after in ("", "a", "a/", "a/b", "a/b/2", "zz", "0"):

        def started(s3: Any, bucket: str, after: str = after) -> Any:
            bucket = _tree(s3)
            one = s3.list_objects_v2(Bucket=bucket, StartAfter=after, Delimiter="/")
            other = s3.list_objects(Bucket=bucket, Marker=after)
            prefixes = [row["Prefix"] for row in one.get("CommonPrefixes", [])]
            return (
                [row["Key"] for row in one.get("Contents", [])],
                prefixes,
                [row["Key"] for row in other.get("Contents", [])],
            )

        yield Check(f"list after {after!r}", started)
    for limit in (0, 5000, -1):
        yield Check(
            f"max-keys {limit}",
            lambda s3, b, limit=limit: code_of(
                lambda: s3.list_objects_v2(Bucket=b, MaxKeys=limit)["IsTruncated"]
            ),
        )


def _tree(s3: Any) -> str:
    """A bucket of TREE, made once: what is in it is only listed."""
    if not any(one["Name"] == "tree" for one in s3.list_buckets()["Buckets"]):
        s3.create_bucket(Bucket="tree")
        for key in TREE:
            s3.put_object(Bucket="tree", Key=key, Body=b"")
    return "tree"


def _versions() -> Iterator[Check]:
    def history(s3: Any, bucket: str) -> Any:
        _enable(s3, bucket)
        for body in (b"1", b"2", b"3"):
            s3.put_object(Bucket=bucket, Key="k", Body=body)
        s3.delete_object(Bucket=bucket, Key="k")
        found = s3.list_object_versions(Bucket=bucket)
        versions = [(one["IsLatest"], one["Size"]) for one in found["Versions"]]
        bodies = [
            s3.get_object(Bucket=bucket, Key="k", VersionId=one["VersionId"])["Body"].read()
            for one in found["Versions"]
        ]
        return versions, bodies, [one["IsLatest"] for one in found["DeleteMarkers"]]

    def undelete(s3: Any, bucket: str) -> Any:
        _enable(s3, bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"1")
        marker = s3.delete_object(Bucket=bucket, Key="k")
        missing = code_of(lambda: s3.get_object(Bucket=bucket, Key="k"))
        s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
        return marker["DeleteMarker"], missing, s3.get_object(Bucket=bucket, Key="k")["Body"].read()

    def suspended(s3: Any, bucket: str) -> Any:
        _enable(s3, bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"1")
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
        s3.put_object(Bucket=bucket, Key="k", Body=b"2")
        s3.put_object(Bucket=bucket, Key="k", Body=b"3")
        found = s3.list_object_versions(Bucket=bucket)["Versions"]
        status = s3.get_bucket_versioning(Bucket=bucket)["Status"]
        return status, [one["VersionId"] == "null" for one in found], len(found)

    def marker_read(s3: Any, bucket: str) -> Any:
        _enable(s3, bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"1")
        marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
        return code_of(lambda: s3.get_object(Bucket=bucket, Key="k", VersionId=marker))

    def unknown(s3: Any, bucket: str) -> Any:
        _enable(s3, bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"1")
        return code_of(lambda: s3.get_object(Bucket=bucket, Key="k", VersionId="0" * 32))

    yield from map(Check, ("history of a key", "undelete", "suspended"), (history, undelete, suspended))
    yield Check("a delete marker read by its version", marker_read)
    yield Check("a version that is not there", unknown)


def _multipart() -> Iterator[Check]:
    for size in (1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1):

        def upload(s3: Any, bucket: str, size: int = size) -> Any:
            body = _bytes(size)
            pieces = [body[at : at + PART] for at in range(0, size, PART)]
            done = _upload(s3, bucket, pieces)
            got = s3.get_object(Bucket=bucket, Key="k")
            return done["ETag"], hashlib.sha256(got["Body"].read()).hexdigest(), got["ContentLength"]

        yield Check(f"multipart of {size}", upload)

    def small(s3: Any, bucket: str) -> Any:
        return code_of(lambda: _upload(s3, bucket, [b"tiny", b"tiny"]))

    def wrong_order(s3: Any, bucket: str) -> Any:
        which, parts = _parts(s3, bucket, [_bytes(PART), b"x"])
        return code_of(lambda: _complete(s3, bucket, which, parts[::-1]))

    def wrong_etag(s3: Any, bucket: str) -> Any:
        which, parts = _parts(s3, bucket, [b"x"])
        return code_of(lambda: _complete(s3, bucket, which, [{**parts[0], "ETag": '"' + "0" * 32 + '"'}]))

    def aborted(s3: Any, bucket: str) -> Any:
        which, parts = _parts(s3, bucket, [b"x"])
        s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=which)
        left = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return code_of(lambda: _complete(s3, bucket, which, parts)), left

    def listed(s3: Any, bucket: str) -> Any:
        which, _ = _parts(s3, bucket, [_bytes(PART), b"x"])
        parts = s3.list_parts(Bucket=bucket, Key="k", UploadId=which)["Parts"]
        uploads = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
        rows = [(one["PartNumber"], one["ETag"], one["Size"]) for one in parts]
        return rows, [one["Key"] for one in uploads], s3.list_objects_v2(Bucket=bucket)["KeyCount"]

    def replaced(s3: Any, bucket: str) -> Any:
        which, _ = _parts(s3, bucket, [b"old"])
        etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=which, PartNumber=1, Body=b"new")["ETag"]
        _complete(s3, bucket, which, [{"PartNumber": 1, "ETag": etag}])
        return s3.get_object(Bucket=bucket, Key="k")["Body"].read()

    def copied(s3: Any, bucket: str) -> Any:
        s3.put_object(Bucket=bucket, Key="from", Body=_bytes(1000))
        which = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        part = s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=which, PartNumber=1, CopySource=f"{bucket}/from",
            CopySourceRange="bytes=10-19",
        )["CopyPartResult"]  # fmt: skip
        _complete(s3, bucket, which, [{"PartNumber": 1, "ETag": part["ETag"]}])
        return s3.get_object(Bucket=bucket, Key="k")["Body"].read()

    def unknown(s3: Any, bucket: str) -> Any:
        return code_of(
            lambda: s3.upload_part(Bucket=bucket, Key="k", UploadId="none", PartNumber=1, Body=b"x")
        )

    def part_number(s3: Any, bucket: str) -> Any:
        which = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        return code_of(
            lambda: s3.upload_part(Bucket=bucket, Key="k", UploadId=which, PartNumber=10001, Body=b"x")
        )

    for run in (small, wrong_order, wrong_etag, aborted, listed, replaced, copied, unknown, part_number):
        yield Check(f"multipart {run.__name__}", run)


def _copies() -> Iterator[Check]:
    def copy(s3: Any, bucket: str, **more: Any) -> Any:
        s3.put_object(Bucket=bucket, Key="from ü", Body=b"abc", Metadata={"a": "1"}, ContentType="text/x")
        given = {"CopySource": {"Bucket": bucket, "Key": "from ü"}, **more}
        etag = s3.copy_object(Bucket=bucket, Key="to", **given)["CopyObjectResult"]["ETag"]
        got = s3.get_object(Bucket=bucket, Key="to")
        return etag, got["Body"].read(), got["Metadata"], got["ContentType"]

    variants: dict[str, dict[str, Any]] = {
        "plain": {},
        "replace": {"MetadataDirective": "REPLACE", "Metadata": {"b": "2"}, "ContentType": "text/y"},
        "metadata without replace": {"Metadata": {"b": "2"}},
        "if-match same": {"CopySourceIfMatch": "900150983cd24fb0d6963f7d28e17f72"},
        "if-match other": {"CopySourceIfMatch": "0" * 32},
        "if-none-match same": {"CopySourceIfNoneMatch": "900150983cd24fb0d6963f7d28e17f72"},
    }
    for name, more in variants.items():
        yield Check(f"copy {name}", lambda s3, b, more=more: code_of(lambda: copy(s3, b, **more)))

    def itself(s3: Any, bucket: str) -> Any:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        return code_of(lambda: s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k"))

    def missing(s3: Any, bucket: str) -> Any:
        return code_of(lambda: s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/none"))

    def tags(s3: Any, bucket: str) -> Any:
        s3.put_object(Bucket=bucket, Key="from", Body=b"x", Tagging="a=1&b=2")
        s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
        return sorted(
            (one["Key"], one["Value"]) for one in s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"]
        )

    yield from map(Check, ("copy onto itself", "copy of nothing", "copy keeps tags"), (itself, missing, tags))


def _settings() -> Iterator[Check]:
    reads = {
        "get_bucket_versioning": lambda found: found.get("Status"),
        "get_bucket_location": lambda found: found["LocationConstraint"],
        "get_bucket_tagging": lambda found: found["TagSet"],
        "get_bucket_policy": lambda found: found["Policy"],
        "get_bucket_lifecycle_configuration": lambda found: found["Rules"],
        "get_public_access_block": lambda found: found["PublicAccessBlockConfiguration"],
        "head_bucket": lambda found: found["ResponseMetadata"]["HTTPStatusCode"],
        "list_multipart_uploads": lambda found: found.get("Uploads"),
    }
    for verb, look in reads.items():
        yield Check(
            f"{verb} of a new bucket",
            lambda s3, b, verb=verb, look=look: code_of(lambda: look(getattr(s3, verb)(Bucket=b))),
        )
        yield Check(
            f"{verb} of no bucket",
            lambda s3, b, verb=verb, look=look: code_of(lambda: look(getattr(s3, verb)(Bucket="none-" + b))),
        )

    def bucket_tags(s3: Any, bucket: str) -> Any:
        wanted = [{"Key": "k", "Value": "v"}, {"Key": "ü", "Value": ""}]
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": wanted})
        found = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        s3.delete_bucket_tagging(Bucket=bucket)
        return found == wanted, code_of(lambda: s3.get_bucket_tagging(Bucket=bucket))

    def access_block(s3: Any, bucket: str) -> Any:
        wanted = {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": False,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": False,
        }
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=wanted)
        found = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        s3.delete_public_access_block(Bucket=bucket)
        return found == wanted, code_of(lambda: s3.get_public_access_block(Bucket=bucket))

    def lifecycle(s3: Any, bucket: str) -> Any:
        rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}}
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
        found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        s3.delete_bucket_lifecycle(Bucket=bucket)
        return found == [rule]

    def policy(s3: Any, bucket: str) -> Any:
        text = (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject",'
            f'"Resource":"arn:aws:s3:::{bucket}/x"}}]}}'
        )
        s3.put_bucket_policy(Bucket=bucket, Policy=text)
        found = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        s3.delete_bucket_policy(Bucket=bucket)
        return found == text, code_of(lambda: s3.get_bucket_policy(Bucket=bucket))

    for run in (bucket_tags, access_block, lifecycle, policy):
        yield Check(f"settings {run.__name__}", run)


def _rest() -> Iterator[Check]:
    def metadata(s3: Any, bucket: str) -> Any:
        given = {"ContentType": "text/csv", "CacheControl": "no-store", "ContentDisposition": "attachment"}
        given |= {"ContentLanguage": "de", "ContentEncoding": "gzip"}
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"Some-Name": "v 1"}, **given)
        head = s3.head_object(Bucket=bucket, Key="k")
        return head["Metadata"], {name: head[name] for name in given}

    def default_type(s3: Any, bucket: str) -> Any:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        return s3.head_object(Bucket=bucket, Key="k")["ContentType"]

    def overrides(s3: Any, bucket: str) -> Any:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="a/b", ResponseCacheControl="c")
        return got["ContentType"], got["CacheControl"]

    def object_tags(s3: Any, bucket: str) -> Any:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1")
        first = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "b", "Value": "2"}]})
        second = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
        s3.delete_object_tagging(Bucket=bucket, Key="k")
        return first, second, s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]

    def beside(s3: Any, bucket: str) -> Any:
        s3.put_object(Bucket=bucket, Key="n", Body=b"1")
        s3.put_object(Bucket=bucket, Key="n/x", Body=b"2")
        return [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in ("n", "n/x")]

    def full_bucket(s3: Any, bucket: str) -> Any:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        return code_of(lambda: s3.delete_bucket(Bucket=bucket))

    def delete_missing(s3: Any, bucket: str) -> Any:
        return s3.delete_object(Bucket=bucket, Key="none")["ResponseMetadata"]["HTTPStatusCode"]

    def read_missing(s3: Any, bucket: str) -> Any:
        return [
            code_of(lambda: s3.get_object(Bucket=bucket, Key="none")),
            code_of(lambda: s3.head_object(Bucket=bucket, Key="none")),
            code_of(lambda: s3.get_object_tagging(Bucket=bucket, Key="none")),
        ]

    def bad_md5(s3: Any, bucket: str) -> Any:
        wrong = "1B2M2Y8AsgTpgAmY7PhCfg=="
        return code_of(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5=wrong))

    def again(s3: Any, bucket: str) -> Any:
        return code_of(lambda: s3.create_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"])

    def quiet(s3: Any, bucket: str) -> Any:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}], "Quiet": True})
        return gone.get("Deleted"), gone.get("Errors")

    for run in (metadata, default_type, overrides, object_tags, beside, full_bucket, delete_missing):
        yield Check(f"object {run.__name__}", run)
    for run in (read_missing, bad_md5, again, quiet):
        yield Check(f"object {run.__name__}", run)
    for name in ("ab", "A-b-c", "a..b", "-abc", "192.168.0.1", "a" * 64, "a_b_c"):
        yield Check(
            f"bucket name {name[:12]!r}",
            lambda s3, b, name=name: code_of(lambda: _create_raw(s3, name)),
        )
    for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"):

        def checksum(s3: Any, bucket: str, algorithm: str = algorithm) -> Any:
            s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 1000, ChecksumAlgorithm=algorithm)
            return s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED").get(f"Checksum{algorithm}")

        if algorithm in ("CRC32", "SHA1", "SHA256"):
            yield Check(f"checksum {algorithm}", checksum)


def _create_raw(s3: Any, name: str) -> Any:
    """botocore checks names itself: that is switched off for one call."""
    from botocore.handlers import validate_bucket_name

    events = s3.meta.events
    events.unregister("before-parameter-build.s3", validate_bucket_name)
    try:
        return s3.create_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"]
    finally:
        events.register("before-parameter-build.s3", validate_bucket_name)


def _bytes(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def _enable(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def _parts(s3: Any, bucket: str, pieces: list[bytes]) -> tuple[str, list[dict[str, Any]]]:
    which = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    parts = []
    for number, body in enumerate(pieces, 1):
        etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=which, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    return which, parts


def _complete(s3: Any, bucket: str, which: str, parts: list[dict[str, Any]]) -> Any:
    given = {"MultipartUpload": {"Parts": parts}}
    return s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=which, **given)


def _upload(s3: Any, bucket: str, pieces: list[bytes]) -> Any:
    which, parts = _parts(s3, bucket, pieces)
    return _complete(s3, bucket, which, parts)
