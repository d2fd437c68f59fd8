"""Assets: what a DAG's schedule says of them, when such a condition is met, and what tasks say of updates. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow._wire.partitions import is_key

LONGEST = 1500
MOST_BYTES = 2600
"""Of an asset's name and URI together: they are one key of an index, and PostgreSQL's take no more."""

SCHEDULE, INLET, OUTLET = "schedule", "inlet", "outlet"
WATCHER = "watcher:"
AssetKey = tuple[str, str]
"""Name and URI."""


class BadAsset(ValueError):
    """What was said of an asset cannot be used; the message is for the DAG's author."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """An event trigger that updates an asset whenever it fires; `kwargs` as JSON text."""

    name: str
    classpath: str
    kwargs: str

    @property
    def id(self) -> str:
        """Watchers that watch for the same thing are one trigger."""
        digest = hashlib.sha256(f"{self.classpath}\n{self.kwargs}".encode()).hexdigest()
        return f"{WATCHER}{digest[:32]}"


@dataclass(frozen=True, slots=True)
class Leaf:
    """An asset, an alias, or a reference to an asset by name or by URI (`kind`: asset, alias, name, uri)."""

    kind: str
    name: str = ""
    uri: str = ""
    group: str = "asset"
    extra: Mapping[str, Any] | None = None
    watchers: tuple[Watcher, ...] = ()

    @property
    def ref(self) -> str:
        """What a reference refers by."""
        return {"name": self.name, "uri": self.uri}.get(self.kind, "")

    @property
    def key(self) -> AssetKey:
        return (self.name, self.uri)


@dataclass(frozen=True, slots=True)
class Use:
    """Where a DAG names an asset: in its schedule (no task), as an inlet or as an outlet."""

    task_id: str
    role: str
    leaf: Leaf


@dataclass(frozen=True, slots=True)
class Update:
    """What a task says about one of its outlets. `aliases`: the names through which it came to the asset.

    `partition`: which of the asset's it updated; None: that of its run.
    """

    leaf: Leaf
    extra: Mapping[str, Any]
    aliases: tuple[str, ...] = ()
    partition: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The assets of which a DAG has seen events since its last run."""

    assets: frozenset[AssetKey]
    active: frozenset[AssetKey]
    """Those among them that a reference may mean."""
    aliases: frozenset[str]
    """Aliases that stand for one of them."""


def get_condition(timetable: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a timetable says about assets; None for one that they do not trigger."""
    return timetable.get("condition")


def is_met(condition: Mapping[str, Any], waiting: Waiting) -> bool:
    """Whether all that the condition asks for was updated."""
    if "any" in condition:
        return any(is_met(part, waiting) for part in condition["any"])
    if "all" in condition:
        return all(is_met(part, waiting) for part in condition["all"])
    leaf = read_leaf(condition)
    if leaf.kind == "alias":
        return leaf.name in waiting.aliases
    if leaf.kind == "name":
        return any(name == leaf.name for name, _uri in waiting.active)
    if leaf.kind == "uri":
        return any(uri == leaf.uri for _name, uri in waiting.active)
    return leaf.key in waiting.assets


def list_leaves(condition: Mapping[str, Any] | None) -> Iterator[Leaf]:
    """The leaves of a condition. Raises BadAsset."""
    if condition is None:
        return
    parts = condition.get("any", condition.get("all"))
    if parts is None:
        yield read_leaf(condition)
        return
    for part in parts:
        yield from list_leaves(part)


def list_uses(data: Mapping[str, Any]) -> list[Use]:
    """Where a serialised DAG names assets. Raises BadAsset."""
    uses = [Use("", SCHEDULE, leaf) for leaf in list_leaves(get_condition(data.get("timetable") or {}))]
    for task in data.get("tasks") or ():
        for role, refs in ((INLET, task.get("inlets")), (OUTLET, task.get("outlets"))):
            uses += [Use(task["task_id"], role, read_leaf(ref)) for ref in refs or ()]
    return uses


def read_leaf(ref: Any) -> Leaf:
    """A leaf as serialised (`_wire.serialized.AssetRef`). Raises BadAsset."""
    if not isinstance(ref, Mapping):
        raise BadAsset(f"cannot use {ref!r} as an asset: it has no name")
    name, uri, group = (_read_text(ref, part) for part in ("name", "uri", "group"))
    kind = ref.get("kind")
    if kind == "ref" and bool(name) != bool(uri):
        return Leaf("name" if name else "uri", name, uri)
    if kind == "alias" and name:
        return Leaf("alias", name, group=group or "asset")
    if kind != "asset" or not name or not uri:
        raise BadAsset(f"cannot use {dict(ref)!r} as an asset: it needs a name and a URI")
    if len(name.encode()) + len(uri.encode()) > MOST_BYTES:
        raise BadAsset(
            f"cannot use the asset {name[:80]!r}: its name and URI have more than {MOST_BYTES} bytes"
        )
    extra = ref.get("extra")
    described = extra if isinstance(extra, Mapping) else {}
    return Leaf("asset", name, uri, group or "asset", described, read_watchers(ref.get("watchers") or ()))


def read_watchers(given: Any) -> tuple[Watcher, ...]:
    """An asset's watchers as serialised. Raises BadAsset."""
    found = []
    for item in given:
        if not isinstance(item, Mapping) or not all(
            isinstance(item.get(k), str) for k in ("name", "classpath")
        ):
            raise BadAsset(f"cannot use {item!r} as an asset watcher: it has no name or no trigger")
        kwargs = json.dumps(item.get("kwargs") or {}, sort_keys=True, separators=(",", ":"))
        found.append(Watcher(item["name"], item["classpath"], kwargs))
    return tuple(found)


def read_updates(events: Any) -> list[Update]:
    """What a task's last word says of its outlets; updates that differ in their alias only are one. Raises BadAsset."""
    if not isinstance(events, list):
        raise BadAsset("cannot use what the task says of its outlets: it is no list")
    found: list[Update] = []
    for event in events:
        if not isinstance(event, Mapping) or not isinstance(event.get("extra"), Mapping):
            raise BadAsset("cannot use what the task says of an outlet: it has no extra")
        leaf, alias = read_leaf(event.get("asset")), event.get("alias")
        if alias is not None and not (isinstance(alias, str) and 0 < len(alias) <= LONGEST):
            raise BadAsset(f"cannot use {alias!r} as the name of an asset alias")
        partition = event.get("partition") if alias is None else None
        if partition is not None and not is_key(partition):
            raise BadAsset(f"cannot use {str(partition)[:80]!r} as the partition key of an event")
        _merge(found, Update(leaf, event["extra"], () if alias is None else (alias,), partition))
    return found


def _merge(found: list[Update], update: Update) -> None:
    for position, other in enumerate(found):
        if update.aliases and other.aliases and (other.leaf, other.extra) == (update.leaf, update.extra):
            names = dict.fromkeys((*other.aliases, *update.aliases))
            found[position] = Update(other.leaf, other.extra, tuple(names))
            return
    found.append(update)


def choose_active(inactive: Iterable[tuple[int, AssetKey]], active: Iterable[AssetKey]) -> list[int]:
    """Which of the named assets become active, first come first: no two active ones share a name or a URI."""
    keys = list(active)
    names, uris = {name for name, _uri in keys}, {uri for _name, uri in keys}
    chosen = []
    for identity, (name, uri) in inactive:
        if name not in names and uri not in uris:
            chosen.append(identity)
            names.add(name)
            uris.add(uri)
    return chosen


def _read_text(ref: Mapping[str, Any], part: str) -> str:
    value = ref.get(part) or ""
    if not isinstance(value, str) or "\x00" in value or len(value) > LONGEST:
        raise BadAsset(f"cannot use {str(value)[:80]!r} as the {part} of an asset")
    return value
