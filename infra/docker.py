"""The Docker provisioner: a cell is a directory on this machine and one container for each of its roles.

A container sees its cell's home, at the same path as we do, and what `Surroundings` names; nothing else of ours. The
role locks in the home say who lives, as for processes; a role whose lock is free is asked of the engine. Containers
carry labels, so a provisioner that starts anew adopts them, and the engine starts them again by itself while there
is no control plane. Which image a cell runs is decided when it is made and kept in its home.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.containers import CELL, ROLE, SPEC, TEMPORARY, Surroundings, configure, find_limits, name_container
from infra.docker_api import Docker, DockerAway, DockerError
from infra.homes import Homes, open_private
from infra.locks import find_facts
from infra.provisioner import CellPlan, Observed, ProcessSpec

log = logging.getLogger(__name__)
_TAIL = 60
_PIN = "image.json"
"""In a cell's home: the image that its containers are made from."""


class NoImage(RuntimeError):
    """The engine does not have the image."""


class DockerProvisioner:
    """Cells in containers of one engine. Safe to call from several threads."""

    def __init__(self, homes: Homes, docker: Docker, surroundings: Surroundings) -> None:
        self._homes, self._docker, self._around = homes, docker, surroundings
        self._pids: dict[tuple[str, str], tuple[dict[str, Any], int]] = {}
        """By cell and role: what the held lock said, and the number that process has on the engine's machine."""
        self._guards: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def home(self, name: str) -> Path:
        return self._homes.path(name)

    def names(self) -> list[str]:
        return self._homes.names()

    def observe(self, name: str) -> Observed:
        home = self.home(name)
        locks = {path.stem: find_facts(path) for path in (home / "run").glob("*.lock")}
        known = {role: self._pids.get((name, role)) for role in locks}
        if locks and all(known[role] and known[role][0] == facts for role, facts in locks.items()):  # type: ignore[index]
            return Observed(True, {role: known[role][1] for role in sorted(locks)})  # type: ignore[index]
        try:
            containers = self._list(name)
        except DockerAway as error:
            log.warning("%s", error)
            containers = []
        pids = {role: self._look(name, role, locks.get(role)) for role in self._roles(containers, locks)}
        return Observed(home.is_dir(), pids)

    def create(self, plan: CellPlan) -> list[str]:
        self._homes.make(plan.name, plan.files, shared=TEMPORARY)
        self._pin(plan.name)
        return self.ensure(plan)

    def ensure(self, plan: CellPlan) -> list[str]:
        with self._guards[plan.name]:
            containers = {_label(found, ROLE): found for found in self._list(plan.name)}
            missing = [
                spec for spec in plan.processes if not _is_up(containers.get(spec.role, {}).get("State"))
            ]
            image = self._pin(plan.name) if missing else ""
            for spec in missing:
                self._start(plan.name, spec, image, containers.get(spec.role))
        return [spec.role for spec in missing]

    def resize(self, plan: CellPlan) -> None:
        with self._guards[plan.name]:
            up = {_label(found, ROLE) for found in self._list(plan.name) if _is_up(found["State"])}
            for spec in plan.processes:
                if spec.role in up:
                    self._docker.update_container(self._name(plan.name, spec.role), find_limits(spec.limits))

    def stop(self, name: str, grace: float, roles: tuple[str, ...] | None = None) -> None:
        with self._guards[name]:
            found = [role for role in self._roles(self._list(name)) if roles is None or role in roles]
            seconds = math.ceil(grace)
            with ThreadPoolExecutor(max(1, len(found))) as pool:
                list(
                    pool.map(lambda role: self._docker.stop_container(self._name(name, role), seconds), found)
                )
        for role in found:
            self._pids.pop((name, role), None)

    def destroy(self, name: str, grace: float) -> None:
        with self._guards[name]:
            self.stop(name, grace)
            for role in self._roles(self._list(name)):
                self._docker.remove_container(self._name(name, role))
            self._homes.remove(name)

    def last_words(self, name: str, role: str) -> str:
        try:
            return self._docker.read_output(self._name(name, role), _TAIL).strip()
        except (DockerAway, DockerError) as error:
            return str(error)

    def renew(self, name: str) -> None:
        """Have the cell's next containers made from the image that the service names now, if the engine has it."""
        try:
            self._write_pin(name)
        except (NoImage, DockerAway, DockerError) as error:
            log.warning("cell %s keeps its image: %s", name, error)

    # ---- containers

    def _start(self, name: str, spec: ProcessSpec, image: str, former: dict[str, Any] | None) -> None:
        account = self._homes.find_account(name)
        config = configure(name, spec, image, self.home(name), account, self._around)
        title = self._name(name, spec.role)
        if former is not None and _label(former, SPEC) == config["Labels"][SPEC]:
            self._docker.update_container(title, find_limits(spec.limits))
        else:
            self._docker.remove_container(title)
            self._docker.create_container(title, config)
        self._docker.start_container(title)

    def _look(self, name: str, role: str, facts: dict[str, Any] | None) -> int | None:
        """The role's process; None when its container does not run. A held lock is remembered with the answer."""
        known = self._pids.get((name, role))
        if known is not None and known[0] == facts:
            return known[1]
        self._pids.pop((name, role), None)
        try:
            found = self._docker.find_container(self._name(name, role))
        except DockerAway:  # alive all the same, with the number that it has in its container
            return int(facts.get("pid", 0)) or None if facts else None
        state = found["State"] if found else {}
        if not state.get("Running") or state.get("Restarting"):
            return None
        if facts is not None:
            self._pids[name, role] = facts, int(state["Pid"])
        return int(state["Pid"])

    def _list(self, name: str) -> list[dict[str, Any]]:
        return self._docker.list_containers({**self._around.labels, CELL: name})

    def _roles(self, containers: list[dict[str, Any]], more: Iterable[str] = ()) -> list[str]:
        return sorted({_label(found, ROLE) for found in containers} | set(more))

    def _name(self, cell: str, role: str) -> str:
        return name_container(self._around.service, cell, role)

    # ---- the image

    def _pin(self, name: str) -> str:
        """The id of the image that this cell runs: the one it was made with, whatever its name means now."""
        path = self.home(name) / _PIN
        if path.is_file():
            return str(json.loads(path.read_text(encoding="utf-8"))["id"])
        return self._write_pin(name)

    def _write_pin(self, name: str) -> str:
        path = self.home(name) / _PIN
        image = get_image(self._docker, self._around.image)
        pin = {"reference": self._around.image, "id": image["Id"], "digests": image.get("RepoDigests") or []}
        temporary = path.with_name(path.name + ".new")
        with os.fdopen(open_private(temporary), "w", encoding="utf-8") as file:
            json.dump(pin, file, indent=1)
        temporary.replace(path)
        return str(image["Id"])


def get_image(docker: Docker, reference: str) -> dict[str, Any]:
    """What the engine knows of an image. Raises NoImage, which says how to get it."""
    found = docker.find_image(reference)
    if found is None:
        raise NoImage(
            f"cannot find the image {reference}: build it with `docker build -t {reference} .`, pull it, or name "
            "another in AERODROME_IMAGE"
        )
    return found


def _label(container: dict[str, Any], name: str) -> str:
    return str(container["Labels"].get(name, ""))


def _is_up(state: str | None) -> bool:
    return state in ("running", "paused")
