"""What an environment's code needs besides the DAG files, fetched and built: packages, plugins, exports.

`equip` makes it and changes nothing that runs; the cell learns of it by its next spec. What is in force is kept beside
the cell's spec, so that a cell is started again as it was, whatever the bucket has by then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from airflow._wire.components import WORKER

from control_plane.domain.environment import Environment
from control_plane.domain.equipment import MEMBERS, PLUGINS, REQUIREMENTS, STARTUP, Equipment, from_json
from control_plane.domain.newest import Newest, is_same, list_followed
from control_plane.reconcile.cell import KEPT_EQUIPMENT, ObjectStoreAccess
from control_plane.reconcile.code_files import CodeFile, read_code_file
from control_plane.reconcile.newest import find_newest
from control_plane.reconcile.plugins import unpack
from control_plane.reconcile.requirements import Finder, Surroundings, find_base, install
from control_plane.reconcile.startup import Stage, run_script
from sync.startup import Run, run_here
from sync.venv import VenvError


@dataclass(frozen=True, slots=True)
class Tools:
    """What `equip` works with. `run` runs user code as whoever user code runs as."""

    access: ObjectStoreAccess
    interpreters: Finder
    plugins: Path
    """Where unpacked plugins lie, by content."""
    account: str
    surroundings: Mapping[str, str]
    indexes: bool = True
    """Whether requirements may name package indexes and addresses of their own."""
    run: Run = run_here


def equip(
    environment: Environment,
    tools: Tools,
    home: Path,
    tell: Callable[[str], None],
    cancelled: Callable[[], bool],
    *,
    retry: bool = False,
) -> Equipment:
    """Fetch, check and build what the environment's spec names, as it is in the bucket now.

    `home`: the cell's; what it is equipped with already is not made again, and what was newer but refused is passed
    over, unless `retry`: a broken upload must not fail an update of something else. `tell` gets a line per step. Raises
    CannotApply with the owner's words for what cannot be used, VenvCancelled when `cancelled` says so.
    """
    kept = find_kept(home) or Equipment("", "")
    found = {member: read_code_file(environment, tools.access, member) for member in MEMBERS}
    files = found if retry else _hold_back(environment, found, kept, find_newest(home))
    sources = {member: file.source for member, file in files.items() if file is not None}
    base = find_base(tools.interpreters)
    if kept.base == base and kept.sources == sources and _is_there(kept):
        return kept
    plugins = _unpack(files[PLUGINS], kept, tools, tell)
    exports = _run_script(environment, files[STARTUP], kept, tools, home, base, tell, cancelled)
    made = Equipment(base, base, plugins, exports, sources=sources)
    text = found[REQUIREMENTS]
    if text is None:
        return made
    if _is_there(kept) and replace(made, python=kept.python, requirements=kept.requirements) == kept:
        return kept
    made = replace(made, sources={**sources, REQUIREMENTS: text.source})
    place = Surroundings(plugins, exports.get(WORKER, {}), tools.indexes)
    wanted, python = install(environment, text, place, tools.access, tools.interpreters, tell, cancelled)
    return replace(made, python=python, requirements=wanted)


def _hold_back(
    environment: Environment, found: Mapping[str, CodeFile | None], kept: Equipment, newest: Newest
) -> dict[str, CodeFile | None]:
    """With what is applied in the place of what follows the bucket and could not be applied."""
    refused = [
        member
        for member in list_followed(dict(environment.spec))
        if (file := found[member]) is not None
        and is_same({member: file.source}, newest.refused, member)
        and (applied := kept.sources.get(member)) is not None
        and applied.key == file.source.key
    ]
    held = {
        member: replace(file, source=kept.sources[member]) for member in refused if (file := found[member])
    }
    return {**found, **held}


def restore(home: Path, tools: Tools, cancelled: Callable[[], bool]) -> Equipment | None:
    """What the cell in `home` had, whatever the bucket has by now; None when it must be made from the bucket.

    After an upgrade of the service its interpreter is built anew from the text that was kept. Raises VenvCancelled.
    """
    kept = find_kept(home)
    if kept is None or (kept.plugins and not Path(kept.plugins).is_dir()):
        return None
    base = find_base(tools.interpreters)
    if kept.base == base and _is_there(kept):
        return kept
    try:
        found = (
            tools.interpreters.find(kept.requirements, _say_nothing, cancelled) if kept.requirements else base
        )
    except VenvError:
        return None
    return replace(kept, base=base, python=found)


def _unpack(file: CodeFile | None, kept: Equipment, tools: Tools, tell: Callable[[str], None]) -> str:
    if file is None:
        return ""
    if kept.sources.get(PLUGINS) == file.source and Path(kept.plugins).is_dir():
        return kept.plugins
    tell("unpacking plugins.zip")
    return unpack(file, tools.plugins)


def _run_script(
    environment: Environment, file: CodeFile | None, kept: Equipment, tools: Tools, home: Path, base: str,
    tell: Callable[[str], None], cancelled: Callable[[], bool],
) -> Mapping[str, Mapping[str, str]]:  # fmt: skip
    """What it exports. One that has run is not run again because something else changes."""
    if file is None:
        return {}
    if kept.sources.get(STARTUP) == file.source:
        return kept.exports
    stage = Stage(tools.access, tools.account, tools.surroundings, tools.run, home, base)
    return run_script(environment, file, stage, tell, cancelled)


def find_kept(home: Path) -> Equipment | None:
    """What the cell in `home` was last told of; None when it is not written down, or of another form."""
    try:
        return from_json((home / KEPT_EQUIPMENT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _say_nothing(_line: str) -> None:
    """Nobody waits for it."""


def _is_there(kept: Equipment) -> bool:
    """An interpreter of another machine's, as a container's, is here as a link that leads nowhere."""
    return os.path.lexists(kept.python) and (not kept.plugins or Path(kept.plugins).is_dir())
