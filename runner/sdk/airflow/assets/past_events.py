"""Events that have happened, as tasks read them: those of inlets, and those that the run was made for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow._wire import encoding
from airflow.assets.definition import Asset, AssetAlias, AssetNameRef, AssetRef, AssetUriRef
from airflow.assets.outlet_events import asset_by
from airflow.assets.wire import from_ref, list_leaves
from airflow.models.dagrun import DagRun, as_pendulum

_BOUNDS = ("name", "uri", "alias", "after", "before", "limit")


class AssetEvent:
    """One update of an asset: what, when, by which task, and what that had to say (`extra`)."""

    def __init__(self, facts: Mapping[str, Any], comms: Any) -> None:
        self._comms = comms
        self.id: int = facts["id"]
        self.asset = self.dataset = from_ref(facts["asset"])
        self.uri, self.name, self.group = self.asset.uri, self.asset.name, self.asset.group
        self.extra: dict[str, Any] = encoding.from_plain(facts["extra"])
        self.timestamp = as_pendulum(facts["timestamp"])
        self.source_dag_id: str | None = facts["source_dag_id"]
        self.source_run_id: str | None = facts["source_run_id"]
        self.source_task_id: str | None = facts["source_task_id"]
        self.source_map_index: int = facts["source_map_index"]
        self.source_aliases = [AssetAlias(name) for name in facts["aliases"]]
        self.partition_key: str | None = facts.get("partition_key")

    @property
    def source_dag_run(self) -> DagRun | None:
        """The run whose task made it; asks the engine."""
        if self.source_dag_id is None or self.source_run_id is None:
            return None
        dag_id, run_id = self.source_dag_id, self.source_run_id
        answer = self._comms.ask("get_dag_run", {"dag_id": dag_id, "run_id": run_id})
        return DagRun(dag_id, run_id, answer) if answer and answer.get("found") else None

    @property
    def source_task_instance(self) -> SourceTask | None:
        """The task that made it."""
        return SourceTask(self) if self.source_task_id is not None else None

    def __repr__(self) -> str:
        return f"<AssetEvent {self.id} of {self.uri!r} at {self.timestamp}>"


class SourceTask:
    """The task that made an event."""

    def __init__(self, event: AssetEvent) -> None:
        self._event = event
        self.dag_id, self.run_id = event.source_dag_id, event.source_run_id
        self.task_id, self.map_index = event.source_task_id, event.source_map_index

    @property
    def dag_run(self) -> DagRun | None:
        return self._event.source_dag_run

    def xcom_pull(self, *, key: str = "return_value", default: Any = None, **_: Any) -> Any:
        """What it pushed."""
        from airflow.models.xcom import unpack

        where = {"dag_id": self.dag_id, "run_id": self.run_id, "task_id": self.task_id}
        answer = self._event._comms.ask("get_xcom", {**where, "map_index": self.map_index, "key": key})
        return unpack(answer, {**where, "key": key}) if answer["found"] else default


class InletEvents(Sequence[AssetEvent]):
    """The events of one asset or alias, oldest first; asked for when they are looked at.

    `after`, `before`, `limit` and `ascending` narrow or turn it and give it back.
    """

    def __init__(self, where: dict[str, Any], comms: Any) -> None:
        self._where: dict[str, Any] = {**dict.fromkeys(_BOUNDS), "ascending": True, **where}
        self._comms = comms
        self._found: list[AssetEvent] | None = None

    def after(self, after: Any) -> InletEvents:
        return self._with(after=_text(after))

    def before(self, before: Any) -> InletEvents:
        return self._with(before=_text(before))

    def ascending(self, ascending: bool = True) -> InletEvents:
        return self._with(ascending=ascending)

    def limit(self, limit: int) -> InletEvents:
        return self._with(limit=limit)

    def _with(self, **bounds: Any) -> InletEvents:
        self._where.update(bounds)
        self._found = None
        return self

    def _events(self) -> list[AssetEvent]:
        if self._found is None:
            facts = self._comms.ask("list_asset_events", self._where)
            self._found = [AssetEvent(item, self._comms) for item in facts]
        return self._found

    def __getitem__(self, index: Any) -> Any:
        return self._events()[index]

    def __len__(self) -> int:
        return len(self._events())


class InletsEvents(Mapping[Any, InletEvents]):
    """`inlet_events`: by asset, reference or alias of the task's inlets, or by their position."""

    def __init__(self, inlets: Any, comms: Any) -> None:
        self._inlets = list_leaves(inlets or [])
        self._comms = comms

    def __getitem__(self, item: Any) -> InletEvents:
        if isinstance(item, int):
            item = self._inlets[item]
        if isinstance(item, str):
            aliases = [x for x in self._inlets if isinstance(x, AssetAlias) and x.name == item]
            item = aliases[0] if aliases else AssetUriRef(Asset(uri=item).uri)
        if not isinstance(item, (Asset, AssetAlias, AssetRef)):
            raise TypeError(f"cannot find the inlet events of {item!r}: it is no asset and no alias")
        if not any(_is_same(item, inlet) for inlet in self._inlets):
            raise KeyError(item)
        return InletEvents(_where(item), self._comms)

    def for_asset(self, *, name: str | None = None, uri: str | None = None) -> InletEvents:
        """The events of an asset by name, uri or both."""
        return self[asset_by(name, uri)]

    def for_asset_alias(self, *, name: str) -> InletEvents:
        """The events that came through an alias."""
        return self[AssetAlias(name)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)


class TriggeringEvents(Mapping[Any, list[AssetEvent]]):
    """`triggering_asset_events`: the events that the run was made for, by asset; by alias and by reference, too."""

    def __init__(self, events: list[AssetEvent]) -> None:
        self._by_asset: dict[Asset, list[AssetEvent]] = {}
        self._by_alias: dict[str, list[AssetEvent]] = {}
        keys: dict[tuple[str, str], Asset] = {}
        for event in events:
            asset = keys.setdefault((event.name, event.uri), Asset(event.name, event.uri))
            self._by_asset.setdefault(asset, []).append(event)
            for alias in event.source_aliases:
                self._by_alias.setdefault(alias.name, []).append(event)

    def __getitem__(self, item: Any) -> list[AssetEvent]:
        if isinstance(item, AssetAlias):
            return self._by_alias[item.name]
        wanted = AssetUriRef(item) if isinstance(item, str) else item
        for asset, events in self._by_asset.items():
            if _is_same(wanted, asset):
                return events
        raise KeyError(item)

    def for_asset(self, *, name: str | None = None, uri: str | None = None) -> list[AssetEvent]:
        """The events of an asset by name, uri or both."""
        return self[asset_by(name, uri)]

    def for_asset_alias(self, *, name: str) -> list[AssetEvent]:
        """The events that came through an alias."""
        return self[AssetAlias(name)]

    def __iter__(self) -> Iterator[Any]:
        yield from self._by_asset
        yield from map(AssetAlias, self._by_alias)

    def __len__(self) -> int:
        return len(self._by_asset) + len(self._by_alias)

    def __repr__(self) -> str:
        return repr({key: self[key] for key in self})


def triggering_events(comms: Any) -> list[AssetEvent]:
    """The events that the own run was made for, oldest first; asks the engine."""
    return [AssetEvent(facts, comms) for facts in comms.ask("list_triggering_events", {})]


def by_uri(events: list[AssetEvent]) -> dict[str, list[AssetEvent]]:
    """`triggering_dataset_events` of 2.x: the events by the dataset's URI."""
    found: dict[str, list[AssetEvent]] = {}
    for event in events:
        found.setdefault(event.uri, []).append(event)
    return found


def _is_same(item: Any, other: Any) -> bool:
    """Whether two of assets, references and aliases mean the same, as far as they say."""
    if isinstance(item, AssetAlias) or isinstance(other, AssetAlias):
        return bool(item == other)
    if isinstance(item, AssetNameRef) or isinstance(other, AssetNameRef):
        return getattr(item, "name", None) == getattr(other, "name", "")
    if isinstance(item, AssetUriRef) or isinstance(other, AssetUriRef):
        return getattr(item, "uri", None) == getattr(other, "uri", "")
    return (item.name, item.uri) == (other.name, other.uri)


def _where(item: Any) -> dict[str, Any]:
    if isinstance(item, AssetAlias):
        return {"alias": item.name}
    return {name: getattr(item, name) for name in ("name", "uri") if hasattr(item, name)}


def _text(at: Any) -> str | None:
    return at.isoformat() if isinstance(at, dt.datetime) else at
