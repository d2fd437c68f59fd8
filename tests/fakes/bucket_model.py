"""What a bucket is, said with a dict: the oracle for the embedded object store."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Kept:
    version_id: str
    data: bytes | None
    """None: a delete marker."""
    etag: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class BucketModel:
    """Versions of each key, newest first."""

    versioning: str = ""
    keys: dict[str, list[Kept]] = field(default_factory=dict)

    def find(self, key: str) -> Kept | None:
        """The current version, unless it is a delete marker."""
        versions = self.keys.get(key, [])
        return versions[0] if versions and versions[0].data is not None else None

    def put(self, key: str, kept: Kept) -> None:
        if self.versioning != "Enabled":
            self._drop(key, "null")
        self.keys.setdefault(key, []).insert(0, kept)

    def delete(self, key: str, marker: str | None) -> None:
        """By key; `marker` is the id the store gave to the delete marker it made."""
        if not self.versioning:
            self._drop(key, "null")
        else:
            self.put(key, Kept(marker or "", None))

    def delete_version(self, key: str, version_id: str) -> None:
        self._drop(key, version_id)

    def list_lines(self, prefix: str, delimiter: str, after: str, versions: bool) -> list[tuple[str, str]]:
        """Every line of a listing: (key, version id) or (common prefix, ""), in byte order."""
        lines: list[tuple[str, str]] = []
        for key in sorted(self.keys, key=str.encode):
            if not key.startswith(prefix):
                continue
            shown = self.keys[key] if versions else [v for v in [self.find(key)] if v]
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            common = key[: cut + len(delimiter)] if cut >= 0 else None
            if (
                shown
                and (common or key).encode() > after.encode()
                and (common is None or (common, "") not in lines)
            ):
                lines += [(common, "")] if common else [(key, kept.version_id) for kept in shown]
        return lines

    def _drop(self, key: str, version_id: str) -> None:
        left = [kept for kept in self.keys.get(key, []) if kept.version_id != version_id]
        self.keys.pop(key, None)
        if left:
            self.keys[key] = left
