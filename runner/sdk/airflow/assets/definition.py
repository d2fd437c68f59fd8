"""Assets as DAG files write them: names of data, references to them, aliases, and conditions over all of these.

In 3.x an asset is known by its name and URI together; a dataset of 2.x by its URI.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from airflow.assets.uris import normalise_known, sanitise
from airflow.configuration import generation

_LONGEST = 1500
_RESERVED = ("self", "context")


class AssetUniqueKey(NamedTuple):
    """What tells assets apart."""

    name: str
    uri: str

    @classmethod
    def from_asset(cls, asset: Asset) -> AssetUniqueKey:
        return cls(asset.name, asset.uri)

    def to_asset(self) -> Asset:
        return Asset(name=self.name, uri=self.uri)


class AssetAliasUniqueKey(NamedTuple):
    """What tells aliases apart."""

    name: str

    @classmethod
    def from_asset_alias(cls, asset_alias: AssetAlias) -> AssetAliasUniqueKey:
        return cls(asset_alias.name)

    def to_asset_alias(self) -> AssetAlias:
        return AssetAlias(self.name)


class BaseAsset:
    """Whatever a schedule may be made of. `a & b`: both were updated; `a | b`: one was."""

    def __and__(self, other: Any) -> AssetAll:
        return AssetAll(self, other) if isinstance(other, BaseAsset) else NotImplemented

    def __or__(self, other: Any) -> AssetAny:
        return AssetAny(self, other) if isinstance(other, BaseAsset) else NotImplemented

    def iter_leaves(self) -> Iterator[BaseAsset]:
        """The assets, references and aliases in it."""
        yield self

    def iter_assets(self) -> Iterator[tuple[AssetUniqueKey, Asset]]:
        """The assets in it, by key."""
        return ((AssetUniqueKey.from_asset(x), x) for x in self.iter_leaves() if isinstance(x, Asset))

    def iter_asset_aliases(self) -> Iterator[tuple[str, AssetAlias]]:
        """The aliases in it, by name."""
        return ((x.name, x) for x in self.iter_leaves() if isinstance(x, AssetAlias))

    def iter_asset_refs(self) -> Iterator[AssetRef]:
        """The references in it."""
        return (x for x in self.iter_leaves() if isinstance(x, AssetRef))


class AssetWatcher:
    """Updates an asset whenever `trigger`, an event trigger, fires. Its name tells the asset's watchers apart.

    Raises ValueError for a trigger that does not derive from BaseEventTrigger.
    """

    def __init__(self, name: str, trigger: Any) -> None:
        from airflow.triggers.base import BaseEventTrigger

        if not isinstance(trigger, BaseEventTrigger):
            raise ValueError(
                f"cannot make the asset watcher {name!r}: {type(trigger).__qualname__} is no BaseEventTrigger"
            )
        self.name, self.trigger = name, trigger

    def __repr__(self) -> str:
        return f"AssetWatcher({self.name!r}, {self.trigger!r})"


class AssetAccessControl:
    """Which teams may update or await an asset. There is one team here: it is kept and means nothing."""

    def __init__(
        self,
        producer_teams: list[str] | None = None,
        consumer_teams: list[str] | None = None,
        allow_global: bool = True,
    ) -> None:
        self.producer_teams, self.consumer_teams = list(producer_teams or ()), consumer_teams
        self.allow_global = allow_global


class Asset(os.PathLike, BaseAsset):
    """Data that tasks update. `name` or `uri` may be left out; one stands for the other.

    `extra` describes the asset itself; what an update has to say goes with its event. Raises ValueError for a name
    or URI that cannot be used, TypeError when there is neither.
    """

    asset_type: ClassVar[str] = "asset"
    name: str
    uri: str

    def __init__(
        self,
        name: str | None = None,
        uri: Any = None,
        *,
        group: str | None = None,
        extra: dict[str, Any] | None = None,
        watchers: list[AssetWatcher] | None = None,
        access_control: Any = None,
    ) -> None:
        if name is None and uri is None:
            raise TypeError(f"{type(self).__name__}() needs a name or a uri")
        kind = type(self).__name__
        self.uri = check_identifier(sanitise(name if uri is None else uri), f"the uri of {kind}")
        self.name = check_identifier(str(uri) if name is None else name, f"the name of {kind}")
        if self.name in _RESERVED:
            raise ValueError(f"cannot name an asset {self.name!r}: the name is taken")
        self.group = self.asset_type if group is None else check_text(group, f"the group of {kind}")
        self.extra: dict[str, Any] = {} if extra is None else extra
        self.watchers = list(watchers or ())
        self.access_control = access_control

    @staticmethod
    def ref(*, name: str = "", uri: str = "") -> AssetRef:
        """A reference to an asset that some DAG defines: by name or by uri."""
        if bool(name) == bool(uri):
            raise TypeError("Asset.ref() takes either a name or a uri")
        return AssetNameRef(name) if name else AssetUriRef(uri)

    @property
    def normalized_uri(self) -> str | None:
        """The URI as the provider of its scheme spells it; None when no provider knows the scheme."""
        return normalise_known(self.uri)

    def __fspath__(self) -> str:
        return self.uri

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Asset):
            return NotImplemented
        if generation() < 3:
            return self.uri == other.uri
        mine, its = ((x.name, x.uri, x.group, x.extra) for x in (self, other))
        return mine == its

    def __hash__(self) -> int:
        return hash(self.uri)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in ("name", "uri", "group", "extra"))
        return f"{type(self).__name__}({shown})"


class Dataset(Asset):
    """What 2.x calls an asset: `Dataset(uri, extra)`."""

    asset_type: ClassVar[str] = "dataset"

    def __init__(self, name: Any = None, uri: Any = None, extra: Any = None, **options: Any) -> None:
        if isinstance(uri, dict):  # the second argument of 2.x
            uri, extra = None, uri
        if generation() < 3:
            uri = sanitise(name if uri is None else uri) if (name, uri) != (None, None) else None
            name = uri
        super().__init__(name, uri, extra=extra, **options)


class Model(Asset):
    """An asset that is a model."""

    asset_type: ClassVar[str] = "model"


class AssetRef(BaseAsset):
    """A reference to an asset that some DAG defines; made by `Asset.ref`."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, vars(self).values()))})"


class AssetNameRef(AssetRef):
    """A reference by name."""

    def __init__(self, name: str) -> None:
        self.name = name


class AssetUriRef(AssetRef):
    """A reference by URI."""

    def __init__(self, uri: str) -> None:
        self.uri = uri


class AssetAlias(BaseAsset):
    """A name under which a task emits events of assets that are known only when it runs."""

    def __init__(self, name: str, *, group: str = "asset") -> None:
        self.name = check_identifier(name, "the name of AssetAlias")
        self.group = check_text(group, "the group of AssetAlias")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetAlias) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"AssetAlias({self.name!r})"


class AssetBooleanCondition(BaseAsset):
    """Several conditions, and how many of them must hold."""

    def __init__(self, *objects: BaseAsset) -> None:
        strange = [item for item in objects if not isinstance(item, BaseAsset)]
        if strange:
            raise TypeError(f"cannot make a condition of {strange[0]!r}: it is no asset")
        self.objects = objects

    def iter_leaves(self) -> Iterator[BaseAsset]:
        for item in self.objects:
            yield from item.iter_leaves()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetBooleanCondition) and (type(self), tuple(self.objects)) == (
            type(other),
            tuple(other.objects),
        )

    def __hash__(self) -> int:
        return hash(tuple(self.objects))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.objects))})"


class AssetAny(AssetBooleanCondition):
    """One of the conditions holds."""

    def __or__(self, other: Any) -> AssetAny:
        return AssetAny(*self.objects, other) if isinstance(other, BaseAsset) else NotImplemented


class AssetAll(AssetBooleanCondition):
    """All of the conditions hold."""

    def __and__(self, other: Any) -> AssetAll:
        return AssetAll(*self.objects, other) if isinstance(other, BaseAsset) else NotImplemented


def check_identifier(value: Any, what: str) -> str:
    """Text that is not empty, not blank and not too long. Raises ValueError."""
    if not check_text(value, what):
        raise ValueError(f"cannot use {value!r} as {what}: it is empty")
    return str(value)


def check_text(value: Any, what: str) -> str:
    """Text that is not blank and not too long. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"cannot use {value!r} as {what}: it is no text")
    if value.isspace() or len(value) > _LONGEST:
        raise ValueError(
            f"cannot use {value[:40]!r} as {what}: it is blank, or has more than {_LONGEST} characters"
        )
    return value
