"""Assets and aliases as DAGs name them: written when a DAG is parsed, active as long as some DAG names them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from runner.domain.assets import AssetKey, Leaf, Use, choose_active, list_uses
from runner.store.put import insert_missing
from runner.store.schema import asset, asset_alias, asset_alias_asset, asset_queue, dag_asset, partition_wait

_CHUNK = 400
_KEY = ("dag_id", "task_id", "role", "kind", "asset", "ref")
_USES = sa.select(*(dag_asset.c[name] for name in _KEY), dag_asset.c.watchers).where(
    dag_asset.c.dag_id == sa.bindparam("of")
)


def put_dag_assets(conn: sa.Connection, dag_id: str, data: Mapping[str, Any], now: float) -> bool:
    """Record where a serialised DAG names assets; whether that is news. Raises BadAsset. `settle` afterwards."""
    uses = list_uses(data)
    leaves = list(dict.fromkeys(_identity(use.leaf) for use in uses))
    by_identity = {_identity(use.leaf): use.leaf for use in uses}
    found = put_assets(conn, [by_identity[item] for item in leaves if item[0] == "asset"], now)
    aliases = put_aliases(conn, {use.leaf.name: use.leaf.group for use in uses if use.leaf.kind == "alias"})
    wanted = {_row_key(dag_id, use, found, aliases): _dump_watchers(use.leaf) for use in uses}
    rows = conn.execute(_USES, {"of": dag_id})
    known = {tuple(row)[:-1]: row.watchers for row in rows}
    for key in known.keys() - wanted.keys():
        conn.execute(dag_asset.delete().where(*_is_row(key)))
    for key in known.keys() & wanted.keys():
        if known[key] != wanted[key]:
            conn.execute(dag_asset.update().where(*_is_row(key)).values(watchers=wanted[key]))
    new = [
        {**dict(zip(_KEY, key, strict=True)), "created_at": now, "watchers": wanted[key]}
        for key in sorted(wanted.keys() - known.keys())
    ]
    if new:
        conn.execute(dag_asset.insert(), new)
    return wanted != known


def drop_dag_assets(conn: sa.Connection, dag_ids: Sequence[str], queued: bool = False) -> bool:
    """Forget what these DAGs name, and with `queued` the events that wait for them; whether there was anything."""
    dropped = 0
    for part in _parts(dag_ids):
        dropped += conn.execute(dag_asset.delete().where(dag_asset.c.dag_id.in_(part))).rowcount
        if queued:
            conn.execute(asset_queue.delete().where(asset_queue.c.dag_id.in_(part)))
            conn.execute(partition_wait.delete().where(partition_wait.c.dag_id.in_(part)))
    return dropped > 0


def settle(conn: sa.Connection) -> None:
    """Make the assets that something names active, and the others inactive.

    Of two with one name or one URI the first stays active, until nothing names it.
    """
    named = sa.union(
        sa.select(dag_asset.c.asset).where(dag_asset.c.kind == "asset"), sa.select(asset_alias_asset.c.asset)
    ).subquery()
    is_named = asset.c.id.in_(sa.select(named.c.asset))
    conn.execute(asset.update().where(asset.c.is_active == sa.true(), ~is_named).values(is_active=False))
    columns = (asset.c.id, asset.c.name, asset.c.uri)
    waiting = conn.execute(
        sa.select(*columns).where(asset.c.is_active == sa.false(), is_named).order_by(asset.c.id)
    ).all()
    if waiting:
        keys = list_same(conn, [(row.name, row.uri) for row in waiting])
        chosen = choose_active(((row.id, (row.name, row.uri)) for row in waiting), keys)
        for part in _parts(chosen):
            conn.execute(asset.update().where(asset.c.id.in_(part)).values(is_active=True))


def list_same(conn: sa.Connection, keys: Sequence[AssetKey]) -> list[AssetKey]:
    """The active assets that share a name or a URI with one of these."""
    found: dict[AssetKey, None] = {}
    for part in _parts(keys):
        names, uris = [name for name, _uri in part], [uri for _name, uri in part]
        query = sa.select(asset.c.name, asset.c.uri).where(
            asset.c.is_active == sa.true(), sa.or_(asset.c.name.in_(names), asset.c.uri.in_(uris))
        )
        found.update(dict.fromkeys((row.name, row.uri) for row in conn.execute(query)))
    return list(found)


def put_assets(conn: sa.Connection, leaves: Sequence[Leaf], now: float) -> dict[AssetKey, int]:
    """The ids of these assets by key, made where they are new; what they say of themselves is kept up to date."""
    known = _find_assets(conn, [leaf.key for leaf in leaves])
    new = [leaf for leaf in leaves if leaf.key not in known]
    for leaf in leaves:
        row = known.get(leaf.key)
        extra = _dump(leaf.extra or {})
        if row is not None and leaf.extra and (row.group, row.extra) != (leaf.group, extra):
            values = {"group": leaf.group, "extra": extra, "updated_at": now}
            conn.execute(asset.update().where(asset.c.id == row.id).values(values))
    if new:
        insert_missing(conn, asset, [_new_row(leaf, now) for leaf in new], ["name", "uri"])
        known = _find_assets(conn, [leaf.key for leaf in leaves])
    return {key: row.id for key, row in known.items()}


def put_aliases(conn: sa.Connection, groups: Mapping[str, str]) -> dict[str, int]:
    """The ids of aliases by name, made where they are new. `groups`: the group by name."""
    if not groups:
        return {}
    rows = [{"name": name, "group": group} for name, group in groups.items()]
    insert_missing(conn, asset_alias, rows, ["name"])
    query = sa.select(asset_alias.c.name, asset_alias.c.id).where(asset_alias.c.name.in_(list(groups)))
    return {row.name: row.id for row in conn.execute(query)}


def _find_assets(conn: sa.Connection, keys: Sequence[AssetKey]) -> dict[AssetKey, Any]:
    wanted = set(keys)
    found: dict[AssetKey, Any] = {}
    for part in _parts(sorted({name for name, _uri in wanted})):
        for row in conn.execute(sa.select(asset).where(asset.c.name.in_(part))):
            if (row.name, row.uri) in wanted:
                found[row.name, row.uri] = row
    return found


def _new_row(leaf: Leaf, now: float) -> dict[str, Any]:
    shown = {"name": leaf.name, "uri": leaf.uri, "group": leaf.group, "extra": _dump(leaf.extra or {})}
    return {**shown, "created_at": now, "updated_at": now, "is_active": False}


def _identity(leaf: Leaf) -> tuple[str, str, str]:
    return (leaf.kind, leaf.name, leaf.uri)


def _row_key(
    dag_id: str, use: Use, assets: Mapping[AssetKey, int], aliases: Mapping[str, int]
) -> tuple[Any, ...]:
    leaf = use.leaf
    identity = {"asset": assets.get(leaf.key), "alias": aliases.get(leaf.name)}.get(leaf.kind, 0)
    return (dag_id, use.task_id, use.role, leaf.kind, identity, leaf.ref)


def _is_row(key: tuple[Any, ...]) -> list[sa.ColumnElement[bool]]:
    return [dag_asset.c[name] == value for name, value in zip(_KEY, key, strict=True)]


def _dump_watchers(leaf: Leaf) -> str | None:
    watchers = [[watcher.name, watcher.classpath, watcher.kwargs] for watcher in leaf.watchers]
    return _dump(watchers) if watchers else None


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _parts(items: Iterable[Any]) -> Iterable[list[Any]]:
    whole = list(items)
    return (whole[start : start + _CHUNK] for start in range(0, len(whole), _CHUNK))
