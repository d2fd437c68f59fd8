"""Plugins and policies: what a snapshot's `plugins` folder, installed packages and airflow_local_settings bring.

Loaded once in a process, before the first DAG file. A plugin that cannot be loaded is logged and left out. Where there
are none this costs a few looks at the file system.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

log = logging.getLogger("airflow.plugins")
GROUP = "airflow.plugins"
SETTINGS = "airflow_local_settings"


@cache
def load_plugins(bundle_path: str) -> tuple[Any, ...]:
    """The plugin classes there are, each put to use."""
    folders = [
        Path(bundle_path, "plugins"),
        Path(os.environ.get("AIRFLOW__CORE__PLUGINS_FOLDER") or "plugins"),
    ]
    found: dict[str, Any] = {}
    for folder in dict.fromkeys(folder for folder in folders if folder.is_absolute() and folder.is_dir()):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        for path in sorted(folder.rglob("*.py")):
            for plugin in _try(str(path), partial(_list_in_file, path, folder)) or ():
                found.setdefault(plugin.name, plugin)
    for name, target in list_entry_points():
        plugin = _try(name, partial(_of_entry_point, target))
        if plugin is not None:
            found.setdefault(plugin.name, plugin)
    for plugin in found.values():
        _try(plugin.name, partial(_use, plugin))
    return tuple(found.values())


@cache
def list_entry_points() -> tuple[tuple[str, str], ...]:
    """(name, module:class) of installed packages' plugins; read off their files, which takes a tenth of asking."""
    found: dict[str, str] = {}
    for folder in sys.path:
        for path in Path(folder or ".").glob("*-info/entry_points.txt"):
            text = path.read_text(encoding="utf-8", errors="replace")
            if f"[{GROUP}]" in text:
                section = text.partition(f"[{GROUP}]")[2].partition("\n[")[0]
                for line in section.splitlines():
                    name, is_one, target = line.partition("=")
                    if is_one:
                        found.setdefault(name.strip(), target.strip())
    return tuple(found.items())


def apply_policies(dags: dict[str, Any]) -> dict[str, Any]:
    """The DAGs as the environment's policies leave them. Raises what a policy raises, which refuses the file."""
    local = load_local_settings()
    if local is None:
        return dags
    from airflow.rare_exceptions import AirflowClusterPolicySkipDag

    kept = {}
    for dag_id, dag in dags.items():
        try:
            _call(local, "dag_policy", dag)
            for task in dag.tasks:
                _call(local, "task_policy", task)
                _mutate(local, task)
        except AirflowClusterPolicySkipDag as reason:
            log.warning("the DAG %s is left out by dag_policy: %s", dag_id, reason)
            continue
        kept[dag_id] = dag
    return kept


def load_local_settings() -> ModuleType | None:
    """The module airflow_local_settings, its names put into airflow.settings; None when there is none."""
    if SETTINGS in sys.modules:
        return sys.modules[SETTINGS]
    if importlib.util.find_spec(SETTINGS) is None:
        return None
    from airflow import settings

    local = importlib.import_module(SETTINGS)
    names = getattr(local, "__all__", None) or [name for name in vars(local) if not name.startswith("_")]
    for name in names:
        setattr(settings, name, getattr(local, name))
    return local


def _call(local: ModuleType, name: str, subject: Any) -> None:
    policy = getattr(local, name, None)
    if policy is not None:
        policy(subject)


class FirstInstance:
    """A task instance as policies and weight strategies see it: of any run, before its first try."""

    def __init__(self, task: Any) -> None:
        self.task, self.task_id, self.dag_id = task, task.task_id, task.dag_id
        self.run_id, self.map_index, self.try_number, self.state = None, -1, 0, None
        for name in ("queue", "pool", "pool_slots", "priority_weight", "executor_config"):
            setattr(self, name, getattr(task, name, None))


def _mutate(local: ModuleType, task: Any) -> None:
    """What the hook changes of an instance is changed of the task: no user code runs where instances are made."""
    if not hasattr(local, "task_instance_mutation_hook"):
        return
    instance = FirstInstance(task)
    local.task_instance_mutation_hook(instance)
    for name in ("queue", "pool", "pool_slots", "priority_weight"):
        if getattr(instance, name) != getattr(task, name, None):
            setattr(task, name, getattr(instance, name))


def _list_in_file(path: Path, folder: Path) -> list[Any]:
    """The plugins that a file defines. One that says nothing of plugins is not imported."""
    if b"Plugin" not in path.read_bytes():
        return []
    from airflow.plugins_manager import is_valid_plugin

    name = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
    values = list(vars(importlib.import_module(name)).values())
    return [value for value in values if is_valid_plugin(value) and value.__module__ == name]


def _of_entry_point(target: str) -> Any:
    from airflow.plugins_manager import is_valid_plugin

    module, _, attribute = target.partition(":")
    found = getattr(importlib.import_module(module.strip()), attribute.split("[")[0].strip())
    return found if is_valid_plugin(found) else None


def _use(plugin: Any) -> None:
    """Its macros where templates find them, its listeners where tasks tell them, its links on the operators."""
    plugin.on_load()
    if plugin.macros:
        from airflow import macros

        made = ModuleType(f"airflow.macros.{plugin.name}")
        for macro in plugin.macros:
            setattr(made, macro.__name__, macro)
        sys.modules[made.__name__] = made
        setattr(macros, plugin.name, made)
    if plugin.listeners:
        from airflow.listeners.manager import get_listener_manager

        for listener in plugin.listeners:
            get_listener_manager().add_listener(listener)
    for kind in ("operators", "sensors", "hooks"):
        for item in getattr(plugin, kind):
            _offer(f"airflow.{kind}.{plugin.name}", item)


def _offer(module: str, item: Any) -> None:
    """Where 1.10 had the operators of plugins: `from airflow.operators.my_plugin import MyOperator`."""
    made = sys.modules.setdefault(module, ModuleType(module))
    setattr(made, item.__name__, item)


def _try(what: str, work: Any) -> Any:
    try:
        return work()
    except Exception:
        log.exception("cannot load the plugin %s", what)
        return None


def list_plugin_links(task: Any) -> list[Any]:
    """The links that plugins of this snapshot add to an operator."""
    plugins = load_plugins(os.environ.get("AIRFLOW__CORE__DAGS_FOLDER", ""))
    found = [link for plugin in plugins for link in plugin.global_operator_extra_links]
    for link in (link for plugin in plugins for link in plugin.operator_extra_links):
        if any(
            task.operator_name == getattr(kind, "__name__", "") for kind in getattr(link, "operators", ())
        ):
            found.append(link)
    return found
