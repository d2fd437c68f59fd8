"""Variables and connections that DAG files read while they are imported: when one has changed they are parsed again.

What was answered is kept in memory only, as digests. In the database such a file has what it asked among its modules,
with no digest, so that it is parsed once with every new snapshot and every new engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow._wire.messages import digest_answer

PARAMETERS = {"get_variable": "key", "get_connection": "conn_id"}
Look = Callable[[str, Mapping[str, Any]], Any]
"""Answers a question of these methods, as it would a child's."""


class Asked:
    """By file: question -> digest of the answer. A question is `method:name`."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._files: dict[str, dict[str, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._files)

    def note(self, file: str, asked: Mapping[str, str]) -> None:
        """What a file asked when it was parsed last."""
        known = {name: digest for name, digest in asked.items() if name.partition(":")[0] in PARAMETERS}
        if known:
            self._files[file] = known
        else:
            self._files.pop(file, None)

    def forget(self, files: Iterable[str]) -> None:
        for file in files:
            self._files.pop(file, None)

    def list_changed(self) -> list[str]:
        """The files that would be answered otherwise now, sorted."""
        now: dict[str, str] = {}
        for asked in self._files.values():
            for name in asked.keys() - now.keys():
                now[name] = self._answer(name)
        return sorted(
            file
            for file, asked in self._files.items()
            if any(now[name] != digest for name, digest in asked.items())
        )

    def _answer(self, name: str) -> str:
        method, _, key = name.partition(":")
        return digest_answer(self._look(method, {PARAMETERS[method]: key}))


def list_names(asked: Mapping[str, Any]) -> dict[str, str]:
    """What of a file's questions the database keeps: the names, as modules of no known content."""
    return dict.fromkeys((name for name in asked if name.partition(":")[0] in PARAMETERS), "")
