"""Asset watchers: the event triggers that are to run, the assets they update, and which events were taken in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from runner.domain.assets import Watcher
from runner.store.meta import find_fact, put_fact
from runner.store.schema import asset, dag, dag_asset, dag_file, dag_version

_KEPT = 200
"""Numbers of events that are remembered: an agent repeats those that it has no answer to, and has few."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A watcher, the asset it updates, and where its class is found."""

    watcher: Watcher
    asset: int
    asset_name: str
    file: str
    bundle: str


def list_watched(conn: sa.Connection) -> Iterator[Watched]:
    """The watchers of active assets that some DAG that is not paused is scheduled by."""
    waits = dag_asset.alias("waits")
    waiting = dag.alias("waiting")
    is_awaited = (
        sa.exists()
        .where(waits.c.role == "schedule", waits.c.kind == "asset", waits.c.asset == asset.c.id)
        .where(waiting.c.dag_id == waits.c.dag_id)
        .where(waiting.c.is_paused == sa.false(), waiting.c.is_stale == sa.false())
    )
    bundle = sa.func.coalesce(dag_file.c.bundle, dag_version.c.bundle).label("bundle")
    query = (
        sa.select(asset.c.id, asset.c.name, dag_asset.c.watchers, dag.c.file, bundle)
        .select_from(
            dag_asset.join(asset, asset.c.id == dag_asset.c.asset)
            .join(dag, dag.c.dag_id == dag_asset.c.dag_id)
            .join(dag_version, dag_version.c.id == dag.c.version_id)
            .outerjoin(dag_file, dag_file.c.path == dag.c.file)
        )
        .where(dag_asset.c.kind == "asset", dag_asset.c.watchers.is_not(None))
        .where(asset.c.is_active == sa.true(), is_awaited)
        .order_by(asset.c.id, dag_asset.c.dag_id, dag_asset.c.task_id)
    )
    for row in conn.execute(query):
        for item in json.loads(row.watchers):
            yield Watched(Watcher(*item), row.id, row.name, row.file, row.bundle)


def take_event(conn: sa.Connection, watcher: str, number: str) -> bool:
    """Remember that a watcher's event is taken in; False when it was already."""
    key = f"watched:{watcher.rpartition(':')[2]}"
    numbers = json.loads(find_fact(conn, key) or "[]")
    if number in numbers:
        return False
    put_fact(conn, key, json.dumps([*numbers, number][-_KEPT:]))
    return True
