"""The rules of the code base that a machine can check, each proven able to fail on a small broken tree."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("control_plane", "runner", "sync", "infra")
PURE = ("control_plane/domain", "control_plane/iam", "runner/domain")
MOST_LINES, MOST_FUNCTION_LINES = 400, 60
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
SQL_LIBRARIES = {"sqlalchemy", "sqlite3", "psycopg", "alembic"}
SQL_TEXT = re.compile(
    r"^\s*(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|(CREATE|DROP|ALTER)\s+TABLE)\s",
    re.S,
)
SQL_TYPES = {
    "sqlalchemy.Connection",
    "sqlalchemy.Row",
}  # a transaction and what came out of it may be handed on
Check = Callable[[Path], Iterator[str]]
# Spelled in halves, so that this file obeys its own rule.
ELSEWHERE = ("pypi" + ".org", "python" + "hosted", "registry." + "npmjs", "/wo" + "rk/")
OUR_SDK = "runner.sdk" + ".airflow"
WITHOUT_README = {
    "migrations": "written with Alembic; the store's README tells how",
    "versions": "one file per migration",
    "runner/sdk/airflow": "the import tree users know, explained as a whole in runner/sdk",
}


def too_long_files(root: Path) -> Iterator[str]:
    suffixes = {".py", ".js", ".css", ".html", ".sh"}
    for name in _files(root, *PACKAGES, "tests/benchmarks", "tests/test_architecture.py"):
        if Path(name).suffix in suffixes and not _is_migration(name):
            lines = len(_text(root, name).splitlines())
            if lines > MOST_LINES:
                yield f"{name} has {lines} lines; two ideas are two files"


def too_long_functions(root: Path) -> Iterator[str]:
    for name in _python(root, *PACKAGES, "tests/benchmarks"):
        for node in ast.walk(_tree(root, name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_FUNCTION_LINES and not _is_migration(name):
                    yield f"{name}:{node.lineno} {node.name} has {lines} lines"


def clocks_in_pure_packages(root: Path) -> Iterator[str]:
    yield from _uses(root, PURE, CLOCKS)


def sleeping(root: Path) -> Iterator[str]:
    yield from _uses(root, PACKAGES, {"time.sleep"})


def sql_outside_the_stores(root: Path) -> Iterator[str]:
    for name in _python(root, *PACKAGES):
        if (
            "store" in Path(name).parts
            or _is_migration(name)
            or name.startswith("runner/sdk/airflow/providers/")
        ):
            continue
        tree = _tree(root, name)
        names = _import_names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute | ast.Name) and _makes_sql(_dotted(node, names)):
                yield f"{name}:{node.lineno} uses {_dotted(node, names)}; SQL lives in the stores"
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_TEXT.match(node.value):
                yield f"{name}:{node.lineno} holds SQL; SQL lives in the stores"


def _makes_sql(used: str) -> bool:
    """Whether a name is of a database library, and neither its exceptions nor a type that is handed on."""
    library, _, rest = used.partition(".")
    if library not in SQL_LIBRARIES or not rest or rest.startswith("exc"):
        return False
    return ".".join(used.split(".")[:2]) not in SQL_TYPES


def sdk_known_by_a_second_name(root: Path) -> Iterator[str]:
    for name in _files(root):
        if Path(name).suffix in {".py", ".toml", ".cfg"} and OUR_SDK in _text(root, name):
            yield f"{name} names the SDK by its place; its only import name is airflow"


def packages_that_must_not_be(root: Path) -> Iterator[str]:
    for name in ("runner/sdk/__init__.py", "runner/sdk/airflow/providers/__init__.py"):
        if (root / name).exists():
            yield f"{name}: a source root, or a namespace that provider packages share, is no package"


def folders_without_readme(root: Path) -> Iterator[str]:
    folders = {str(Path(name).parent) for name in _python(root, *PACKAGES)}
    for folder in sorted(folders):
        excused = Path(folder).name in WITHOUT_README or any(folder.startswith(e) for e in WITHOUT_README)
        if not excused and not (root / folder / "README.md").exists():
            yield f"{folder} has no README.md: purpose, prohibition, picture, checklist"


def addresses_of_other_places(root: Path) -> Iterator[str]:
    for name in _files(root):
        text = _text(root, name)
        for word in ELSEWHERE:
            if word in text:
                yield f"{name} names {word}"


def loose_locks(root: Path) -> Iterator[str]:
    for name in (name for name in _files(root) if Path(name).name == "requirements.lock"):
        text = _text(root, name).replace("\\\n", " ")
        if "://" in text:
            yield f"{name} holds an address"
        for line in text.splitlines():
            if line.strip() and not line.startswith("#") and "--hash=sha256:" not in line:
                yield f"{name} pins without a hash: {line[:60]}"


def broken_contracts(root: Path) -> Iterator[str]:
    places = os.pathsep.join((str(root), str(root / "runner" / "sdk")))
    tool = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run(
        [tool, "--no-cache", "--config", root / "pyproject.toml"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": places},
        capture_output=True,
        text=True,
    )
    if answer.returncode != 0:
        yield answer.stdout + answer.stderr


@dataclass(frozen=True, slots=True)
class Rule:
    """A check that yields what breaks it, and a tree that does; its first file is the culprit."""

    find: Check
    broken: dict[str, str]


def _plan_contracts() -> dict[str, str]:
    """Our own contracts, over empty files for every module they name."""
    text = (ROOT / "pyproject.toml").read_text()
    linter = tomllib.loads(text)["tool"]["importlinter"]
    names = set(linter["root_packages"])
    for contract in linter["contracts"]:
        names |= {name for key in _NAMING for name in contract.get(key, ())}
        layers = (name for layer in contract.get("layers", ()) for name in layer.split("|"))
        names |= {f"{top}.{name.strip()}" for name in layers for top in contract["containers"]}
    return {"pyproject.toml": text, **{path: "" for name in names for path in _places(name)}}


def _places(module: str) -> Iterator[str]:
    """The file of a module of ours and of the packages around it; nothing for a library."""
    root = "runner/sdk/" if module.split(".")[0] == "airflow" else ""
    path = root + module.replace(".", "/")
    if (ROOT / path).is_dir():
        yield f"{path}/__init__.py"
    elif (ROOT / f"{path}.py").is_file():
        yield f"{path}.py"


_NAMING = ("modules", "source_modules", "forbidden_modules")
OUR_CONTRACTS = _plan_contracts()
RULES = (
    Rule(too_long_files, {"sync/long.py": "x = 1\n" * (MOST_LINES + 1)}),
    Rule(too_long_functions, {"infra/f.py": "def f():\n" + "    x = 1\n" * MOST_FUNCTION_LINES}),
    Rule(clocks_in_pure_packages, {"runner/domain/a.py": "import datetime\nnow = datetime.datetime.now()\n"}),
    Rule(
        clocks_in_pure_packages, {"control_plane/iam/a.py": "from time import time as clock\nnow = clock()\n"}
    ),
    Rule(sleeping, {"sync/a.py": "import time\n\ntime.sleep(1)\n"}),
    Rule(sleeping, {"runner/a.py": "import time as t\n\nt.sleep(1)\n"}),
    Rule(sql_outside_the_stores, {"runner/api/a.py": "from sqlalchemy import text\n\nq = text('x')\n"}),
    Rule(sql_outside_the_stores, {"sync/a.py": "import sqlalchemy as sa\n\nq = sa.select(1)\n"}),
    Rule(sql_outside_the_stores, {"sync/a.py": "import sqlite3\n\nq = sqlite3.connect('x')\n"}),
    Rule(sql_outside_the_stores, {"infra/a.py": "query = 'SELECT state FROM task_instance WHERE id = 1'\n"}),
    Rule(sdk_known_by_a_second_name, {"runner/a.py": f"import {OUR_SDK}\n"}),
    Rule(packages_that_must_not_be, {"runner/sdk/__init__.py": ""}),
    Rule(folders_without_readme, {"sync/inner/__init__.py": ""}),
    Rule(addresses_of_other_places, {"Makefile": f"get https://{ELSEWHERE[0]}/simple\n"}),
    Rule(loose_locks, {"requirements.lock": "one==1.0\n"}),
    Rule(loose_locks, {"requirements.lock": "one @ https://example.org/one.whl --hash=sha256:00\n"}),
    Rule(broken_contracts, {"sync/__init__.py": "import infra\n"}),
    Rule(broken_contracts, {"control_plane/domain/a.py": "import control_plane.store\n", **OUR_CONTRACTS}),
    Rule(broken_contracts, {"control_plane/reconcile/a.py": "import control_plane.api\n", **OUR_CONTRACTS}),
    Rule(broken_contracts, {"control_plane/attic/__init__.py": "", **OUR_CONTRACTS}),
    Rule(broken_contracts, {"runner/store/a.py": "import runner.scheduler\n", **OUR_CONTRACTS}),
    Rule(broken_contracts, {"runner/api/a.py": "import runner.scheduler\n", **OUR_CONTRACTS}),
)


CHECKS = tuple(dict.fromkeys(rule.find for rule in RULES))


@pytest.mark.parametrize("find", CHECKS, ids=lambda find: find.__name__)
def test_the_repository_keeps_the_rule(find: Check) -> None:
    found = list(find(ROOT))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.find.__name__}:{next(iter(rule.broken))}")
def test_a_rule_finds_what_breaks_it(rule: Rule, tmp_path: Path) -> None:
    _plant(tmp_path, {**_sound_tree(), **rule.broken})
    culprit = next(iter(rule.broken)).removesuffix("/__init__.py")
    module = culprit.removesuffix(".py").replace("/", ".")
    assert any(culprit in found or module in found for found in rule.find(tmp_path))


def test_our_contracts_hold_over_empty_files(tmp_path: Path) -> None:
    _plant(tmp_path, OUR_CONTRACTS)
    assert list(broken_contracts(tmp_path)) == []


@pytest.mark.parametrize("find", CHECKS, ids=lambda find: find.__name__)
def test_the_rule_finds_nothing_in_a_sound_tree(find: Check, tmp_path: Path) -> None:
    _plant(tmp_path, _sound_tree())
    assert list(find(tmp_path)) == []


def _plant(root: Path, tree: dict[str, str]) -> None:
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _sound_tree() -> dict[str, str]:
    """The smallest repository that keeps every rule."""
    tree = {f"{package}/__init__.py": "" for package in PACKAGES}
    tree |= {f"{package}/README.md": "" for package in PACKAGES}
    tree |= {f"{folder}/README.md": "" for folder in ("runner/domain", "control_plane/iam", "runner/api")}
    contract = '[tool.importlinter]\nroot_packages = ["sync", "infra"]\n[[tool.importlinter.contracts]]\n'
    contract += 'name = "strangers"\ntype = "independence"\nmodules = ["sync", "infra"]\n'
    handed_on = "import sqlalchemy as sa\n\n\ndef f(connection: sa.Connection) -> sa.Row | None: ...\n"
    return {**tree, "pyproject.toml": contract, "runner/api/sound.py": handed_on}


def _files(root: Path, *under: str) -> list[str]:
    """Every file the repository holds or is about to, below some folders or everywhere."""
    if (root / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *under]
        names = subprocess.run(
            command, cwd=root, capture_output=True, text=True, check=True
        ).stdout.splitlines()
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*")]
        names = [name for name in names if not under or name.startswith(tuple(f"{u}/" for u in under))]
    return sorted(name for name in set(names) if (root / name).is_file())


def _python(root: Path, *under: str) -> list[str]:
    return [name for name in _files(root, *under) if name.endswith(".py")]


def _text(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8", errors="replace")


def _tree(root: Path, name: str) -> ast.Module:
    return ast.parse(_text(root, name), filename=name)


def _is_migration(name: str) -> bool:
    return "migrations" in Path(name).parts


def _uses(root: Path, under: tuple[str, ...], banned: set[str]) -> Iterator[str]:
    """Where a banned name is used, whatever it was imported as."""
    for name in _python(root, *under):
        tree = _tree(root, name)
        names = _import_names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute | ast.Name):
                spelled = ".".join(_dotted(node, names).split(".")[-2:])
                if spelled in banned:
                    yield f"{name}:{node.lineno} uses {spelled}"


def _import_names(tree: ast.Module) -> dict[str, str]:
    """Local name -> what it stands for, for everything a module imports."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""
