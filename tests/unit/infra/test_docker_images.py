"""Which image a cell's containers are made from: the one it was made with, until it is renewed."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.containers import Surroundings
from infra.docker import DockerProvisioner, NoImage
from infra.homes import Homes
from infra.provisioner import CellPlan, ProcessSpec
from tests.fakes.docker import FakeDocker

PLAN = CellPlan(
    "cell", (ProcessSpec("engine", ("run",)), ProcessSpec("agent", ("run",))), {"cell.json": "{}"}
)
NAMES = ("aerodrome-s-cell-engine", "aerodrome-s-cell-agent")


def provide(root: Path, engine: FakeDocker) -> DockerProvisioner:
    """Anew, as after a restart of the service."""
    return DockerProvisioner(Homes(root), engine.as_docker, Surroundings("s", "aerodrome", "1:1"))


def images(engine: FakeDocker) -> list[str]:
    return [engine.image_of(name) for name in NAMES]


def test_a_cell_keeps_its_image_until_it_is_renewed(tmp_path: Path) -> None:
    engine = FakeDocker(aerodrome="sha256:old")
    provide(tmp_path, engine).create(PLAN)
    engine.images["aerodrome"] = "sha256:new"
    engine.remove_container(NAMES[0])
    provide(tmp_path, engine).ensure(PLAN)
    assert images(engine) == ["sha256:old"] * 2
    cells = provide(tmp_path, engine)
    cells.stop("cell", 1)
    cells.renew("cell")
    assert cells.ensure(PLAN) == ["engine", "agent"]
    assert images(engine) == ["sha256:new"] * 2
    engine.images["aerodrome"] = "sha256:newer"
    engine.remove_container(NAMES[1])
    provide(tmp_path, engine).ensure(PLAN)
    assert images(engine) == ["sha256:new"] * 2


def test_a_renewal_to_an_image_that_is_not_there_leaves_the_cell_with_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = FakeDocker(aerodrome="sha256:old")
    cells = provide(tmp_path, engine)
    cells.create(PLAN)
    del engine.images["aerodrome"]
    cells.stop("cell", 1)
    cells.renew("cell")
    assert "cell cell keeps its image: cannot find the image aerodrome: build it" in caplog.text
    cells.ensure(PLAN)
    assert images(engine) == ["sha256:old"] * 2
    with pytest.raises(NoImage):
        cells.create(CellPlan("other", PLAN.processes))
