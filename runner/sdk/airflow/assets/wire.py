"""Assets as data: `_wire.serialized.AssetRef`, and conditions over them."""

from __future__ import annotations

from typing import Any

from airflow._wire import encoding
from airflow._wire.serialized import AssetRef as Ref
from airflow.assets.definition import Asset, AssetAlias, AssetAll, AssetAny, AssetNameRef, AssetUriRef


def to_condition(item: Any) -> dict[str, Any]:
    """A condition: {"any": [...]}, {"all": [...]} or a leaf."""
    if isinstance(item, AssetAny):
        return {"any": [to_condition(part) for part in item.objects]}
    if isinstance(item, AssetAll):
        return {"all": [to_condition(part) for part in item.objects]}
    return dict(to_ref(item))


def to_ref(item: Any) -> Ref:
    """A leaf. Raises TypeError for what is none, NotEncodable for an extra that has no JSON form."""
    if isinstance(item, AssetNameRef):
        return {"kind": "ref", "name": item.name}
    if isinstance(item, AssetUriRef):
        return {"kind": "ref", "uri": item.uri}
    if isinstance(item, AssetAlias):
        return {"kind": "alias", "name": item.name, "group": item.group}
    if not isinstance(item, Asset):
        raise TypeError(f"cannot serialise {item!r}: it is no asset")
    ref: Ref = {"kind": "asset", "name": item.name, "uri": item.uri, "group": item.group}
    ref["extra"] = encoding.to_plain(item.extra, f"the extra of the asset {item.name!r}")
    if item.watchers:
        ref["watchers"] = [_watcher(watcher) for watcher in item.watchers]
    return ref


def to_refs(items: Any) -> list[Ref]:
    """The leaves among a task's inlets or outlets; what is no asset (lineage of 1.10) is left out."""
    return [to_ref(item) for item in list_leaves(items)]


def list_leaves(items: Any) -> list[Any]:
    """The assets, references and aliases among inlets or outlets, each once, in order."""
    given = items if isinstance(items, (list, tuple, set, frozenset)) else [items]
    leaves = (item for item in given if isinstance(item, (Asset, AssetAlias, AssetNameRef, AssetUriRef)))
    return list(dict.fromkeys(leaves))


def from_ref(ref: dict[str, Any]) -> Asset:
    """The asset of an answer of the engine."""
    return Asset(ref["name"], ref["uri"], group=ref["group"], extra=encoding.from_plain(ref["extra"]))


def _watcher(watcher: Any) -> dict[str, Any]:
    classpath, kwargs = watcher.trigger.serialize()
    plain = encoding.to_plain(kwargs, f"the arguments of the asset watcher {watcher.name!r}")
    return {"name": watcher.name, "classpath": classpath, "kwargs": plain}
