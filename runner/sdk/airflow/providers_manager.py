"""What the installed provider packages offer, by their entry points `apache_airflow_provider`.

Nothing is imported but the packages' own descriptions; a hook or a decorator is imported when it is asked for. Reading
the entry points of a large venv takes a tenth of a second, so it happens once in a process, at the first question.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from airflow.utils.module_loading import import_string

log = logging.getLogger(__name__)


@dataclass
class ProviderInfo:
    """A provider package: its version, and the dict that its `get_provider_info` answers."""

    version: str
    data: dict[str, Any] = field(default_factory=dict)


class HookInfo(NamedTuple):
    """How connections of a type are used."""

    hook_class_name: str
    connection_id_attribute_name: str
    package_name: str
    hook_name: str
    connection_type: str
    connection_testable: bool = False
    dialects: list[str] = []


class DialectInfo(NamedTuple):
    """A dialect of SQL."""

    name: str
    dialect_class_name: str
    provider_name: str


class TriggerInfo(NamedTuple):
    """A trigger class."""

    trigger_class_name: str
    package_name: str
    integration_name: str


class PluginInfo(NamedTuple):
    """A plugin that a provider brings."""

    name: str
    plugin_class: str
    provider_name: str


class LazyMapping(Mapping[str, Any]):
    """Names whose values are worked out when they are asked for. One that cannot be is None, and the log says why."""

    def __init__(self, makers: dict[str, Callable[[], Any]]) -> None:
        self._makers, self._made = makers, dict[str, Any]()

    def __getitem__(self, key: str) -> Any:
        if key not in self._made:
            maker = self._makers[key]
            try:
                self._made[key] = maker()
            except ImportError as error:
                log.warning("Cannot use %s of a provider package: %s", key, error)
                self._made[key] = None
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __hash__(self) -> int:
        return id(self)


class ProvidersManager:
    """All provider packages of this interpreter; every instance sees the same."""

    @property
    def providers(self) -> dict[str, ProviderInfo]:
        """By the name of the package."""
        return _providers()

    @property
    def hooks(self) -> Mapping[str, HookInfo | None]:
        """By type of connection."""
        return _hooks()

    @property
    def taskflow_decorators(self) -> Mapping[str, Any]:
        """What `@task.<name>` may be, by name."""
        return _decorators()

    @cached_property
    def dialects(self) -> dict[str, DialectInfo]:
        found = self._listed("dialects")
        return {
            row["dialect-type"]: DialectInfo(row["dialect-type"], row["dialect-class-name"], name)
            for name, row in found
        }

    @property
    def filesystem_module_names(self) -> list[str]:
        return sorted(row for _, row in self._listed("filesystems"))

    @property
    def extra_links_class_names(self) -> list[str]:
        return sorted(row for _, row in self._listed("extra-links"))

    @property
    def secrets_backend_class_names(self) -> list[str]:
        return sorted(row for _, row in self._listed("secrets-backends"))

    @property
    def logging_class_names(self) -> list[str]:
        return sorted(row for _, row in self._listed("logging"))

    @property
    def queue_class_names(self) -> list[str]:
        return sorted(row for _, row in self._listed("queues"))

    @property
    def executor_class_names(self) -> list[str]:
        return sorted(row for _, row in self._listed("executors"))

    @property
    def notification(self) -> list[str]:
        return sorted(row for _, row in self._listed("notifications"))

    @property
    def trigger(self) -> list[TriggerInfo]:
        rows = self._listed("triggers")
        return [
            TriggerInfo(path, name, row.get("integration-name", ""))
            for name, row in rows
            for path in row.get("python-modules", ())
        ]

    @property
    def plugins(self) -> list[PluginInfo]:
        return [PluginInfo(row["name"], row["plugin-class"], name) for name, row in self._listed("plugins")]

    @property
    def asset_factories(self) -> dict[str, Callable[..., Any]]:
        return self._by_scheme("factory")

    @property
    def asset_uri_handlers(self) -> dict[str, Callable[..., Any]]:
        return self._by_scheme("handler")

    @property
    def asset_to_openlineage_converters(self) -> dict[str, Callable[..., Any]]:
        return self._by_scheme("to_openlineage_converter")

    @property
    def provider_configs(self) -> list[tuple[str, dict[str, Any]]]:
        """The options that packages describe: (package, {section: description})."""
        return [
            (name, info.data["config"]) for name, info in self.providers.items() if info.data.get("config")
        ]

    @property
    def already_initialized_provider_configs(self) -> list[tuple[str, dict[str, Any]]]:
        return self.provider_configs

    def __getattr__(self, name: str) -> Any:
        """`initialize_...` of Airflow's own manager: everything here is read when it is asked for."""
        if name.startswith("initialize_providers_") or name == "initialize_provider_configs":
            return lambda *_, **__: None
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def _listed(self, key: str) -> list[tuple[str, Any]]:
        return [(name, row) for name, info in self.providers.items() for row in info.data.get(key) or ()]

    def _by_scheme(self, key: str) -> dict[str, Callable[..., Any]]:
        rows = [row for kind in ("asset-uris", "dataset-uris") for _, row in self._listed(kind)]
        return {
            scheme: import_string(row[key])
            for row in rows
            if row.get(key)
            for scheme in row.get("schemes", ())
        }


ProvidersManagerTaskRuntime = ProvidersManager


@cache
def _providers() -> dict[str, ProviderInfo]:
    found = {}
    for entry in entry_points(group="apache_airflow_provider"):
        try:
            data = entry.load()()
        except Exception as error:  # a package whose description fails must not hide the others
            log.warning("Cannot read what the provider package %s offers: %s", entry.value, error)
            continue
        version = entry.dist.version if entry.dist else ""
        found[data.get("package-name", entry.value)] = ProviderInfo(version, data)
    return dict(sorted(found.items()))


@cache
def _hooks() -> LazyMapping:
    makers: dict[str, Callable[[], Any]] = {}
    for package, info in _providers().items():
        for row in info.data.get("connection-types") or ():
            kind, path = row["connection-type"], row["hook-class-name"]
            makers[kind] = partial(_hook, kind, path, package)
    return LazyMapping(makers)


def _hook(kind: str, path: str, package: str) -> HookInfo:
    hook = import_string(path)
    return HookInfo(
        path,
        getattr(hook, "conn_name_attr", "conn_id"),
        package,
        getattr(hook, "hook_name", kind),
        kind,
        hasattr(hook, "test_connection"),
        list(getattr(hook, "dialects", None) or ()),
    )


@cache
def _decorators() -> LazyMapping:
    makers: dict[str, Callable[[], Any]] = {}
    for info in _providers().values():
        for row in info.data.get("task-decorators") or ():
            makers[row["name"]] = partial(import_string, row["class-name"])
    return LazyMapping(makers)
