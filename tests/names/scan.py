"""What a release of Airflow offers: its modules, their public names and its own redirects, read without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

REDIRECTS = (
    "__deprecated_classes",
    "__deprecated_imports",
    "__lazy_imports",
    "_operators",
    "_hooks",
    "_sensors",
)
NOT_PUBLIC = ("example_dags", "migrations", "_vendor", "www.static", "node_modules", "alembic")


@dataclass(slots=True)
class Module:
    """A module's names with their kinds (class, function, value), and what it hands on from elsewhere."""

    kinds: dict[str, str] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    deprecated: set[str] = field(default_factory=set)
    exported: set[str] | None = None
    is_package: bool = False


def scan(root: Path) -> dict[str, Module]:
    """Every module under `root`/airflow, and those that exist as redirects only."""
    found: dict[str, Module] = {}
    for file in sorted((root / "airflow").rglob("*.py")):
        name = ".".join(file.relative_to(root).with_suffix("").parts)
        package = name.endswith(".__init__")
        name = name.removesuffix(".__init__")
        if not is_public_module(name):
            continue
        module = found.setdefault(name, Module())
        module.is_package = package
        _Reader(name, module, found).read(ast.parse(file.read_bytes()))
    for module in found.values():
        _expand(module, found)
    return found


def _expand(module: Module, found: dict[str, Module]) -> None:
    """A redirect of `*` becomes one for each name of the other module."""
    place = module.redirects.pop("*", None)
    if place is None:
        return
    module.deprecated.discard("*")
    target = place.removesuffix(":*")
    for name in public_names(found[target]) if target in found else ():
        module.redirects.setdefault(name, f"{target}:{name}")
        module.deprecated.add(name)


def is_public_module(name: str) -> bool:
    parts = name.split(".")
    return not any(part.startswith("_") for part in parts) and not any(part in name for part in NOT_PUBLIC)


def public_names(module: Module) -> dict[str, str]:
    """name -> kind, or the place it comes from for what the module hands on deliberately."""
    names = {name: kind for name, kind in module.kinds.items() if not name.startswith("_")}
    for name, source in module.imported.items():
        handed_on = module.is_package or "._shared." in source
        wanted = name in module.exported if module.exported is not None else handed_on
        if wanted and not name.startswith("_"):
            names.setdefault(name, source)
    return names | {name: place for name, place in module.redirects.items() if not name.startswith("_")}


class _Reader:
    def __init__(self, name: str, module: Module, all_modules: dict[str, Module]) -> None:
        self.name, self.module, self.all = name, module, all_modules
        self.values: dict[str, object] = {}

    def read(self, tree: ast.Module) -> None:
        for node in _statements(tree.body):
            self._read_statement(node)

    def _read_statement(self, node: ast.stmt) -> None:
        kinds = self.module.kinds
        if isinstance(node, ast.ClassDef):
            kinds[node.name] = "c"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            kinds[node.name] = "f"
        elif isinstance(node, ast.ImportFrom):
            self._read_import(node)
        elif isinstance(node, ast.Expr):
            self._read_call(node.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                        self._read_value(name.id, node.value)

    def _read_value(self, name: str, value: ast.expr | None) -> None:
        if name == "__all__":
            self.module.exported = set(_literal(value) or ())
        elif name in REDIRECTS:
            self._read_redirects(self._literal(value), name.startswith("__deprecated"))
        else:
            self.module.kinds.setdefault(name, "v")

    def _read_call(self, call: ast.expr) -> None:
        """add_deprecated_classes({...}, ...) with its table written in place."""
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("add_deprecated_classes"):
            self._read_redirects(self._literal(call.args[0]), True)

    def _read_redirects(self, table: object, deprecated: bool) -> None:
        for name, target in table.items() if isinstance(table, dict) else ():
            if isinstance(target, dict):
                own = name == self.name
                submodule = self.module if own else self.all.setdefault(f"{self.name}.{name}", Module())
                submodule.redirects |= {old: _place(old, new) for old, new in target.items()}
                submodule.deprecated |= set(target) if deprecated else set()
            elif isinstance(target, tuple):
                place = self._absolute(target[0])
                self.module.redirects[name] = f"{place}:{target[1]}"
                if len(target) > 2 and target[2]:
                    self.module.deprecated.add(name)
            elif isinstance(target, list):
                self.module.redirects |= {each: f"{self.name}.{name}:{each}" for each in target}
            else:
                place = self._absolute(target)
                complete = place.rpartition(".")[2] == name or place.rpartition(".")[2][:1].isupper()
                self.module.redirects[name] = _place(name, place) if complete else f"{place}:{name}"
                if deprecated:
                    self.module.deprecated.add(name)

    def _literal(self, value: ast.expr | None) -> object:
        if value is None:
            return None
        for node in ast.walk(value):
            if isinstance(node, ast.Dict):
                node.keys = [
                    ast.Constant(self.name) if isinstance(key, ast.Name) and key.id == "__name__" else key
                    for key in node.keys
                ]
        return _literal(value)

    def _read_import(self, node: ast.ImportFrom) -> None:
        place = self._absolute("." * node.level + (node.module or ""))
        if place.partition(".")[0] == "airflow":
            for alias in node.names:
                self.module.imported[alias.asname or alias.name] = f"{place}:{alias.name}"

    def _absolute(self, place: str) -> str:
        if not place.startswith("."):
            return place
        rest = place.lstrip(".")
        base = self.name.split(".") + ([""] if self.module.is_package else [])
        parts = base[: len(base) - (len(place) - len(rest))]
        return ".".join([*parts, rest] if rest else parts)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Those at the level of the module, within `if` and `try` too, but not what only type checkers see."""
    for node in body:
        if isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from _statements(node.body)
            yield from _statements(node.orelse)
        elif isinstance(node, ast.Try):
            for part in (node.body, *(handler.body for handler in node.handlers), node.orelse):
                yield from _statements(part)
        else:
            yield node


def _literal(value: ast.expr | None) -> object:
    try:
        return ast.literal_eval(value) if value is not None else None
    except ValueError:
        return None


def _place(name: str, path: str) -> str:
    """`a.b.C` as `a.b:C`; what stands for a whole module as `a.b:*`."""
    if name == "*":
        return f"{path}:*"
    module, _, attribute = path.strip(".").rpartition(".")
    return f"{module}:{attribute}"
