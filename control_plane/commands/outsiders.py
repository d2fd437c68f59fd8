"""Who runs what owners bring before their cell does: the builds of their packages, and startup scripts.

Where cells have users of their own the first is the block's builder, the second the cell's own task user; with Docker
both run in a container that sees one directory of theirs.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from control_plane.reconcile import builders
from control_plane.reconcile.builders import Elsewhere, Here, run_as
from control_plane.reconcile.cell import Roots, process_env
from infra.accounts import Account, Accounts, become, take_back
from infra.containers import Surroundings
from infra.docker_api import Docker
from infra.docker_tool import Cancelled, run_tool
from sync.startup import Run, run_behind
from sync.venv import VenvCancelled

_INSTALLER = re.compile(r"UV_(?!CACHE_DIR)\w+")
_GROUP_ONLY = 0o770


@dataclass(frozen=True, slots=True)
class Tools:
    """Containers for one command each."""

    docker: Docker
    around: Surroundings
    path: str
    """PATH in the image."""


def build_as(account: Account, roots: Roots) -> Elsewhere:
    """Requirements are installed by this user; the base, which is ours, by ourselves."""
    env = {**process_env(roots, os.environ), **_installer()}
    return Elsewhere(
        run_as(become(account.uid)), roots.python, env, Here(), lambda venvs: take_back(venvs, account)
    )


def build_in(
    tools: Tools, account: Account | None, roots: Roots, surroundings: Mapping[str, str]
) -> Elsewhere:
    """All venvs are built in containers, for the image's interpreter."""
    venvs = tools.around.readable[0]
    user = f"{account.uid}:{account.uid}" if account else tools.around.user

    def run(argv: tuple[str, ...], env: Mapping[str, str], cancelled: builders.Cancelled) -> tuple[int, str]:
        there = {**env, "HOME": "/tmp", "PATH": tools.path}  # noqa: S108 - the container's own
        return _run_in(tools, argv, there, venvs, user, cancelled)

    def settle(place: Path) -> None:
        if account is not None:
            take_back(place, account)

    return Elsewhere(run, roots.python, {**process_env(roots, surroundings), **_installer()}, None, settle)


def run_as_task(accounts: Accounts) -> Run:
    """Startup scripts run as the user that the cell's tasks will have."""

    def run(
        command: tuple[str, ...], variables: Mapping[str, str], work: Path, output: Path, limit: float,
        cancelled: Callable[[], bool],
    ) -> int | None:  # fmt: skip
        account = _give(accounts, work)
        return run_behind(become(account.task))(command, variables, work, output, limit, cancelled)

    return run


def run_in(tools: Tools, accounts: Accounts | None) -> Run:
    """Startup scripts run in a container that sees their working directory, and interpreters to read."""

    def run(
        command: tuple[str, ...], variables: Mapping[str, str], work: Path, output: Path, limit: float,
        cancelled: Callable[[], bool],
    ) -> int | None:  # fmt: skip
        account = _give(accounts, work) if accounts else None
        user = f"{account.task}:{account.task}" if account else tools.around.user
        deadline = time.monotonic() + limit

        def is_over() -> bool:
            return cancelled() or time.monotonic() > deadline

        path = ":".join((variables["PATH"].partition(":")[0], tools.path))
        try:
            status, said = _run_in(tools, command, {**variables, "PATH": path}, work, user, is_over)
        except VenvCancelled:
            if cancelled():
                raise
            return None
        output.write_text(said, encoding="utf-8")
        return status

    return run


def _run_in(
    tools: Tools, argv: tuple[str, ...], env: Mapping[str, str], writable: Path, user: str,
    cancelled: Callable[[], bool],
) -> tuple[int, str]:  # fmt: skip
    try:
        return run_tool(tools.docker, tools.around, argv, env, writable, user, cancelled)
    except Cancelled:
        raise VenvCancelled from None


def _give(accounts: Accounts, work: Path) -> Account:
    """The cell's account. Its home may hold nothing yet but this directory, which its tasks write to."""
    account = accounts.give(work.parent)
    work.chmod(_GROUP_ONLY)
    return account


def _installer() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if _INSTALLER.fullmatch(name)}
