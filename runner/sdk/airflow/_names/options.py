"""Defaults of options that DAG files seldom read: Airflow's (`options.txt`), and those of provider packages."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any


def find_default(section: str, key: str) -> str | None:
    """The default of an option; None when nobody knows the option. Packages are asked about sections of theirs only."""
    core = _core()
    known = core.get((section, key))
    if known is not None or any(name == section for name, _ in core):
        return known
    found = _of_packages().get((section, key))
    return _of_missing_packages().get((section, key)) if found is None else found


def find_newer_name(section: str, key: str) -> tuple[str, str] | None:
    """Where an option went that releases since have elsewhere; None when it is where it was."""
    if section == "kubernetes":
        return "kubernetes_executor", key
    return _moved().get((section, key))


@cache
def _moved() -> dict[tuple[str, str], tuple[str, str]]:
    found = {}
    for old, new in _read("moved_options.txt").items():
        section, _, key = new.partition(" ")
        found[old] = section, key
    return found


@cache
def _core() -> dict[tuple[str, str], str]:
    return _read("options.txt")


@cache
def _of_missing_packages() -> dict[tuple[str, str], str]:
    """Options that Airflow had before a provider package took them over: they have defaults without it, too."""
    return _read("options_of_providers.txt")


def _read(file: str) -> dict[tuple[str, str], str]:
    found = {}
    for line in Path(__file__).with_name(file).read_text(encoding="utf-8").splitlines():
        name, _, default = line.partition("\t")
        section, _, key = name.partition(" ")
        found[section, key] = default.replace("%%", "%")
    return found


@cache
def _of_packages() -> dict[tuple[str, str], str]:
    from airflow.providers_manager import ProvidersManager

    found: dict[tuple[str, str], str] = {}
    for _, sections in ProvidersManager().provider_configs:
        for section, described in sections.items():
            options: dict[str, Any] = described.get("options") or {}
            for key, option in options.items():
                default = option.get("default")
                if default is not None:
                    found[section.lower(), key.lower()] = str(default)
    return found
