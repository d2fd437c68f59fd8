"""ObjectStoragePath: a path in object storage that is used like a `pathlib.Path`, over a connection."""

from __future__ import annotations

import shutil
from typing import Any
from urllib.parse import urlsplit

from lazy_object_proxy import Proxy
from upath import UPath
from upath.extensions import ProxyUPath, classmethod_or_method

from airflow.io.store import attach


class ObjectStoragePath(ProxyUPath):
    """`ObjectStoragePath("s3://conn_id@bucket/key")`; the connection may be an argument instead.

    Files are opened, listed and copied by the provider's file system of that scheme.
    """

    __slots__ = ("_conn_id",)
    sep = "/"
    root_marker = "/"

    def __init__(
        self, *args: Any, protocol: str | None = None, conn_id: str | None = None, **storage_options: Any
    ) -> None:
        first = args[0] if args else None
        if isinstance(first, ObjectStoragePath):
            conn_id = conn_id or first.conn_id
            first = first.__wrapped__
        elif first is not None:
            first, protocol, conn_id = _split(str(first), protocol, conn_id)
        self._conn_id = conn_id or storage_options.pop("conn_id", None)
        parts = args[1:] if first is None else (first, *args[1:])
        super().__init__(*parts, protocol=protocol or None, **storage_options)
        self._use_connection(self.__wrapped__)

    @classmethod_or_method
    def _from_upath(cls_or_self: Any, upath: Any, /) -> Any:
        """A path that came of this one: it keeps the connection."""
        own = isinstance(cls_or_self, ObjectStoragePath)
        kind = type(cls_or_self) if own else cls_or_self
        if isinstance(upath, kind):
            return upath
        made = object.__new__(kind)
        made.__wrapped__ = upath
        made._conn_id = cls_or_self._conn_id if own else None
        made._use_connection(upath)
        return made

    def _use_connection(self, wrapped: Any) -> None:
        if self._conn_id is not None and not hasattr(wrapped, "_fs_cached"):
            wrapped._fs_cached = Proxy(attach(wrapped.protocol or "file", self._conn_id).find_fs)

    @property
    def conn_id(self) -> str | None:
        return self._conn_id

    @property
    def fs(self) -> Any:
        return attach(self.protocol or "file", self.conn_id).fs

    @property
    def bucket(self) -> str:
        return (
            urlsplit(self.__wrapped__.as_uri()).netloc if self.protocol not in ("", "file", "local") else ""
        )

    container = bucket

    @property
    def key(self) -> str:
        """What comes after the bucket, without a slash in front."""
        text = urlsplit(str(self.__wrapped__)).path if self.bucket else self.path
        return text.lstrip(self.sep)

    @property
    def namespace(self) -> str:
        return f"{self.protocol}://{self.bucket}" if self.bucket else self.protocol

    def samestore(self, other: Any) -> bool:
        return isinstance(other, ObjectStoragePath) and (self.protocol, self.conn_id) == (
            other.protocol,
            other.conn_id,
        )

    def open(self, mode: str = "r", **kwargs: Any) -> Any:
        kwargs.setdefault("block_size", kwargs.pop("buffering", None))
        return self.fs.open(self.path, mode=mode, **kwargs)

    def replace(self, target: Any) -> Any:
        return self.rename(target)

    def ukey(self) -> str:
        """Changes when the file does."""
        return str(self.fs.ukey(self.path))

    def checksum(self) -> int:
        return int(self.fs.checksum(self.path))

    def read_block(self, offset: int, length: int, delimiter: bytes | None = None) -> bytes:
        """Bytes from the middle of the file, from one delimiter to another."""
        return bytes(self.fs.read_block(self.path, offset=offset, length=length, delimiter=delimiter))

    def sign(self, expiration: int = 100, **kwargs: Any) -> str:
        """An address that anybody can read for `expiration` seconds."""
        return str(self.fs.sign(self.path, expiration=expiration, **kwargs))

    def size(self) -> int:
        return int(self.fs.size(self.path))

    def copy(self, dst: Any, recursive: bool = False, **kwargs: Any) -> None:
        """Copy a file, or with `recursive` a folder, to a path in this or another store.

        Between two stores the key stays: s3://a/x/y to gs://b becomes gs://b/x/y.
        """
        target = ObjectStoragePath(dst) if isinstance(dst, str) else dst
        if self.samestore(target):
            self.fs.copy(self.path, target.path, recursive=recursive, **kwargs)
        elif self.protocol in ("", "file"):
            target.fs.put(self.path, target.path, recursive=recursive, **kwargs)
        elif target.protocol in ("", "file"):
            self.fs.get(self.path, target.path, recursive=recursive, **kwargs)
        elif not self.exists():
            raise FileNotFoundError(f"cannot copy {self}: it does not exist")
        elif self.is_dir():
            self._copy_folder(target)
        else:
            self._copy_file(target)

    def move(self, path: Any, recursive: bool = False, **kwargs: Any) -> None:
        target = ObjectStoragePath(path) if isinstance(path, str) else path
        if self.samestore(target):
            self.fs.move(self.path, target.path, recursive=recursive, **kwargs)
            return
        self.copy(target, recursive=recursive, **kwargs)
        if recursive:
            self.fs.rm(self.path, recursive=True)
        else:
            self.unlink()

    def copy_into(self, target_dir: Any, recursive: bool = False, **kwargs: Any) -> None:
        self.copy(_folder(target_dir) / self.name, recursive=recursive, **kwargs)

    def move_into(self, target_dir: Any, recursive: bool = False, **kwargs: Any) -> None:
        self.move(_folder(target_dir) / self.name, recursive=recursive, **kwargs)

    def _copy_folder(self, target: ObjectStoragePath) -> None:
        for found in self.fs.find(self.path):
            ObjectStoragePath(found, protocol=self.protocol, conn_id=self.conn_id)._copy_file(target)

    def _copy_file(self, target: ObjectStoragePath) -> None:
        if not target.key or target.key.endswith(self.sep) or target.is_dir():
            target.mkdir(exist_ok=True, parents=True)
            target = target / self.key
        with self.open("rb") as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)

    def serialize(self) -> dict[str, Any]:
        return {"path": str(self), "conn_id": self.conn_id, "kwargs": dict(self.storage_options)}

    @classmethod
    def deserialize(cls, data: dict[str, Any], version: int = 1) -> ObjectStoragePath:
        return cls(data["path"], conn_id=data.get("conn_id"), **data.get("kwargs", {}))

    @classmethod
    def cwd(cls) -> Any:
        return cls._from_upath(UPath.cwd())

    @classmethod
    def home(cls) -> Any:
        return cls._from_upath(UPath.home())

    def __eq__(self, other: object) -> bool:
        return self.samestore(other) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        if self.protocol and self.conn_id:
            return f"{self.protocol}://{self.conn_id}@{self.path}"
        return str(super().__str__())


def _split(text: str, protocol: str | None, conn_id: str | None) -> tuple[str, str | None, str | None]:
    """A path as text, without the connection it names; its scheme; its connection."""
    parts = urlsplit(text)
    named, found, host = parts.netloc.rpartition("@")
    if found:
        text = parts._replace(netloc=host).geturl()
    return text, protocol or parts.scheme or None, conn_id or named or None


def _folder(place: Any) -> Any:
    folder = ObjectStoragePath(place) if isinstance(place, str) else place
    if not folder.is_dir():
        raise NotADirectoryError(f"cannot copy into {folder}: it is no folder")
    return folder
