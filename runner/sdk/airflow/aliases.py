"""Every import path of every generation that leads to one of our objects: one table and one import hook.

A row is (path as imported, module that holds the objects, names). Names are separated by blanks; `Old=New` renames,
`name=` is the module itself, and `*` stands for everything in the module. A path that has no file becomes a module
when it is first imported.
"""

from __future__ import annotations

import sys
from functools import cache, partial
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from airflow._alias_rows import ROWS

_ROOT = Path(__file__).parent


class AliasFinder(MetaPathFinder):
    """Finds the modules that exist in the table only."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not fullname.startswith("airflow.") or fullname not in virtual_modules():
            return None
        spec = ModuleSpec(fullname, AliasLoader(), origin="airflow.aliases", is_package=True)
        spec.submodule_search_locations = []
        return spec


class AliasLoader(Loader):
    """Makes a module whose names are looked up in the table when they are used."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        module.__getattr__ = partial(resolve, name)  # type: ignore[method-assign]
        module.__dir__ = partial(public_names, name)  # type: ignore[method-assign]


def install() -> None:
    """Put the finder in front, so that our objects win over a distribution that ships the same path."""
    if not any(finder is AliasFinder for finder in sys.meta_path):
        sys.meta_path.insert(0, AliasFinder)


def resolve(module: str, name: str) -> Any:
    """The object that `from module import name` means. Raises AttributeError, as a module does."""
    if name == "__all__":
        return public_names(module)
    if not name.startswith("__"):
        for target, names in table().get(module, ()):
            attribute = names.get(name) if names is not None else name
            if attribute is not None and (names is not None or hasattr(import_module(target), name)):
                return getattr(import_module(target), attribute) if attribute else import_module(target)
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def public_names(module: str) -> list[str]:
    """What `from module import *` brings."""
    found: set[str] = set()
    for target, names in table().get(module, ()):
        if names is None:
            found.update(name for name in vars(import_module(target)) if not name.startswith("_"))
        else:
            found.update(names)
    return sorted(found)


@cache
def table() -> dict[str, list[tuple[str, dict[str, str] | None]]]:
    """The rows by path; None for `*`."""
    result: dict[str, list[tuple[str, dict[str, str] | None]]] = {}
    for path, target, names in ROWS:
        pairs = None if names == "*" else dict(_pair(name) for name in names.split())
        result.setdefault(path, []).append((target, pairs))
    return result


@cache
def virtual_modules() -> frozenset[str]:
    """The paths of the table that have no file, and their parents that have none."""
    paths = {path for path, _, _ in ROWS}
    for path in tuple(paths):
        parts = path.split(".")
        paths.update(".".join(parts[:end]) for end in range(2, len(parts)))
    return frozenset(path for path in paths if not _has_file(path))


def _has_file(path: str) -> bool:
    place = _ROOT.joinpath(*path.split(".")[1:])
    return place.is_dir() or place.with_suffix(".py").is_file()


def _pair(name: str) -> tuple[str, str]:
    old, renamed, new = name.partition("=")
    return old, new if renamed else old
