"""What operations are given: the parts of the service, and the request that calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from control_plane.domain.classes import VERSIONS
from control_plane.domain.environment import Environment, EnvironmentSpec
from control_plane.domain.equipment import Equipment
from control_plane.domain.newest import Newest
from control_plane.domain.throttle import Rates
from control_plane.iam.authorize import Caller
from control_plane.operations.published import Published
from control_plane.operations.trail import Trail
from control_plane.store.database import ServiceDatabase
from control_plane.store.vault import Vault


@dataclass(frozen=True, slots=True)
class CellResponse:
    """What a cell answered."""

    status: int
    content_type: str
    body: bytes


class CellUnreachable(Exception):
    """The cell gave no answer; `status` is what a gateway would say (502, 503, 504)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class CellRequest:
    """What to ask a cell, and for whom."""

    method: str
    path: str
    """Percent-encoded, from the root: /api/v2/..."""
    query: str
    """Encoded, without its question mark."""
    body: bytes | None
    user: str
    role: str
    """Airflow's role: Admin, Op, User, Viewer or Public."""
    accept: str = "application/json"


class Cells(Protocol):
    """The way to the cells' private endpoints."""

    def call(self, environment: str, request: CellRequest, timeout: float) -> CellResponse:
        """Ask a cell; blocks for `timeout` seconds at most. Raises CellUnreachable."""
        ...


class ArchiveRoom(Protocol):
    """Where environments are exported to and imported from; `reconcile.archives` is it."""

    def export(self, row: Environment, key: str, passphrase: str | None) -> str:
        """Write an archive into the environment's bucket; its address. Raises ServiceError."""
        ...

    def fetch(self, location: str, passphrase: str | None, uid: str) -> tuple[EnvironmentSpec, str]:
        """The spec in an archive, and where the rest waits for its environment. Raises ServiceError."""
        ...

    def discard(self, origin: str) -> None:
        """Forget what was fetched."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that operations work with; built once by `control_plane.commands.wiring`."""

    db: ServiceDatabase
    vault: Vault
    cells: Cells
    region: str
    account_id: str
    web_host: str
    """host[:port] that all environments share: a token or session says which is meant."""
    clock: Callable[[], float]
    on_change: Callable[[], None]
    """Called after an environment changed, from any thread; wakes the reconciler."""
    trail: Trail
    versions: frozenset[str] = VERSIONS
    skew: float = 300.0
    """Seconds a client's clock may be off."""
    rates: Rates = field(default_factory=Rates)
    """How often a caller may ask; without a limit unless settings say otherwise."""
    published: Published = field(default_factory=Published)
    archives: ArchiveRoom | None = None
    find_code: Callable[[str], tuple[Equipment | None, Newest]] = lambda _name: (None, Newest())
    """What an environment's cell was equipped with, and what the bucket had at the last look."""
    web_domain: str | None = None
    """host[:port] below which each environment has a host of its own; None: the shared one is given out."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request for an operation, by a caller who may make it."""

    caller: Caller
    path: Mapping[str, str] = field(default_factory=dict)
    """Values of the path's placeholders, decoded."""
    query: Mapping[str, str] = field(default_factory=dict)
    repeated: Mapping[str, list[str]] = field(default_factory=dict)
    """The query again, with every value of a name that is there more than once."""
    body: Mapping[str, Any] = field(default_factory=dict)
    role: str = ""
    """The Airflow role the caller reached, where the operation asks for one."""
