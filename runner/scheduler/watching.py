"""Asset watchers as standing triggers: which there are to be, and what becomes of their events."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from airflow._wire.frames import Message

from runner.events import DagsChanged
from runner.store.asset_events import put_event
from runner.store.database import Connection, Database
from runner.store.watchers import Watched, list_watched, take_event

log = logging.getLogger(__name__)


def list_standing(conn: Connection) -> tuple[Message, ...]:
    """The triggers to keep, as agents are told (`messages.triggers`); watchers of the same thing share one."""
    found = {item.watcher.id: item for item in list_watched(conn)}
    return tuple(_describe(found[id]) for id in sorted(found))


class Watching:
    """Turns what watchers fire with into events of their assets, each once, whoever is killed in between."""

    def __init__(self, db: Database, clock: Callable[[], float], post: Callable[[DagsChanged], None]) -> None:
        self._db, self._clock, self._post = db, clock, post

    def take(self, id: str, number: str, event: Any, error: str | None) -> None:
        """Write the events of all assets that the watcher updates; not in the loop's thread."""
        if error is not None:
            log.error("the asset watcher %s failed: %s", id, error.strip().rpartition("\n")[2])
            return
        extra = {"from_trigger": True, "payload": event}
        with self._db.begin() as conn:
            assets = sorted({item.asset for item in list_watched(conn) if item.watcher.id == id})
            if not take_event(conn, id, number):
                return
            for asset in assets:
                put_event(conn, asset, extra, self._clock())
        self._post(DagsChanged())


def _describe(item: Watched) -> Message:
    return {
        "id": item.watcher.id,
        "bundle": item.bundle,
        "file": item.file,
        "classpath": item.watcher.classpath,
        "kwargs": json.loads(item.watcher.kwargs),
        "about": f"{item.asset_name} {item.watcher.name}",
        "log_key": None,
        "task": None,
    }
