"""AirflowPlugin: what a plugin derives from."""

from __future__ import annotations

from typing import Any, ClassVar


class AirflowPluginException(Exception):
    """A plugin that cannot be used."""


class AirflowPlugin:
    """A named bundle of extensions; each attribute is a list of one kind of them."""

    name: str | None = None
    source: Any = None

    macros: ClassVar[list[Any]] = []
    listeners: ClassVar[list[Any]] = []
    timetables: ClassVar[list[Any]] = []
    partition_mappers: ClassVar[list[Any]] = []
    windows: ClassVar[list[Any]] = []
    deadline_references: ClassVar[list[Any]] = []
    priority_weight_strategies: ClassVar[list[Any]] = []
    hook_lineage_readers: ClassVar[list[Any]] = []
    global_operator_extra_links: ClassVar[list[Any]] = []
    operator_extra_links: ClassVar[list[Any]] = []
    ti_deps: ClassVar[list[Any]] = []
    # pages and menus of Airflow's own web server
    admin_views: ClassVar[list[Any]] = []
    menu_links: ClassVar[list[Any]] = []
    flask_blueprints: ClassVar[list[Any]] = []
    appbuilder_views: ClassVar[list[Any]] = []
    appbuilder_menu_items: ClassVar[list[Any]] = []
    fastapi_apps: ClassVar[list[Any]] = []
    fastapi_root_middlewares: ClassVar[list[Any]] = []
    external_views: ClassVar[list[Any]] = []
    react_apps: ClassVar[list[Any]] = []
    # 1.10: classes that were importable from airflow.operators.<plugin> and the like
    operators: ClassVar[list[Any]] = []
    sensors: ClassVar[list[Any]] = []
    hooks: ClassVar[list[Any]] = []
    executors: ClassVar[list[Any]] = []

    @classmethod
    def validate(cls) -> None:
        """Raises AirflowPluginException for a plugin without a name."""
        if not cls.name:
            raise AirflowPluginException(f"cannot use the plugin {cls.__name__}: it has no name")

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Called once, when the plugin has been found."""


def is_valid_plugin(plugin_obj: Any) -> bool:
    """Whether it is a plugin's class, and has what a plugin needs."""
    if not isinstance(plugin_obj, type) or not issubclass(plugin_obj, AirflowPlugin):
        return False
    if plugin_obj is AirflowPlugin:
        return False
    plugin_obj.validate()
    return True
