"""Partitions that wait for their run: a row from the first event of a partition until its run takes what came.

On PostgreSQL a row is locked before an event is added to it and before its run takes them: none is lost in between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runner.domain.assets import AssetKey
from runner.domain.partition_runs import Came, CannotMap, carry_date, merge_dates, plan_keys, sign
from runner.store.event_log import Entry, note
from runner.store.put import insert_missing
from runner.store.schema import (
    asset,
    asset_event,
    dag,
    dag_file,
    dag_run_asset_event,
    dag_version,
    partition_wait,
    partition_wait_event,
)

_CHUNK = 400


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that has been written, as DAGs that wait for partitions see it. `about`: the task behind it."""

    event: int
    asset_id: int
    asset: AssetKey
    key: str | None
    date: float | None
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """A partition that waits, what its run would be pinned to, and the newest event that has come."""

    id: int
    dag_id: str
    key: str
    date: float | None
    signature: str
    version_id: int
    bundle: str
    newest: int


def is_any_waiting(conn: sa.Connection) -> bool:
    """Whether any partition waits."""
    return conn.execute(sa.select(partition_wait.c.id).limit(1)).first() is not None


class Waits:
    """Puts events before the partitions that they are part of; reads each DAG's timetable once."""

    def __init__(self, conn: sa.Connection, now: float, most: int) -> None:
        self._conn, self._now, self._most = conn, now, most
        self._timetables: dict[int, tuple[Mapping[str, Any], str]] = {}

    def add(self, arrival: Arrival, consumers: Mapping[str, int]) -> None:
        """`consumers`: DAGs that wait for partitions, with their versions. The audit log tells what cannot be used."""
        if arrival.key is None:
            text = (
                f"event {arrival.event} of asset {arrival.asset_id} makes no run of {', '.join(consumers)}: "
            )
            self._tell("missing partition key", arrival, f"{text}it has no partition key")
            return
        for dag_id, version in consumers.items():
            timetable, signature = self._read(version)
            try:
                keys = plan_keys(timetable, arrival.asset, arrival.key, self._most)
            except CannotMap as error:
                text = f"event {arrival.event} of asset {arrival.asset_id} makes no run of {dag_id}: {error}"
                self._tell(error.event, arrival, text)
                continue
            date = carry_date(timetable, arrival.asset, arrival.date)
            for part in _parts(keys):
                self._put(arrival.event, dag_id, part, date, signature)

    def _put(self, event: int, dag_id: str, keys: list[str], date: float | None, signature: str) -> None:
        c = partition_wait.c
        mine = sa.and_(c.dag_id == dag_id, c.key.in_(keys))
        self._conn.execute(partition_wait.delete().where(mine, c.signature != signature))
        shared = {"dag_id": dag_id, "date": date, "signature": signature, "created_at": self._now}
        rows = self._hold(mine)
        while missing := [key for key in keys if key not in {row.key for row in rows}]:
            insert_missing(
                self._conn, partition_wait, [{**shared, "key": key} for key in missing], ["dag_id", "key"]
            )
            rows = self._hold(mine)  # a run may have taken one meanwhile
        for row in rows:
            if (merged := merge_dates(row.date, date)) != row.date:
                self._conn.execute(partition_wait.update().where(c.id == row.id).values(date=merged))
        insert_missing(
            self._conn,
            partition_wait_event,
            [{"wait": row.id, "event": event} for row in rows],
            ["wait", "event"],
        )

    def _hold(self, mine: sa.ColumnElement[bool]) -> Sequence[Any]:
        return self._conn.execute(
            sa.select(partition_wait).where(mine).order_by(partition_wait.c.id).with_for_update()
        ).all()

    def _read(self, version: int) -> tuple[Mapping[str, Any], str]:
        if version not in self._timetables:
            query = sa.select(dag_version.c.data).where(dag_version.c.id == version)
            timetable = json.loads(self._conn.execute(query).scalar_one())["timetable"]
            self._timetables[version] = (timetable, sign(timetable))
        return self._timetables[version]

    def _tell(self, event: str, arrival: Arrival, text: str) -> None:
        note(self._conn, Entry(event, None, extra=text, **arrival.about), self._now)


def list_waits(conn: sa.Connection) -> list[Wait]:
    """The partitions that wait of DAGs that a file has, oldest first; a paused DAG's too: its runs are queued."""
    c = partition_wait.c
    newest = sa.select(sa.func.max(partition_wait_event.c.event)).where(partition_wait_event.c.wait == c.id)
    columns = (c.id, c.dag_id, c.key, c.date, c.signature, dag.c.version_id)
    query = (
        sa.select(
            *columns,
            sa.func.coalesce(dag_file.c.bundle, dag_version.c.bundle),
            sa.func.coalesce(newest.scalar_subquery(), 0),
        )
        .select_from(
            partition_wait.join(dag, dag.c.dag_id == c.dag_id)
            .join(dag_version, dag_version.c.id == dag.c.version_id)
            .outerjoin(dag_file, dag_file.c.path == dag.c.file)
        )
        .where(dag.c.is_stale == sa.false())
        .order_by(c.id)
    )
    return [Wait(*row) for row in conn.execute(query)]


def load_came(conn: sa.Connection, waits: Sequence[int]) -> dict[int, dict[int, Came]]:
    """By partition and asset: what has come. An asset counts for nothing as long as no DAG names it."""
    link, found = partition_wait_event.c, dict[int, dict[int, Came]]()
    for part in _parts(waits):
        query = (
            sa.select(link.wait, asset.c.id, asset.c.name, asset.c.uri, asset_event.c.partition_key)
            .join(asset_event, asset_event.c.id == link.event)
            .join(asset, asset.c.id == asset_event.c.asset)
            .where(link.wait.in_(part), asset.c.is_active == sa.true())
            .distinct()
        )
        for wait, number, name, uri, key in conn.execute(query):
            assets = found.setdefault(wait, {})
            known = assets.get(number, Came((name, uri), frozenset()))
            assets[number] = Came(known.asset, known.keys | {key})
    return found


def take(conn: sa.Connection, wait: int, run: int) -> int:
    """Give a run all that came for its partition, which waits no more; how many events."""
    conn.execute(sa.select(partition_wait.c.id).where(partition_wait.c.id == wait).with_for_update())
    events = sa.select(sa.literal(run), partition_wait_event.c.event).where(
        partition_wait_event.c.wait == wait
    )
    taken = conn.execute(dag_run_asset_event.insert().from_select(["run", "event"], events)).rowcount
    drop(conn, wait)
    return taken


def drop(conn: sa.Connection, wait: int) -> None:
    """Let a partition wait no more."""
    conn.execute(partition_wait.delete().where(partition_wait.c.id == wait))


def _parts(items: Sequence[Any]) -> Iterator[list[Any]]:
    return (list(items[start : start + _CHUNK]) for start in range(0, len(items), _CHUNK))
