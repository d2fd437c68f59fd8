"""`outlet_events`: what a running task has to say about the assets it updates."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow._wire import encoding
from airflow.assets.definition import Asset, AssetAlias, AssetNameRef, AssetRef, AssetUriRef
from airflow.assets.metadata import Metadata
from airflow.assets.wire import list_leaves, to_ref

log = logging.getLogger("airflow.task")
Key = tuple[str, str]


class OutletEvent:
    """The event of one outlet: `extra` says more about it; of an alias, `add` names an asset that was updated."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self.extra: dict[str, Any] = {}
        self.asset_alias_events: list[tuple[Any, dict[str, Any]]] = []
        self.partition_keys: set[str] = set()

    def add_partitions(self, keys: str | list[str]) -> None:
        """The partitions of the asset that were updated: an event for each, in place of one for that of the run.

        Raises ValueError for what no partition can be called, and TypeError for an alias.
        """
        if self._key[0] == "alias":
            raise TypeError("cannot add partitions to the event of an alias: add them to that of an asset")
        found = [keys] if isinstance(keys, str) else list(keys)
        _check_keys(found)
        self.partition_keys.update(found)

    def add(self, asset: Any, extra: dict[str, Any] | None = None) -> None:
        """An update of `asset` through this alias. Means nothing for an outlet that is no alias."""
        if self._key[0] == "alias":
            named = Asset(uri=asset) if isinstance(asset, str) else asset
            self.asset_alias_events.append((named, dict(extra or {})))

    def __repr__(self) -> str:
        return f"<OutletEvent of {self._key[0]} {self._key[1]!r}: {self.extra}>"


class OutletEvents(Mapping[Any, OutletEvent]):
    """By asset, reference or alias; text means an outlet's alias of that name, or a URI."""

    def __init__(self, outlets: Any) -> None:
        self._outlets = list_leaves(outlets or [])
        self._events: dict[Key, OutletEvent] = {}

    def __getitem__(self, item: Any) -> OutletEvent:
        key = self._key(item)
        if key not in self._events:
            self._events[key] = OutletEvent(key)
        return self._events[key]

    def for_asset(self, *, name: str | None = None, uri: str | None = None) -> OutletEvent:
        """The event of an asset by name, uri or both."""
        return self[asset_by(name, uri)]

    def for_asset_alias(self, *, name: str) -> OutletEvent:
        """The event of an alias by name."""
        return self[AssetAlias(name)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._outlets)

    def __len__(self) -> int:
        return len(self._outlets)

    def list_events(self) -> list[dict[str, Any]]:
        """What the engine is told when the task succeeded: events of each outlet, and those through aliases.

        Raises NotEncodable when an extra has no JSON form, ValueError for a partition key that cannot be one.
        """
        assets = (outlet for outlet in self._outlets if not isinstance(outlet, AssetAlias))
        found = [event for outlet in assets for event in self._describe(outlet)]
        for alias in (outlet for outlet in self._outlets if isinstance(outlet, AssetAlias)):
            event = self._events.get(self._key(alias))
            for asset, extra in event.asset_alias_events if event is not None else ():
                found.append(_event(asset, extra, alias.name))
        return found

    def _describe(self, outlet: Any) -> list[dict[str, Any]]:
        said = self._events.get(self._key(outlet))
        event = _event(outlet, said.extra if said is not None else {}, None)
        if said is None or not said.partition_keys:
            return [event]
        _check_keys(said.partition_keys)
        return [{**event, "partition": key} for key in sorted(said.partition_keys)]

    def _key(self, item: Any) -> Key:
        """An asset is known by its URI: outlets with one URI and two names cannot both be active."""
        if isinstance(item, str):
            aliases = {outlet.name for outlet in self._outlets if isinstance(outlet, AssetAlias)}
            return ("alias", item) if item in aliases else ("uri", Asset(uri=item).uri)
        if isinstance(item, (Asset, AssetUriRef)):
            named = [x for x in self._outlets if isinstance(x, AssetNameRef)]
            if isinstance(item, Asset) and any(x.name == item.name for x in named):
                return ("name", item.name)
            return ("uri", item.uri)
        if isinstance(item, AssetNameRef):
            same = [x for x in self._outlets if isinstance(x, Asset) and x.name == item.name]
            return ("uri", same[0].uri) if same else ("name", item.name)
        if isinstance(item, AssetAlias):
            return ("alias", item.name)
        raise TypeError(f"cannot find the outlet event of {item!r}: it is no asset and no alias")


def asset_by(name: str | None, uri: str | None) -> Asset | AssetRef:
    """An asset by name and uri, or a reference by one of them."""
    if name and uri:
        return Asset(name, uri)
    return Asset.ref(name=name or "", uri=uri or "")


def drain(generator: Any, events: Any) -> Any:
    """Run a generator to its end: what it yields goes to the events, what it returns is the value."""
    while True:
        try:
            note(next(generator), events)
        except StopIteration as end:
            return end.value


def note(yielded: Any, events: Any) -> None:
    """Take in what a task yielded; what is no Metadata is left out, with a warning in the log."""
    if not isinstance(yielded, Metadata):
        log.warning("cannot use what the task yielded: %s is no Metadata", type(yielded).__qualname__)
        return
    events[yielded.asset].extra.update(yielded.extra)
    if yielded.alias is not None:
        events[yielded.alias].add(yielded.asset, yielded.extra)


def _check_keys(keys: Iterable[Any]) -> None:
    from airflow._wire.partitions import LONGEST, is_key

    for key in keys:
        if not is_key(key):
            shown = repr(key)[:80]
            raise ValueError(
                f"cannot use {shown} as a partition key: it must be text of 1 to {LONGEST} letters"
            )


def _event(asset: Any, extra: dict[str, Any], alias: str | None) -> dict[str, Any]:
    plain = encoding.to_plain(extra, "the extra of an asset event")
    return {"asset": to_ref(asset), "extra": plain, "alias": alias}
