"""Which interpreters and plugin folders are kept."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from control_plane.reconcile.collecting import collect_unused

NAMES = {
    name: letter * 32
    for name, letter in zip(("base", "in use", "before", "told", "idle"), "abcde", strict=True)
}


def folder(root: Path, name: str) -> Path:
    found = root / NAMES[name]
    found.mkdir(parents=True)
    (root / f"{NAMES[name]}.use").touch()
    os.utime(root / f"{NAMES[name]}.use", (0, 0))
    return found


def python(path: Path) -> str:
    return str(path / "bin" / "python")


def test_what_no_cell_names_and_no_update_brings_back_is_removed(tmp_path: Path) -> None:
    venvs, home = tmp_path / "venvs", tmp_path / "cells" / "demo"
    made = {name: folder(venvs, name) for name in NAMES}
    plugin = folder(tmp_path / "plugins", "in use")
    folder(tmp_path / "plugins", "idle")
    (home / "before" / "1").mkdir(parents=True)
    (home / "cell.json").write_text(
        json.dumps({"format": 1, "python": python(made["in use"]), "plugins": str(plugin)})
    )
    (home / "equipment.json").write_text(json.dumps({"python": python(made["told"]), "plugins": ""}))
    former = {
        "cell.json": json.dumps({"format": 1, "python": python(made["before"]), "plugins": ""}),
        "uid": "x",
    }
    (home / "before" / "1" / "files.json").write_text(json.dumps(former))
    base = python(made["base"])
    gone = collect_unused(venvs, tmp_path / "plugins", [home], base, time.time())
    assert gone == [NAMES["idle"], NAMES["idle"]]
    assert {path.name for path in venvs.iterdir() if path.is_dir()} == set(NAMES.values()) - {NAMES["idle"]}


def test_nothing_is_removed_while_a_cell_cannot_be_read(tmp_path: Path) -> None:
    idle = folder(tmp_path / "venvs", "idle")
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "cell.json").write_text('{"format": 99}')
    base = python(tmp_path / "venvs" / NAMES["base"])
    assert (
        collect_unused(tmp_path / "venvs", tmp_path / "plugins", [tmp_path / "cells"], base, time.time())
        == []
    )
    assert idle.is_dir()
