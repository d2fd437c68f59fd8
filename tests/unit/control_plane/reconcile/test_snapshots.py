"""Copies of the metadata are made by a process of our own, with our own code, wherever the cells run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from control_plane.commands import wiring
from control_plane.commands.provisioner import Site
from control_plane.reconcile.builders import Here
from control_plane.reconcile.cell import ObjectStoreAccess, Roots, process_env
from control_plane.reconcile.cell_keys import SharedKeys
from control_plane.reconcile.jobs import Jobs
from control_plane.reconcile.snapshots import run_runner
from control_plane.settings import Settings
from infra.process import ProcessProvisioner
from sync.startup import run_here

IMAGE = Roots(Path("/image/code"), Path("/image/sdk"), "/image/bin/python")
RUNNER = "import sys, pathlib; pathlib.Path(sys.argv[5]).write_text(sys.argv[1])"


def test_a_helper_runs_our_own_code_when_cells_run_in_an_image(tmp_path: Path) -> None:
    code, home = tmp_path / "code", tmp_path / "demo"
    (code / "runner").mkdir(parents=True)
    (code / "runner" / "__init__.py").touch()
    (code / "runner" / "__main__.py").write_text(RUNNER)
    home.mkdir()
    helper = process_env(Roots(code, tmp_path), {})
    jobs = cast(Jobs, SimpleNamespace(roots=IMAGE, surroundings={}, helper_env=helper))
    run_runner(jobs, "save", home, home / "copy.db")
    assert (home / "copy.db").read_text() == "save"


def test_the_service_gives_helpers_its_own_surroundings_when_cells_run_in_an_image(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.paths.make()
    access = ObjectStoreAccess(None, "us-east-1")
    site = Site(ProcessProvisioner(settings.paths.cells), IMAGE, Here(), {"PATH": "/image/bin"}, run_here)
    service = wiring.build(settings, 8443, wiring.open_stores(settings), access, SharedKeys(access), site)
    jobs = service.reconciler._jobs
    assert (jobs.roots, jobs.helper_env) == (IMAGE, wiring.own_process_env())
    service.close()
