"""What provider packages use to keep old names of theirs alive."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from types import ModuleType
from typing import Any


class DeprecatedImportWarning(FutureWarning):
    """An import from a place that will go away."""


def getattr_with_deprecation(
    imports: dict[str, str],
    module: str,
    override_deprecated_classes: dict[str, str] | None = None,
    extra_message: str = "",
    name: str = "",
    **_: Any,
) -> Any:
    """The object that `module.name` stands for today; warns. Raises AttributeError for a name `imports` lacks."""
    target = imports.get(name) or (f"{imports['*']}.{name}" if "*" in imports else "")
    if not target or name.startswith("__"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    shown = (override_deprecated_classes or {}).get(name, target)
    more = f" {extra_message}" if extra_message else ""
    warnings.warn(f"{module}.{name} is deprecated: use {shown}.{more}", DeprecatedImportWarning, stacklevel=3)
    place, _dot, attribute = target.strip(".").rpartition(".")
    return getattr(import_module(place), attribute)


def add_deprecated_classes(
    module_imports: dict[str, dict[str, str]],
    package: str,
    override_deprecated_classes: dict[str, dict[str, str]] | None = None,
    extra_message: str | None = None,
    **_: Any,
) -> None:
    """Make modules of `package` whose names lead elsewhere; the package's own name as a key means itself."""
    for name, imports in module_imports.items():
        path = name if name == package else f"{package}.{name}"
        module = sys.modules.get(path) or ModuleType(path)
        shown = (override_deprecated_classes or {}).get(name)

        def find(
            wanted: str,
            imports: dict[str, str] = imports,
            path: str = path,
            shown: dict[str, str] | None = shown,
        ) -> Any:
            return getattr_with_deprecation(imports, path, shown, extra_message or "", wanted)

        module.__getattr__ = find  # type: ignore[method-assign]
        sys.modules[path] = module
        if name != package and package in sys.modules:
            setattr(sys.modules[package], name, module)
