"""Assets for tasks: what they are, whether they are active, and their events."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson

from runner.api.execution.asking import Question, Refused
from runner.api.query import epoch
from runner.domain.assets import BadAsset, read_leaf
from runner.store import listing_asset_events, listing_assets
from runner.store.listing_asset_events import Past
from runner.store.listing_runs import find_run


def get_asset(question: Question) -> dict[str, Any]:
    """{name|null, uri|null} -> {found, name, uri, group, extra}"""
    name, uri = question.text_or_none("name"), question.text_or_none("uri")
    if name is None and uri is None:
        raise Refused("invalid", "cannot look up an asset: it needs a name or a uri")
    with question.cell.db.read() as conn:
        row = listing_assets.find_active(conn, name, uri)
    return {"found": False} if row is None else {"found": True, **_describe_asset(row, row.extra)}


def list_inactive_assets(question: Question) -> list[dict[str, Any]]:
    """{assets: [AssetRef]} -> [AssetRef]"""
    refs = question.list_or_none("assets", dict) or []
    try:
        leaves = [read_leaf(ref) for ref in refs]
    except BadAsset as error:
        raise Refused("invalid", str(error)) from None
    with question.cell.db.read() as conn:
        return [refs[position] for position in listing_assets.list_inactive(conn, leaves)]


def list_asset_events(question: Question) -> list[dict[str, Any]]:
    """{name|null, uri|null, alias|null, after|null, before|null, ascending, limit|null} -> [event]"""
    wanted = Past(
        name=question.text_or_none("name"),
        uri=question.text_or_none("uri"),
        alias=question.text_or_none("alias"),
        after=_read_date(question, "after"),
        before=_read_date(question, "before"),
        ascending=bool(question.params.get("ascending", True)),
        limit=question.integer_or_none("limit"),
    )
    if wanted.name is None and wanted.uri is None and wanted.alias is None:
        raise Refused("invalid", "cannot list asset events: name an asset or an alias")
    with question.cell.db.read() as conn:
        return [_describe_event(row) for row in listing_asset_events.list_past(conn, wanted)]


def list_triggering_events(question: Question) -> list[dict[str, Any]]:
    """{} -> [event]; of the own run"""
    with question.cell.db.read() as conn:
        run = find_run(conn, question.attempt.dag_id, question.attempt.run_id)
        rows = () if run is None else listing_asset_events.list_of_run(conn, run.id)
        return [_describe_event(row) for row in rows]


def _describe_event(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "timestamp": row.timestamp,
        "asset": _describe_asset(row, row.asset_extra),
        "extra": orjson.loads(row.extra),
        "source_dag_id": row.source_dag_id,
        "source_run_id": row.source_run_id,
        "source_task_id": row.source_task_id,
        "source_map_index": row.source_map_index,
        "aliases": orjson.loads(row.aliases),
        "partition_key": row.partition_key,
    }


def _describe_asset(row: Any, extra: str) -> dict[str, Any]:
    return {"name": row.name, "uri": row.uri, "group": row.group, "extra": orjson.loads(extra)}


def _read_date(question: Question, name: str) -> float | None:
    text = question.text_or_none(name)
    try:
        return None if text is None else epoch(dt.datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise Refused("invalid", f"cannot answer: {name!r} must be a date") from None
