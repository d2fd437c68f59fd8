"""Reading assets, aliases and what waits for whom. Nothing here writes but the deletion of what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runner.domain.assets import Leaf
from runner.store.listing_page import Orders, Page, Window, fetch_page, matches, starts
from runner.store.schema import (
    asset,
    asset_alias,
    asset_alias_asset,
    asset_event,
    asset_queue,
    dag,
    dag_asset,
)

_ORDERS = Orders(
    {name: asset.c[name] for name in ("id", "name", "uri", "created_at", "updated_at")}, asset.c.id
)
_ALIAS_ORDERS = Orders({"id": asset_alias.c.id, "name": asset_alias.c.name}, asset_alias.c.id)


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """Which assets. Fields that are None or empty do not filter."""

    name_pattern: str | None = None
    name_prefix: str | None = None
    uri_pattern: str | None = None
    uri_prefix: str | None = None
    dag_ids: Sequence[str] = ()
    only_active: bool = True


@dataclass(slots=True)
class Ties:
    """Who has to do with an asset: rows of `dag_asset` by role, and the aliases that led to it."""

    uses: dict[str, list[Any]] = field(default_factory=dict)
    aliases: list[Any] = field(default_factory=list)


def list_assets(conn: sa.Connection, wanted: AssetFilter, window: Window) -> Page:
    """A page of assets, each with its newest event (`last_event`, `last_at`)."""
    conditions = [
        *matches(asset.c.name, wanted.name_pattern),
        *starts(asset.c.name, wanted.name_prefix),
        *matches(asset.c.uri, wanted.uri_pattern),
        *starts(asset.c.uri, wanted.uri_prefix),
    ]
    if wanted.only_active:
        conditions.append(asset.c.is_active == sa.true())
    if wanted.dag_ids:
        named = sa.select(dag_asset.c.asset).where(
            dag_asset.c.kind == "asset", dag_asset.c.dag_id.in_(list(wanted.dag_ids))
        )
        conditions.append(asset.c.id.in_(named))
    return fetch_page(conn, _select().where(*conditions), window, _ORDERS)


def find_asset(conn: sa.Connection, asset_id: int) -> Any:
    """One asset, active or not, with its newest event."""
    return conn.execute(_select().where(asset.c.id == asset_id)).first()


def find_active(conn: sa.Connection, name: str | None, uri: str | None) -> Any:
    """The active asset of that name, or of that URI."""
    query = sa.select(asset).where(asset.c.is_active == sa.true())
    for column, value in ((asset.c.name, name), (asset.c.uri, uri)):
        query = query if value is None else query.where(column == value)
    return conn.execute(query).first()


def list_inactive(conn: sa.Connection, leaves: Sequence[Leaf]) -> list[int]:
    """The positions of those for which there is no active asset."""
    return [
        position
        for position, leaf in enumerate(leaves)
        if find_active(conn, leaf.name or None, leaf.uri or None) is None
    ]


def find_ties(conn: sa.Connection, asset_ids: Sequence[int]) -> Mapping[int, Ties]:
    """Who has to do with these assets."""
    ties = {number: Ties() for number in asset_ids}
    uses = sa.select(dag_asset).where(dag_asset.c.kind == "asset", dag_asset.c.asset.in_(list(asset_ids)))
    for row in conn.execute(uses.order_by(dag_asset.c.dag_id, dag_asset.c.task_id)):
        ties[row.asset].uses.setdefault(row.role, []).append(row)
    aliases = sa.select(asset_alias_asset.c.asset.label("of"), *asset_alias.c).join(
        asset_alias, asset_alias.c.id == asset_alias_asset.c.alias
    )
    for row in conn.execute(aliases.where(asset_alias_asset.c.asset.in_(list(asset_ids)))):
        ties[row.of].aliases.append(row)
    return ties


def list_aliases(conn: sa.Connection, pattern: str | None, prefix: str | None, window: Window) -> Page:
    """A page of aliases."""
    conditions = [*matches(asset_alias.c.name, pattern), *starts(asset_alias.c.name, prefix)]
    return fetch_page(conn, sa.select(asset_alias).where(*conditions), window, _ALIAS_ORDERS)


def find_alias(conn: sa.Connection, alias_id: int) -> Any:
    return conn.execute(sa.select(asset_alias).where(asset_alias.c.id == alias_id)).first()


def list_producers(conn: sa.Connection, asset_id: int) -> list[str]:
    """The DAGs that have a task with the asset as outlet."""
    query = (
        sa.select(dag_asset.c.dag_id)
        .distinct()
        .where(dag_asset.c.kind == "asset", dag_asset.c.role == "outlet", dag_asset.c.asset == asset_id)
    )
    return sorted(conn.execute(query).scalars())


def list_queued(
    conn: sa.Connection, dag_id: str | None, asset_id: int | None, before: float | None
) -> Sequence[Any]:
    """For each DAG and asset that events wait of: since when. With the asset's URI and the DAG's version."""
    query = (
        sa.select(
            asset_queue.c.dag_id,
            asset_queue.c.asset,
            asset.c.uri,
            dag.c.version_id,
            sa.func.min(asset_queue.c.created_at).label("created_at"),
        )
        .join(asset, asset.c.id == asset_queue.c.asset)
        .join(dag, dag.c.dag_id == asset_queue.c.dag_id)
        .where(*_queued(dag_id, asset_id, before))
        .group_by(asset_queue.c.dag_id, asset_queue.c.asset, asset.c.uri, dag.c.version_id)
        .order_by(asset_queue.c.dag_id, asset_queue.c.asset)
    )
    return conn.execute(query).all()


def delete_queued(
    conn: sa.Connection, dag_id: str | None, asset_id: int | None, before: float | None
) -> bool:
    """Let events wait no more; whether any did."""
    return conn.execute(asset_queue.delete().where(*_queued(dag_id, asset_id, before))).rowcount > 0


def list_conflicts(conn: sa.Connection) -> Sequence[Any]:
    """For each DAG and inactive asset it names: the asset, and the active one of the same name or URI."""
    other = asset.alias("other")
    same = sa.or_(other.c.name == asset.c.name, other.c.uri == asset.c.uri)
    query = (
        sa.select(
            dag_asset.c.dag_id,
            *(asset.c[name] for name in ("name", "uri", "group", "updated_at")),
            other.c.name.label("other_name"),
            other.c.uri.label("other_uri"),
        )
        .distinct()
        .select_from(dag_asset)
        .join(asset, sa.and_(dag_asset.c.kind == "asset", asset.c.id == dag_asset.c.asset))
        .join(other, sa.and_(same, other.c.is_active == sa.true()))
        .where(asset.c.is_active == sa.false())
        .order_by(dag_asset.c.dag_id, asset.c.name, asset.c.uri)
    )
    return conn.execute(query).all()


def _queued(dag_id: str | None, asset_id: int | None, before: float | None) -> list[sa.ColumnElement[bool]]:
    given = (
        (asset_queue.c.dag_id.__eq__, dag_id),
        (asset_queue.c.asset.__eq__, asset_id),
        (asset_queue.c.created_at.__lt__, before),
    )
    return [test(value) for test, value in given if value is not None]


def _select() -> sa.Select[Any]:
    other = asset_event.alias("other")
    newest = sa.select(sa.func.max(other.c.id)).where(other.c.asset == asset.c.id).correlate(asset)
    event = (asset_event.c.id.label("last_event"), asset_event.c.timestamp.label("last_at"))
    is_newest = asset_event.c.id == newest.scalar_subquery()
    return sa.select(*asset.c, *event).join_from(asset, asset_event, is_newest, isouter=True)
