"""Events of assets: written when a task that updates them has succeeded, and put before the DAGs that wait for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runner.domain.assets import AssetKey, Leaf, Update
from runner.domain.partition_runs import MOST_KEYS, PARTITIONED
from runner.store.assets import put_aliases, put_assets, settle
from runner.store.partition_waits import Arrival, Waits
from runner.store.put import insert_missing
from runner.store.schema import (
    asset,
    asset_alias_asset,
    asset_event,
    asset_queue,
    dag,
    dag_asset,
)

_ABOUT = ("source_dag_id", "source_run_id", "source_task_id", "source_map_index")


@dataclass(frozen=True, slots=True)
class Source:
    """The task instance that updated an asset; nothing of it for an event that a person or a watcher made."""

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int = -1


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An update, who made it, and the partition that it is of; `date`: when that begins, as the run has it."""

    update: Update
    source: Source = field(default_factory=Source)
    partition: str | None = None
    date: float | None = None


@dataclass(frozen=True, slots=True)
class _Consumers:
    """The DAGs that are scheduled by an asset and not paused; those that wait for partitions with their versions."""

    plain: tuple[str, ...]
    partitioned: Mapping[str, int]


def put_events(
    conn: sa.Connection, events: Iterable[NewEvent], now: float, most_keys: int = MOST_KEYS
) -> list[int]:
    """Write events and queue each for the DAGs that wait for its asset; the events' ids.

    An asset that is not active, or a reference that means none, gets no event. One that an alias leads to is made.
    An event of a partition concerns only the DAGs that wait for partitions.
    """
    board = _Board(conn, now, most_keys)
    return [key for event in events if (key := board.put(event)) is not None]


def put_event(
    conn: sa.Connection,
    asset_id: int,
    extra: Mapping[str, Any],
    now: float,
    partition: str | None = None,
    most_keys: int = MOST_KEYS,
) -> int | None:
    """An event of an asset that nobody's task updated; None when there is no such asset."""
    row = conn.execute(sa.select(asset.c.name, asset.c.uri).where(asset.c.id == asset_id)).first()
    if row is None:
        return None
    event = NewEvent(Update(Leaf("asset"), extra), partition=partition)
    return _Board(conn, now, most_keys).write(asset_id, (row.name, row.uri), event, {})


class _Board:
    """Looks up each asset and who waits for it once, however many events of it there are."""

    def __init__(self, conn: sa.Connection, now: float, most_keys: int) -> None:
        self._conn, self._now = conn, now
        self._waits = Waits(conn, now, most_keys)
        self._assets: dict[Leaf, tuple[int, AssetKey] | None] = {}
        self._consumers: dict[tuple[int, tuple[str, ...]], _Consumers] = {}

    def put(self, event: NewEvent) -> int | None:
        """The id of the event; None when it has no asset."""
        update = event.update
        aliases = put_aliases(self._conn, dict.fromkeys(update.aliases, "asset"))
        found = self._find_or_make(update.leaf, aliases) if aliases else self._find(update.leaf)
        return None if found is None else self.write(*found, event, aliases)

    def write(self, asset_id: int, key: AssetKey, event: NewEvent, aliases: Mapping[str, int]) -> int:
        source, partition = event.source, event.partition
        values = {
            "asset": asset_id,
            "extra": json.dumps(event.update.extra, separators=(",", ":")),
            "timestamp": self._now,
            "source_dag_id": source.dag_id,
            "source_run_id": source.run_id,
            "source_task_id": source.task_id,
            "source_map_index": source.map_index,
            "aliases": json.dumps(sorted(aliases)),
            "partition_key": partition,
        }
        insert = asset_event.insert().returning(asset_event.c.id)
        number: int = self._conn.execute(insert, values).scalar_one()
        consumers = self._list_consumers(asset_id, key, aliases)
        if consumers.partitioned:
            about = {name.removeprefix("source_"): values[name] for name in _ABOUT}
            arrival = Arrival(number, asset_id, key, partition, event.date, about)
            self._waits.add(arrival, consumers.partitioned)
        if consumers.plain and partition is None:
            row = {"asset": asset_id, "event": number, "created_at": self._now}
            rows = [{"dag_id": dag_id, **row} for dag_id in consumers.plain]
            self._conn.execute(asset_queue.insert(), rows)
        return number

    def _find(self, leaf: Leaf) -> tuple[int, AssetKey] | None:
        """The active asset that an outlet means."""
        if leaf.kind == "alias":
            return None
        place = Leaf(leaf.kind, leaf.name, leaf.uri)
        if place not in self._assets:
            query = sa.select(asset.c.id, asset.c.name, asset.c.uri).where(asset.c.is_active == sa.true())
            if leaf.name:
                query = query.where(asset.c.name == leaf.name)
            if leaf.uri:
                query = query.where(asset.c.uri == leaf.uri)
            row = self._conn.execute(query).first()
            self._assets[place] = None if row is None else (row.id, (row.name, row.uri))
        return self._assets[place]

    def _find_or_make(self, leaf: Leaf, aliases: Mapping[str, int]) -> tuple[int, AssetKey] | None:
        """The asset that a task found while it ran, tied to the aliases it came through."""
        if leaf.kind != "asset":
            found = self._find(leaf)
        else:
            found = (put_assets(self._conn, [leaf], self._now)[leaf.key], leaf.key)
        if found is not None:
            rows = [{"alias": alias, "asset": found[0]} for alias in aliases.values()]
            insert_missing(self._conn, asset_alias_asset, rows, ["alias", "asset"])
            settle(self._conn)
        return found

    def _list_consumers(self, asset_id: int, key: AssetKey, aliases: Mapping[str, int]) -> _Consumers:
        place = (asset_id, tuple(sorted(aliases)))
        if place not in self._consumers:
            name, uri = key
            kind, number, ref = dag_asset.c.kind, dag_asset.c.asset, dag_asset.c.ref
            means = [
                sa.and_(kind == "asset", number == asset_id),
                sa.and_(kind == "alias", number.in_(list(aliases.values()))),
                sa.and_(kind == "name", ref == name),
                sa.and_(kind == "uri", ref == uri),
            ]
            query = (
                sa.select(dag_asset.c.dag_id, dag.c.timetable_kind, dag.c.version_id)
                .distinct()
                .join(dag, dag.c.dag_id == dag_asset.c.dag_id)
                .where(dag_asset.c.role == "schedule", dag.c.is_paused == sa.false(), sa.or_(*means))
            )
            found = self._conn.execute(query.order_by(dag_asset.c.dag_id)).all()
            plain = tuple(row.dag_id for row in found if row.timetable_kind != PARTITIONED)
            partitioned = {row.dag_id: row.version_id for row in found if row.timetable_kind == PARTITIONED}
            self._consumers[place] = _Consumers(plain, partitioned)
        return self._consumers[place]
