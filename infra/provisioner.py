"""What a reconciler asks of what runs cells: look, create, start what is missing, stop, destroy.

A provisioner knows names, files and processes; it knows nothing of environments, DAGs or databases. Every
operation is idempotent and converges: called again after any crash it finishes what was begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What a process, with all that it starts, may use. None: as much as there is."""

    memory: int | None = None
    """Bytes."""
    cpus: float | None = None


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process of a cell. `role` is unique in the cell and names its lock, `run/<role>.lock`."""

    role: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """The whole environment of the process; nothing is inherited."""
    limits: Limits = Limits()
    """Kept by provisioners that can (containers); the agent keeps the memory of tasks within the cell's own limits."""
    runs_user_code: bool = False
    """It starts processes for the cell's owner, as a user of their own where provisioners have users to give."""


@dataclass(frozen=True, slots=True)
class CellPlan:
    """A cell as it should be."""

    name: str
    processes: tuple[ProcessSpec, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    """Path relative to the cell's home -> text, written readable by the owner only."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A cell as it is. `processes`: role -> pid of the living process, None when it is known and dead."""

    exists: bool
    processes: Mapping[str, int | None] = field(default_factory=dict)

    def is_running(self, role: str) -> bool:
        return self.processes.get(role) is not None


class Provisioner(Protocol):
    """Runs cells somewhere. Implementations pass tests/conformance/test_provisioner.py."""

    def home(self, name: str) -> Path:
        """The directory of a cell, as its processes see it; it need not exist."""
        ...

    def names(self) -> list[str]:
        """The cells that exist, sorted."""
        ...

    def observe(self, name: str) -> Observed:
        """What there is of a cell now. Cheap: it is asked several times a second."""
        ...

    def create(self, plan: CellPlan) -> list[str]:
        """Write the cell's files and start what does not run; the roles that were started."""
        ...

    def ensure(self, plan: CellPlan) -> list[str]:
        """Start what does not run, files as they are; the roles that were started."""
        ...

    def resize(self, plan: CellPlan) -> None:
        """Give what runs the limits that the plan has now, without ending it; nothing where there are none to give."""
        ...

    def stop(self, name: str, grace: float, roles: tuple[str, ...] | None = None) -> None:
        """End the cell's processes, or those of some roles: TERM, then KILL after `grace` seconds. Its home stays."""
        ...

    def destroy(self, name: str, grace: float) -> None:
        """Stop the cell and remove its home. A cell that is not there is no error."""
        ...

    def renew(self, name: str) -> None:
        """Have the cell's next processes made of what the service has now, where a cell keeps what it was made of."""
        ...

    def last_words(self, name: str, role: str) -> str:
        """The end of what a process of the cell last printed; '' when it printed nothing."""
        ...
