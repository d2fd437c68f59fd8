"""The provisioner of a home, and what goes with it: whose interpreter, whose code, and who builds venvs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control_plane.commands.ground import Ground, NoGround, read
from control_plane.commands.outsiders import Tools, build_as, build_in, run_as_task, run_in
from control_plane.reconcile.builders import Builder, Here
from control_plane.reconcile.cell import Roots
from control_plane.settings import Paths
from infra.accounts import Accounts
from infra.containers import HOST, SERVICE, Surroundings, name_service
from infra.docker import DockerProvisioner, NoImage, get_image
from infra.docker_api import Docker, DockerAway, DockerError
from infra.docker_tool import clear_tools
from infra.homes import Homes
from infra.places import find_places
from infra.process import ProcessProvisioner
from infra.provisioner import Provisioner
from sync.startup import Run, run_here

_IN_IMAGES = re.compile(r"LANG|LC_\w+|TZ|(https?|all|no)_proxy|(HTTPS?|ALL|NO)_PROXY")
"""Of our own environment, what means the same in a container."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where cells run, and with what."""

    provisioner: Provisioner
    roots: Roots
    builder: Builder
    surroundings: Mapping[str, str]
    """Of our own environment variables, those that cells may be given."""
    run: Run
    """Runs startup scripts."""


def open_provisioner(paths: Paths) -> Provisioner:
    """What runs the cells of a home. Starts nothing and costs nothing until it is used."""
    ground = read(paths)
    homes = _homes(paths, ground)
    if ground.provisioner == "docker":
        return DockerProvisioner(homes, Docker(Path(ground.docker_socket)), _around(paths, ground, {}))
    return ProcessProvisioner(paths.cells, homes.accounts)


def open_site(paths: Paths, ground: Ground, roots: Roots) -> Site:
    """Everything, for `up`. `roots`: our own. Raises NoGround."""
    _open_doors(paths, ground)
    if ground.provisioner == "docker":
        try:
            return _open_docker(paths, ground, roots)
        except (DockerAway, DockerError, NoImage) as error:
            raise NoGround(str(error)) from None
    accounts = _homes(paths, ground).accounts
    if ground.numbers is not None and accounts is not None:
        return Site(
            ProcessProvisioner(paths.cells, accounts),
            roots,
            build_as(ground.numbers.builder, roots),
            dict(os.environ),
            run_as_task(accounts),
        )
    return Site(ProcessProvisioner(paths.cells), roots, Here(), dict(os.environ), run_here)


def _open_docker(paths: Paths, ground: Ground, roots: Roots) -> Site:
    docker = Docker(Path(ground.docker_socket))
    image = get_image(docker, ground.image)
    labels = image["Config"].get("Labels") or {}
    try:
        code, sdk, python = (labels[f"aerodrome.{name}"] for name in ("code", "sdk", "python"))
    except KeyError as error:
        raise NoGround(
            f"cannot run cells in {ground.image}: it is no image of ours, it has no label {error}"
        ) from None
    around = _around(paths, ground, find_places(docker, paths.home))
    if ground.network not in (HOST, "bridge"):
        docker.ensure_network(ground.network, {SERVICE: around.service})
    clear_tools(docker, around)
    there = Roots(Path(code), Path(sdk), python)
    surroundings = {name: value for name, value in os.environ.items() if _IN_IMAGES.fullmatch(name)}
    surroundings["PATH"] = _find_path(image)
    homes = _homes(paths, ground)
    tools = Tools(docker, around, surroundings["PATH"])
    builder = build_in(tools, ground.numbers.builder if ground.numbers else None, there, surroundings)
    run = run_in(tools, homes.accounts)
    return Site(DockerProvisioner(homes, docker, around), there, builder, surroundings, run)


def _homes(paths: Paths, ground: Ground) -> Homes:
    return Homes(paths.cells, Accounts(paths.cells, ground.numbers) if ground.numbers else None)


def _around(paths: Paths, ground: Ground, real: Mapping[Path, Path]) -> Surroundings:
    me = f"{os.getuid()}:{os.getgid()}"
    return Surroundings(
        name_service(paths.cells),
        ground.image,
        me,
        ground.network,
        (paths.venvs.resolve(), paths.plugins.resolve()),
        real,
    )


def _open_doors(paths: Paths, ground: Ground) -> None:
    """Cells' users pass through our home to theirs, and to the interpreters; they can list neither."""
    paths.plugins.mkdir(mode=0o700, exist_ok=True)
    if ground.users:
        for place, mode in (
            (paths.home, 0o711),
            (paths.cells, 0o711),
            (paths.plugins, 0o711),
            (paths.venvs, 0o1777),
        ):
            place.chmod(mode)
        for venv in paths.venvs.glob("[!.]*/pyvenv.cfg"):
            venv.parent.chmod(0o755)


def _find_path(image: Mapping[str, Any]) -> str:
    env = dict(entry.partition("=")[::2] for entry in image["Config"].get("Env") or ())
    return str(env.get("PATH", os.defpath))
