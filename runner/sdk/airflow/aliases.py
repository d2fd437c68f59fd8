"""Every import path of every generation: one import hook over the tables of names.

`_alias_rows.ROWS` says where our own objects are found: (path as imported, module that holds the objects, names). Names
are separated by blanks; `Old=New` renames, `name=` is the module itself, and `*` stands for everything in the module.
What no row and no file of ours has is looked up in `airflow._names`. A path that has no file becomes a module when it
is first imported.

Provider distributions share `airflow.providers` with us and come first there: what we have of a provider is found only
where the distribution does not have it.
"""

from __future__ import annotations

import sys
from functools import cache, partial
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from airflow._alias_rows import ROWS
from airflow._alias_rows_core import CORE_ROWS

_ROOT = Path(__file__).parent
PROVIDERS = "airflow.providers"
MISSING = object()
"""What `own` answers for a name that no row has."""


class OwnFinder:
    """In front: our files, then the paths that exist in the tables only. Another distribution cannot replace them."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not fullname.startswith("airflow."):
            return None
        if fullname == PROVIDERS:
            return _shared_namespace()
        if fullname.startswith("airflow.providers."):
            return _patched(fullname, path)
        return _own_spec(fullname) or _virtual_spec(fullname)

    @classmethod
    def find_distributions(cls, context: Any) -> Any:
        """For `importlib.metadata`: apache-airflow is there, by another name."""
        from airflow._names import metadata

        return metadata.list_distributions(context)


class ProviderFinder:
    """At the end: what we have of a provider that no distribution brought."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not fullname.startswith("airflow.providers."):
            return None
        return _own_spec(fullname) or _virtual_spec(fullname)


class AliasModule(ModuleType):
    """A package whose rows come before its submodules: importing `x.task_group` leaves the function x.task_group."""

    def __setattr__(self, name: str, value: Any) -> None:
        rows = table().get(self.__name__, ()) if isinstance(value, ModuleType) else ()
        if not any(names is not None and name in names for _, names in rows):
            super().__setattr__(name, value)


class NamedLoader(SourceFileLoader):
    """Loads a file whose missing names are looked up in the tables."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if hasattr(module, "__path__"):
            module.__class__ = AliasModule
        if "__getattr__" not in module.__dict__ and not module.__name__.startswith("airflow._"):
            module.__getattr__ = partial(resolve, module.__name__)  # type: ignore[method-assign]


class AliasLoader:
    """Makes a module whose names are looked up in the tables when they are used."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return AliasModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        module.__getattr__ = partial(resolve, name)  # type: ignore[method-assign]
        module.__dir__ = partial(public_names, name)  # type: ignore[method-assign]


def install() -> None:
    """Put the finders in their places. Calling it again changes nothing."""
    if OwnFinder not in sys.meta_path:
        sys.meta_path.insert(0, OwnFinder)
        sys.meta_path.append(ProviderFinder)


def resolve(module: str, name: str) -> Any:
    """The object that `from module import name` means.

    Raises AttributeError, as a module does, for a name that never was; an ImportError that says what to do for one that
    needs a package or has no successor.
    """
    if name == "__all__":
        return public_names(module)
    found = own(module, name)
    if found is not MISSING:
        return found
    if name.startswith("_"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    if _has_file(f"{module}.{name}"):
        return import_module(f"{module}.{name}")
    from airflow._names import search

    return search.resolve(module, name)


def own(module: str, name: str) -> Any:
    """The object a row leads to, or `MISSING`."""
    for target, names in table().get(module, ()):
        attribute = names.get(name) if names is not None else name
        if attribute is not None and (names is not None or is_ours(target, name)):
            return getattr(import_module(target), attribute) if attribute else import_module(target)
    return MISSING


def is_ours(module: str, name: str) -> bool:
    """Whether a row or a file of ours has the name; nothing is looked up elsewhere."""
    return own(module, name) is not MISSING or (
        _own_spec(module) is not None and name in vars(import_module(module))
    )


def public_names(module: str) -> list[str]:
    """What `from module import *` brings: what the module's file and our rows have, else what the tables lead to."""
    found: set[str] = set()
    for target, names in table().get(module, ()):
        found.update(_public(vars(import_module(target))) if names is None else names)
    if _has_file(module):
        own_names = _public(vars(import_module(module)))
        return sorted(found | {name for name in own_names if name not in ("annotations", "aliases", "Any")})
    from airflow._names import search

    return sorted(found | search.list_resolvable(module))


def _public(names: dict[str, Any]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


@cache
def table() -> dict[str, list[tuple[str, dict[str, str] | None]]]:
    """The rows by path; None for `*`."""
    result: dict[str, list[tuple[str, dict[str, str] | None]]] = {}
    for path, target, names in (*ROWS, *CORE_ROWS):
        pairs = None if names == "*" else dict(_pair(name) for name in names.split())
        result.setdefault(path, []).append((target, pairs))
    return result


@cache
def row_paths() -> frozenset[str]:
    """The paths of the rows, and their parents."""
    paths = {path for path, _, _ in (*ROWS, *CORE_ROWS)}
    for path in tuple(paths):
        parts = path.split(".")
        paths.update(".".join(parts[:end]) for end in range(2, len(parts)))
    return frozenset(paths)


def exists(path: str) -> bool:
    """Whether the path can be imported: a row, a file, or a module of some generation."""
    if path in row_paths() or _has_file(path):
        return True
    from airflow._names import tables

    return tables.is_module(path)


def _own_spec(fullname: str) -> ModuleSpec | None:
    """The spec of a file of ours. Its missing names will be looked up."""
    place = _ROOT.joinpath(*fullname.split(".")[1:])
    package = place / "__init__.py"
    file = package if package.is_file() else place.with_suffix(".py")
    if file is not package and not file.is_file():
        return None
    where = [str(place)] if file is package else None
    loader = NamedLoader(fullname, str(file))
    return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=where)


def _virtual_spec(fullname: str) -> ModuleSpec | None:
    if not exists(fullname):
        return None
    spec = ModuleSpec(fullname, cast(Any, AliasLoader()), origin="airflow.aliases", is_package=True)
    spec.submodule_search_locations = []
    return spec


def _shared_namespace() -> ModuleSpec:
    """`airflow.providers`: a namespace over the folders of other distributions. Ours is the last resort."""
    places = (Path(entry or ".") / "airflow" / "providers" for entry in sys.path)
    spec = ModuleSpec(PROVIDERS, None, is_package=True)
    spec.submodule_search_locations = [
        str(place) for place in places if place.parent != _ROOT and place.is_dir()
    ]
    return spec


def _patched(fullname: str, path: Any) -> ModuleSpec | None:
    """A provider's module that lost names which we know a successor of."""
    from airflow._names import tables

    if not tables.has_lost_names(fullname):
        return None
    spec = PathFinder.find_spec(fullname, path)
    if spec is not None and isinstance(spec.loader, SourceFileLoader):
        spec.loader = NamedLoader(spec.loader.name, spec.loader.path)
    return spec


def _has_file(path: str) -> bool:
    place = _ROOT.joinpath(*path.split(".")[1:])
    return place.is_dir() or place.with_suffix(".py").is_file()


def _pair(name: str) -> tuple[str, str]:
    old, renamed, new = name.partition("=")
    return old, new if renamed else old
