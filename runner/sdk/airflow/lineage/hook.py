"""What hooks read and write, collected while a task runs for those who registered a reader."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Any

MAX_COLLECTED_ASSETS = 100
MAX_COLLECTED_EXTRA = 200

log = logging.getLogger(__name__)


@dataclass
class AssetLineageInfo:
    """An asset, how often it was met, and by whom."""

    asset: Any
    count: int
    context: Any


@dataclass
class ExtraLineageInfo:
    """Something else that was met."""

    key: str
    value: Any
    count: int
    context: Any


@dataclass
class HookLineage:
    """All that was collected."""

    inputs: list[AssetLineageInfo] = field(default_factory=list)
    outputs: list[AssetLineageInfo] = field(default_factory=list)
    extra: list[ExtraLineageInfo] = field(default_factory=list)


class HookLineageCollector:
    """Collects assets and facts; the same thing of the same hook is counted, not repeated."""

    def __init__(self, **_: Any) -> None:
        self._inputs: dict[str, AssetLineageInfo] = {}
        self._outputs: dict[str, AssetLineageInfo] = {}
        self._extra: dict[str, ExtraLineageInfo] = {}

    def create_asset(
        self,
        *,
        scheme: str | None = None,
        uri: str | None = None,
        name: str | None = None,
        group: str | None = None,
        asset_kwargs: dict[str, Any] | None = None,
        asset_extra: dict[str, Any] | None = None,
    ) -> Any:
        """An asset by URI or name, or by the scheme's factory of a provider; None when neither can be."""
        if uri or name:
            from airflow.sdk import Asset

            given = {"uri": uri, "name": name, "group": group, "extra": asset_extra}
            return Asset(**{key: value for key, value in given.items() if value})
        from airflow.providers_manager import ProvidersManager

        factory = ProvidersManager().asset_factories.get(scheme or "")
        if factory is None:
            log.debug("No provider package makes assets of the scheme %r", scheme)
            return None
        return factory(**(asset_kwargs or {}), extra=asset_extra)

    def add_input_asset(self, context: Any, **described: Any) -> None:
        self._add(self._inputs, context, described)

    def add_output_asset(self, context: Any, **described: Any) -> None:
        self._add(self._outputs, context, described)

    def add_extra(self, context: Any, key: str, value: Any) -> None:
        if not key or not value:
            return
        known = f"{key} {json.dumps(value, sort_keys=True, default=str)} {id(context)}"
        if known in self._extra:
            self._extra[known].count += 1
        elif len(self._extra) < MAX_COLLECTED_EXTRA:
            self._extra[known] = ExtraLineageInfo(key, value, 1, context)

    @property
    def collected_assets(self) -> HookLineage:
        return HookLineage(
            list(self._inputs.values()), list(self._outputs.values()), list(self._extra.values())
        )

    @property
    def has_collected(self) -> bool:
        return bool(self._inputs or self._outputs or self._extra)

    def _add(self, found: dict[str, AssetLineageInfo], context: Any, described: dict[str, Any]) -> None:
        asset = self.create_asset(**described)
        if asset is None:
            return
        known = f"{asset.uri} {json.dumps(asset.extra, sort_keys=True, default=str)} {id(context)}"
        if known in found:
            found[known].count += 1
        elif len(found) < MAX_COLLECTED_ASSETS:
            found[known] = AssetLineageInfo(asset, 1, context)


class NoOpCollector(HookLineageCollector):
    """Collects nothing: nobody registered a reader."""

    def add_input_asset(self, context: Any, **described: Any) -> None:
        return

    def add_output_asset(self, context: Any, **described: Any) -> None:
        return

    def add_extra(self, context: Any, key: str, value: Any) -> None:
        return


class HookLineageReader:
    """Reads what was collected; plugins register subclasses."""

    def __init__(self, **_: Any) -> None:
        self.lineage_collector = get_hook_lineage_collector()

    def retrieve_hook_lineage(self) -> HookLineage:
        return self.lineage_collector.collected_assets


def get_hook_lineage_collector() -> HookLineageCollector:
    """The collector of this process."""
    return NoOpCollector()
