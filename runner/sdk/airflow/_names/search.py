"""The object behind a name that is neither in our rows nor in our files."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from airflow import aliases
from airflow._names import packages, tables
from airflow._names.placeholders import is_placeholder, make_placeholder

MACHINERY = "it is part of Airflow's own machinery, which this service does not consist of"
MISSING = aliases.MISSING


class NameGone(ImportError):
    """A name of an earlier generation that nothing offers any more. The text says what to write instead."""


def resolve(module: str, name: str) -> Any:
    """See `aliases.resolve`: a successor of ours or of a provider, a submodule, a placeholder, or a clear error."""
    needed: list[tuple[str, str]] = []
    found = _follow(module, name, {(module, name)}, needed)
    if found is not MISSING:
        return found
    if aliases.exists(f"{module}.{name}"):
        return import_module(f"{module}.{name}")
    public = tables.names_of(module).get(name)
    words = tables.words_about(module, name)
    if words is not None and words.verdict == "gone" and (public or f"{module}:{name}" in words.place):
        raise NameGone(f"cannot import {module}.{name}: {words.text}", name=module)
    if needed:
        raise packages.missing(f"{module}.{name}", *needed[0])
    if public is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    if packages.distribution(module):
        raise packages.missing(f"{module}.{name}", module, name)
    if name in ("log", "logger"):
        return logging.getLogger(module)
    text = words.text if words is not None and words.verdict == "use" else MACHINERY
    made = make_placeholder(module, name, public.kind, text)
    vars(import_module(module))[name] = made
    return made


def list_resolvable(module: str) -> set[str]:
    """The names of a module of some generation that lead to an object. Raises ImportError when none does."""
    found, errors = set(), []
    for name in tables.names_of(module):
        try:
            if aliases.own(module, name) is not MISSING or not is_placeholder(resolve(module, name)):
                found.add(name)
        except ImportError as error:
            errors.append(error)
    if errors and not found:
        raise errors[0]
    return found


def _follow(module: str, name: str, seen: set[tuple[str, str]], needed: list[tuple[str, str]]) -> Any:
    """What the name became, if that is there. `needed` collects the names of providers that are not."""
    for _, target, new in tables.moves_of(module, name):
        if (target, new) in seen:
            continue
        seen.add((target, new))
        if not new:
            return import_module(target) if aliases.exists(target) else MISSING
        adapted = target.startswith("airflow._names.")
        if not adapted and aliases.is_ours(target, new):
            return getattr(import_module(target), new)
        found = _from_provider(target, new, needed) if adapted or packages.distribution(target) else MISSING
        if found is MISSING:
            found = _follow(target, new, seen, needed)
        if found is not MISSING:
            return found
    return MISSING


def _from_provider(target: str, name: str, needed: list[tuple[str, str]]) -> Any:
    """The name from an installed provider. What keeps an installed one from being imported is raised as it is."""
    provider = packages.provider_of(target, name)
    if provider is not None and packages.find_version(packages.distribution(provider) or "") is None:
        needed.append((provider, name))
        return MISSING
    try:
        module = import_module(target)
    except ModuleNotFoundError as error:
        if not packages.is_missing(error, target):
            raise
        needed.append((target, name))
        return MISSING
    try:
        return getattr(module, name)
    except (AttributeError, packages.ProviderMissing):
        needed.append((target, name))
        return MISSING
