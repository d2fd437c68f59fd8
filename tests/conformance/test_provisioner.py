"""What every provisioner must do: the fake, processes, processes with users of their own, and a real Docker engine."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from infra.accounts import Accounts, Range
from infra.containers import Surroundings, name_service
from infra.docker import DockerProvisioner
from infra.homes import Homes
from infra.locks import find_facts
from infra.process import ProcessProvisioner
from infra.provisioner import CellPlan, Limits, Observed, ProcessSpec, Provisioner
from tests.services import find_docker, make_open_directory

NUMBERS = Range(first := 3_000_000 + os.getpid() % 50_000 * 10, first + 9)
"""Of this process's own: what is left of a user is killed, whoever started it."""
ROOT = Path(__file__).resolve().parents[2]

# A process as cells have them: it holds its role's lock and waits. `stubborn` does not heed TERM.
_BODY = """
import signal, sys
from pathlib import Path
from infra.locks import hold
role, kind = sys.argv[1:3]
leave = signal.SIG_IGN if kind == "stubborn" else lambda *_: sys.exit(0)
signal.signal(signal.SIGTERM, leave)  # the first process of a container has no default
if kind == "broken":
    sys.exit("cannot start: the roof is open")
lock = hold(Path("run") / f"{role}.lock", role, "cell")
signal.pause()
while True:
    signal.pause()
"""


def process(role: str, kind: str = "plain") -> ProcessSpec:
    """As the subject's own interpreter runs it: `Subject.adapt` says where that is."""
    return ProcessSpec(role, ("python", "-c", _BODY, role, kind), {}, runs_user_code=role == "agent")


def plan(*specs: ProcessSpec) -> CellPlan:
    return CellPlan("cell", specs, {"cell.json": "{}", "keys/token": "secret"})


class Subject(Protocol):
    """A provisioner and the powers of nature over what it runs."""

    provisioner: Provisioner

    def again(self) -> Provisioner: ...
    def kill(self, role: str) -> None: ...
    def settle(self, *roles: str) -> Observed: ...


class FakeProvisioner:
    """Cells in memory: what unit tests of the reconciler run against."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cells: dict[str, dict[str, int | None]] = {}
        self.stops: list[str] = []
        self.limits: dict[str, Limits] = {}
        self._next = 1000

    def home(self, name: str) -> Path:
        return self.root / name

    def names(self) -> list[str]:
        return sorted(self.cells)

    def observe(self, name: str) -> Observed:
        return Observed(name in self.cells, dict(self.cells.get(name, {})))

    def create(self, plan: CellPlan) -> list[str]:
        self.cells.setdefault(plan.name, {})
        for path, text in plan.files.items():
            target = self.home(plan.name) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch(0o600)
            target.write_text(text)
        return self.ensure(plan)

    def ensure(self, plan: CellPlan) -> list[str]:
        cell = self.cells[plan.name]
        missing = [spec for spec in plan.processes if cell.get(spec.role) is None]
        for spec in missing:
            self._next += 1
            cell[spec.role] = None if "broken" in spec.argv else self._next
        return [spec.role for spec in missing]

    def resize(self, plan: CellPlan) -> None:
        self.limits = {spec.role: spec.limits for spec in plan.processes}

    def stop(self, name: str, grace: float, roles: tuple[str, ...] | None = None) -> None:
        self.stops.append(name)
        cell = self.cells.get(name, {})
        self.cells[name] = {role: pid if roles and role not in roles else None for role, pid in cell.items()}

    def destroy(self, name: str, grace: float) -> None:
        self.cells.pop(name, None)

    def renew(self, name: str) -> None:
        """It keeps nothing of what cells are made of."""

    def last_words(self, name: str, role: str) -> str:
        return "cannot start: the roof is open"


class FakeSubject:
    def __init__(self, root: Path) -> None:
        self.provisioner = FakeProvisioner(root)

    def again(self) -> Provisioner:
        return self.provisioner

    def kill(self, role: str) -> None:
        self.provisioner.cells["cell"][role] = None

    def settle(self, *roles: str) -> Observed:
        return self.provisioner.observe("cell")


class RealSubject:
    """Real processes, below a directory that users of cells may enter."""

    python, code, path = sys.executable, str(ROOT), os.environ["PATH"]

    def __init__(self, root: Path) -> None:
        self.root = root
        self.forgotten: list[Provisioner] = []
        self.provisioner = self.adapt(self.make())

    def make(self) -> Provisioner:
        return ProcessProvisioner(self.root)

    def adapt(self, provisioner: Provisioner) -> Provisioner:
        """The provisioner, for plans that name no interpreter."""
        return Adapted(provisioner, self.python, {"PYTHONPATH": self.code, "PATH": self.path})

    def again(self) -> Provisioner:
        """As after a kill of the control plane: nothing in memory."""
        self.forgotten.append(self.provisioner)
        self.provisioner = self.adapt(self.make())
        return self.provisioner

    def kill(self, role: str) -> None:
        pid = self.provisioner.observe("cell").processes[role]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self._until(lambda seen: seen.processes[role] != pid)

    def settle(self, *roles: str) -> Observed:
        """Wait until the locks (and not memory) prove these roles."""
        run = self.provisioner.home("cell") / "run"
        self._until(lambda _: all(find_facts(run / f"{role}.lock") for role in roles))
        return self.provisioner.observe("cell")

    def _until(self, condition) -> None:  # type: ignore[no-untyped-def]
        deadline = time.monotonic() + 20
        while not condition(self.provisioner.observe("cell")):
            assert time.monotonic() < deadline, self.provisioner.observe("cell")
            time.sleep(0.01)


class UserSubject(RealSubject):
    """Every cell has users of its own."""

    def make(self) -> Provisioner:
        return ProcessProvisioner(self.root, Accounts(self.root, NUMBERS))


class DockerSubject(RealSubject):
    """Containers of a real engine, all of one user."""

    accounts = False

    def __init__(self, root: Path) -> None:
        self.engine = find_docker()
        self.python, self.code, self.path = self.engine.python, self.engine.code, os.defpath
        super().__init__(root)

    def make(self) -> Provisioner:
        accounts = Accounts(self.root, NUMBERS) if self.accounts else None
        me = f"{os.getuid()}:{os.getgid()}"
        around = Surroundings(name_service(self.root), self.engine.image, me)
        return DockerProvisioner(Homes(self.root, accounts), self.engine.docker, around)


class DockerUserSubject(DockerSubject):
    accounts = True


@dataclass
class Adapted:
    """A provisioner whose plans get the interpreter and the variables of the subject."""

    inner: Provisioner
    python: str
    env: dict[str, str]

    def create(self, plan: CellPlan) -> list[str]:
        return self.inner.create(self._complete(plan))

    def ensure(self, plan: CellPlan) -> list[str]:
        return self.inner.ensure(self._complete(plan))

    def resize(self, plan: CellPlan) -> None:
        self.inner.resize(self._complete(plan))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def _complete(self, plan: CellPlan) -> CellPlan:
        specs = (replace(spec, argv=(self.python, *spec.argv[1:]), env=self.env) for spec in plan.processes)
        return replace(plan, processes=tuple(specs))


_SUBJECTS = {
    "fake": FakeSubject,
    "process": RealSubject,
    "users": UserSubject,
    "docker": DockerSubject,
    "docker-users": DockerUserSubject,
}


@pytest.fixture(params=_SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param.endswith("users") and os.getuid() != 0:
        pytest.skip("only root can give cells users of their own")
    place = make_open_directory()
    subject = _SUBJECTS[request.param](place / "cells")
    yield subject
    subject.provisioner.destroy("cell", 0)
    for old in getattr(subject, "forgotten", []):
        old.observe("cell")  # reaps its children
    shutil.rmtree(place)


def test_observe_says_nothing_exists_when_a_cell_was_never_made(subject: Subject) -> None:
    assert subject.provisioner.observe("cell") == Observed(False, {})
    assert subject.provisioner.names() == []


def test_create_starts_every_role_and_writes_private_files_when_the_cell_is_new(subject: Subject) -> None:
    assert subject.provisioner.create(plan(process("engine"), process("agent"))) == ["engine", "agent"]
    seen = subject.settle("engine", "agent")
    assert seen.exists and seen.is_running("engine") and seen.is_running("agent")
    secret = subject.provisioner.home("cell") / "keys" / "token"
    assert secret.read_text() == "secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert subject.provisioner.names() == ["cell"]


def test_create_starts_nothing_when_called_again(subject: Subject) -> None:
    subject.provisioner.create(plan(process("engine")))
    before = subject.settle("engine")
    assert subject.provisioner.create(plan(process("engine"))) == []
    assert subject.provisioner.observe("cell") == before


def test_create_starts_a_role_once_when_it_has_not_taken_its_lock_yet(subject: Subject) -> None:
    assert subject.provisioner.create(plan(process("engine"))) == ["engine"]
    assert subject.provisioner.ensure(plan(process("engine"))) == []
    subject.settle("engine")


def test_ensure_starts_only_the_dead_role_when_one_was_killed(subject: Subject) -> None:
    both = plan(process("engine"), process("agent"))
    subject.provisioner.create(both)
    before = subject.settle("engine", "agent")
    subject.kill("engine")
    assert "agent" not in subject.provisioner.ensure(
        both
    )  # an engine of containers may have been faster than we
    after = subject.settle("engine", "agent")
    assert after.processes["agent"] == before.processes["agent"]
    assert after.processes["engine"] != before.processes["engine"]


def test_a_new_provisioner_adopts_what_runs_when_the_first_is_gone(subject: Subject) -> None:
    subject.provisioner.create(plan(process("engine")))
    before = subject.settle("engine")
    heir = subject.again()
    assert heir.ensure(plan(process("engine"))) == []
    assert heir.observe("cell").processes == before.processes


def test_a_cell_that_is_renewed_keeps_its_home_and_runs_again(subject: Subject) -> None:
    subject.provisioner.create(plan(process("engine")))
    before = subject.settle("engine")
    subject.provisioner.stop("cell", 5)
    subject.provisioner.renew("cell")
    assert subject.provisioner.ensure(plan(process("engine"))) == ["engine"]
    assert subject.settle("engine").processes != before.processes
    assert (subject.provisioner.home("cell") / "cell.json").read_text() == "{}"


def test_stop_ends_processes_and_keeps_the_home_when_asked(subject: Subject) -> None:
    subject.provisioner.create(plan(process("engine"), process("agent")))
    subject.settle("engine", "agent")
    subject.provisioner.stop("cell", 5)
    seen = subject.provisioner.observe("cell")
    assert seen.exists and not seen.is_running("engine") and not seen.is_running("agent")


def test_stop_ends_one_role_and_leaves_the_other_when_it_is_named(subject: Subject) -> None:
    subject.provisioner.create(plan(process("engine"), process("agent")))
    before = subject.settle("engine", "agent")
    subject.provisioner.stop("cell", 5, ("engine",))
    seen = subject.provisioner.observe("cell")
    assert not seen.is_running("engine")
    assert seen.processes["agent"] == before.processes["agent"]


def test_resize_ends_nothing_when_the_limits_of_a_role_change(subject: Subject) -> None:
    subject.provisioner.create(plan(process("agent")))
    before = subject.settle("agent")
    subject.provisioner.resize(plan(replace(process("agent"), limits=Limits(memory=1 << 30, cpus=1.0))))
    assert subject.provisioner.observe("cell").processes == before.processes


def test_destroy_removes_everything_when_a_process_ignores_term(subject: Subject) -> None:
    subject.provisioner.create(plan(process("engine", "stubborn")))
    subject.settle("engine")
    subject.provisioner.destroy("cell", 0.1)
    assert subject.provisioner.observe("cell") == Observed(False, {})
    subject.provisioner.destroy("cell", 0.1)


def test_last_words_tell_why_when_a_process_ended_at_once(subject: Subject) -> None:
    subject.provisioner.create(plan(process("engine", "broken")))
    deadline = time.monotonic() + 10
    while subject.provisioner.observe("cell").is_running("engine"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "the roof is open" in subject.provisioner.last_words("cell", "engine")
