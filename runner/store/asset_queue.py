"""Events that wait for the runs they make: which DAGs have any, and the run that takes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from runner.domain.assets import AssetKey, Waiting
from runner.store.schema import (
    asset,
    asset_alias,
    asset_alias_asset,
    asset_event,
    asset_queue,
    dag,
    dag_asset,
    dag_file,
    dag_run,
    dag_run_asset_event,
    dag_version,
    partition_wait,
)

ASSET_TRIGGERED, DATASET_TRIGGERED = "asset_triggered", "dataset_triggered"
"""The type of a run that assets made: in 3.x, and before."""
_CHUNK = 400
_ANY = sa.select(sa.literal(1)).where(
    sa.or_(sa.exists(sa.select(asset_queue.c.event)), sa.exists(sa.select(partition_wait.c.id)))
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A DAG that events wait for, what its run would be pinned to, and the assets they are of."""

    dag_id: str
    version_id: int
    bundle: str
    assets: frozenset[int]


@dataclass(frozen=True, slots=True)
class Taken:
    """The events of a run, oldest first, and when the newest of those that made it came."""

    events: tuple[int, ...]
    queued: tuple[int, ...]
    triggered_at: float


def is_waiting(conn: sa.Connection) -> bool:
    """Whether any event waits, or any partition for more of them."""
    return conn.execute(_ANY).first() is not None


def list_candidates(conn: sa.Connection, without: Collection[str]) -> list[Candidate]:
    """The DAGs that events wait for and that may run; `without` some of them."""
    columns = (asset_queue.c.dag_id, dag.c.version_id, dag_version.c.bundle, dag_file.c.bundle)
    query = (
        sa.select(*columns, asset_queue.c.asset)
        .distinct()
        .select_from(
            asset_queue.join(dag, dag.c.dag_id == asset_queue.c.dag_id)
            .join(dag_version, dag_version.c.id == dag.c.version_id)
            .outerjoin(dag_file, dag_file.c.path == dag.c.file)
        )
        .where(dag.c.is_paused == sa.false(), dag.c.is_stale == sa.false())
        .order_by(asset_queue.c.dag_id)
    )
    found: dict[tuple[str, int, str], set[int]] = {}
    for dag_id, version_id, first, newest, number in conn.execute(query):
        if dag_id not in without:
            found.setdefault((dag_id, version_id, newest or first), set()).add(number)
    return [Candidate(*key, frozenset(numbers)) for key, numbers in found.items()]


def load_waiting(conn: sa.Connection, assets: Collection[int]) -> Waiting:
    """What a condition is judged by, from the assets that events wait of."""
    rows = conn.execute(
        sa.select(asset.c.name, asset.c.uri, asset.c.is_active).where(asset.c.id.in_(list(assets)))
    ).all()
    aliases = (
        sa.select(asset_alias.c.name)
        .join(asset_alias_asset, asset_alias_asset.c.alias == asset_alias.c.id)
        .where(asset_alias_asset.c.asset.in_(list(assets)))
    )
    keys: list[tuple[AssetKey, bool]] = [((row.name, row.uri), row.is_active) for row in rows]
    return Waiting(
        frozenset(key for key, _active in keys),
        frozenset(key for key, active in keys if active),
        frozenset(conn.execute(aliases).scalars()),
    )


def load_taken(conn: sa.Connection, dag_id: str, catchup: bool) -> Taken | None:
    """The events that a run made now takes; None when none wait.

    Besides those that wait, what happened to its assets since its last such run, while it was paused, say. The
    first run without `catchup` looks back no further than to when the DAG began to name them.
    """
    query = sa.select(asset_queue.c.event, asset_queue.c.created_at).where(asset_queue.c.dag_id == dag_id)
    rows = conn.execute(query).all()
    if not rows:
        return None
    triggered = max(row.created_at for row in rows)
    queued = [row.event for row in rows]
    events = set(queued) | set(_list_missed(conn, dag_id, triggered, catchup))
    return Taken(tuple(_sort(conn, events)), tuple(queued), triggered)


def take(conn: sa.Connection, dag_id: str, run: int, taken: Taken) -> None:
    """Give a run its events; those that waited for it wait no more."""
    rows = [{"run": run, "event": event} for event in taken.events]
    conn.execute(dag_run_asset_event.insert(), rows)
    drop(conn, dag_id, taken.queued)


def drop(conn: sa.Connection, dag_id: str, events: Sequence[int]) -> None:
    """Let these events wait for the DAG no more; what came since is left."""
    for start in range(0, len(events), _CHUNK):
        part = list(events[start : start + _CHUNK])
        conn.execute(
            asset_queue.delete().where(asset_queue.c.dag_id == dag_id, asset_queue.c.event.in_(part))
        )


def find_span(conn: sa.Connection, events: Sequence[int]) -> tuple[float, float] | None:
    """The time that the runs behind these events covered, together: the interval of a run in 2.x."""
    made = sa.and_(
        dag_run.c.dag_id == asset_event.c.source_dag_id, dag_run.c.run_id == asset_event.c.source_run_id
    )
    start = sa.func.coalesce(dag_run.c.interval_start, asset_event.c.timestamp)
    end = sa.func.coalesce(dag_run.c.interval_end, asset_event.c.timestamp)
    found: list[tuple[float, float]] = []
    for first in range(0, len(events), _CHUNK):
        query = sa.select(sa.func.min(start), sa.func.max(end)).select_from(
            asset_event.outerjoin(dag_run, made)
        )
        row = conn.execute(query.where(asset_event.c.id.in_(events[first : first + _CHUNK]))).one()
        found.append((row[0], row[1]))
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def _list_missed(conn: sa.Connection, dag_id: str, until: float, catchup: bool) -> list[int]:
    """Events of the DAG's assets that no run of it took."""
    scheduled = sa.and_(dag_asset.c.dag_id == dag_id, dag_asset.c.role == "schedule")
    since = _find_floor(conn, dag_id, until, catchup)
    taken = (
        sa.select(dag_run_asset_event.c.event)
        .join(dag_run, dag_run.c.id == dag_run_asset_event.c.run)
        .where(dag_run.c.dag_id == dag_id)
    )
    assets = sa.select(dag_asset.c.asset).where(scheduled, dag_asset.c.kind == "asset")
    query = sa.select(asset_event.c.id).where(
        asset_event.c.asset.in_(assets),
        asset_event.c.timestamp > since,
        asset_event.c.timestamp <= until,
        asset_event.c.id.not_in(taken),
    )
    return list(conn.execute(query).scalars())


def _find_floor(conn: sa.Connection, dag_id: str, until: float, catchup: bool) -> float:
    last = sa.select(sa.func.max(dag_run.c.run_after)).where(
        dag_run.c.dag_id == dag_id,
        dag_run.c.run_type.in_([ASSET_TRIGGERED, DATASET_TRIGGERED]),
        dag_run.c.run_after < until,
    )
    found = conn.execute(last).scalar()
    if found is None and not catchup:
        began = sa.select(sa.func.min(dag_asset.c.created_at)).where(
            dag_asset.c.dag_id == dag_id, dag_asset.c.role == "schedule"
        )
        found = conn.execute(began).scalar()
    return -1.0 if found is None else float(found)


def _sort(conn: sa.Connection, events: set[int]) -> list[int]:
    """Oldest first."""
    when: list[tuple[float, int]] = []
    numbers = sorted(events)
    for start in range(0, len(numbers), _CHUNK):
        query = sa.select(asset_event.c.timestamp, asset_event.c.id)
        rows = conn.execute(query.where(asset_event.c.id.in_(numbers[start : start + _CHUNK])))
        when += [(row.timestamp, row.id) for row in rows]
    return [number for _at, number in sorted(when)]
