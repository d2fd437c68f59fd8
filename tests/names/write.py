"""Writes runner/sdk/airflow/_names: what three releases of Airflow offer, and where each name has gone.

    python -m tests.names.write 1.10.15=DIR 2.11.0=DIR 3.3.2=DIR --providers DIR

DIR holds an `airflow` folder (a wheel unpacked, or site-packages). What the releases do not say themselves is looked
for by name: in the later release, then in today's provider packages; `by_hand.txt` has the last word.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.names.scan import Module, public_names, scan

OUT = Path(__file__).parents[2] / "runner" / "sdk" / "airflow" / "_names"
MACHINERY = tuple(
    f"airflow.{name}"
    for name in (
        "api_fastapi", "api_connexion", "api_internal", "cli", "bin", "www", "www_rbac", "serialization",
        "ti_deps", "config_templates", "auth", "migrations", "ui",
    )
)  # fmt: skip
SHARED_WITH_PROVIDERS = (
    "airflow.contrib",
    "airflow.operators",
    "airflow.hooks",
    "airflow.sensors",
    "airflow.kubernetes",
)
SHORTEST_MATCH = 6

Releases = dict[int, dict[str, Module]]
Place = tuple[str, str]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("release", nargs=3)
    parser.add_argument("--providers", type=Path, required=True)
    given = parser.parse_args()
    releases: Releases = {}
    for item in given.release:
        version, _, folder = item.partition("=")
        releases[int(version[0])] = keep_core(scan(Path(folder)))
    providers = {n: m for n, m in scan(given.providers).items() if n.startswith("airflow.providers.")}
    write(OUT / "public.txt", public_lines(releases))
    write(OUT / "moves.txt", move_lines(releases, providers))


def keep_core(modules: dict[str, Module]) -> dict[str, Module]:
    return {
        name: module
        for name, module in modules.items()
        if name.startswith("airflow.providers.standard") or not name.startswith("airflow.providers.")
    }


def public_lines(releases: Releases) -> Iterable[str]:
    """`module TAB name=<kind><generations> ...`; a generation that only redirects the name does not count."""
    table: dict[str, dict[str, str]] = defaultdict(dict)
    for generation, modules in releases.items():
        for path, module in modules.items():
            table[path]  # a module without names is one too
            for name, kind in public_names(module).items():
                letter = kind if len(kind) == 1 else kind_of(name, kind, modules)
                known = table[path].get(name, letter)
                mark = "" if name in module.deprecated else str(generation)
                table[path][name] = known + mark
    for path in sorted(table):
        yield f"{path}\t{' '.join(f'{name}={mark}' for name, mark in sorted(table[path].items()))}"


def kind_of(name: str, place: str, modules: dict[str, Module]) -> str:
    target, _, attribute = place.partition(":")
    if not attribute or f"{target}.{attribute}" in modules:
        return "m"
    found = modules.get(target)
    kind = found.kinds.get(attribute, "") if found else ""
    return kind or ("c" if name[:1].isupper() and not name.isupper() else "f")


def move_lines(releases: Releases, providers: dict[str, Module]) -> Iterable[str]:
    """`module generation TAB name=module:name ...`: what the name became in that generation."""
    for generation in (2, 3):
        table = official_moves(releases[generation])
        if generation == 2:
            table = official_moves(releases[1]) | table
        before = [releases[earlier] for earlier in range(1, generation)]
        table |= matched_moves(before, releases[generation], providers, table)
        by_module: dict[str, list[str]] = defaultdict(list)
        for (path, name), (target, new) in sorted(table.items()):
            target, new = in_todays_wheels(target, new, providers)
            by_module[path].append(f"{name}={target}:{'' if new == name else new or '.'}")
        for path, entries in by_module.items():
            yield f"{path} {generation}\t{' '.join(entries)}"


def official_moves(modules: dict[str, Module]) -> dict[Place, Place]:
    found: dict[Place, Place] = {}
    for path, module in modules.items():
        for name, kind in public_names(module).items():
            if len(kind) > 1:
                target, _, new = kind.partition(":")
                found[path, name] = (target.replace("airflow._shared.", "airflow.sdk._shared."), new)
    return found


def matched_moves(
    before: list[dict[str, Module]],
    after: dict[str, Module],
    providers: dict[str, Module],
    known: dict[Place, Place],
) -> dict[Place, Place]:
    """Names that are gone without a word and live on in exactly one other place under the same name."""
    offered = {(path, name) for path, module in after.items() for name in public_names(module)}
    core, outside = holders(after), holders(providers)
    public = (
        dict.fromkeys(public_names(after["airflow.sdk"]), "airflow.sdk") if "airflow.sdk" in after else {}
    )
    found: dict[Place, Place] = {}
    for path, name in sorted(
        {(p, n) for modules in before for p, m in modules.items() for n in public_names(m)}
    ):
        if (path, name) in offered or (path, name) in known or path.startswith(MACHINERY):
            continue
        if len(name) < SHORTEST_MATCH or name.isupper() or (name == "import_string" and "sdk" not in path):
            continue
        places = {public[name]} if name in public else core.get(name, set())
        if not places and name[0].isupper() and path.startswith(SHARED_WITH_PROVIDERS):
            places = outside.get(name, set())
        if len(places) == 1:
            found[path, name] = (min(places), name)
    return found


def holders(modules: dict[str, Module]) -> dict[str, set[str]]:
    """In which modules a class or function of that name is defined."""
    found: dict[str, set[str]] = defaultdict(set)
    for path, module in modules.items():
        if not path.startswith(MACHINERY):
            for name, kind in module.kinds.items():
                if kind in "cf":
                    found[name].add(path)
    return found


def in_todays_wheels(target: str, name: str, providers: dict[str, Module]) -> Place:
    """Where a provider's name is today, when it moved within its package."""
    package = ".".join(target.split(".")[:4])
    module = providers.get(target)
    if not target.startswith("airflow.providers.") or (
        module and (name in public_names(module) or name in module.imported)
    ):
        return target, name
    near = [p for p in providers if p.startswith(package) and providers[p].kinds.get(name) in ("c", "f")]
    return (near[0], name) if len(near) == 1 else (target, name)


def write(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
