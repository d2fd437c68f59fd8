"""Which S3 keys a cell is told: those of the whole service, or temporary ones of its own, renewed while it lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from airflow._wire.cell import Bucket, CellSpec

from control_plane.domain.environment import Environment
from control_plane.operations.cell_access import CellKeys, needs_renewal
from control_plane.reconcile.cell import KeyRing, ObjectStoreAccess
from control_plane.store.keys import Credentials


class KeyIssuer(Protocol):
    """Hands out key rings."""

    def issue(self, environment: Environment, told: CellSpec | None) -> KeyRing:
        """The keys of an environment; those it was told before where they are good for long enough."""
        ...

    def revoke(self, told: CellSpec) -> None:
        """The environment is gone; so are its keys."""
        ...

    def is_due(self, environment: Environment, told: CellSpec) -> bool:
        """Whether a living cell is to be told new keys: its own end soon, or its role is another one now."""
        ...


@dataclass(frozen=True, slots=True)
class SharedKeys:
    """A bucket of the user's, reached with the service's keys. User code sees none of them."""

    access: ObjectStoreAccess

    def issue(self, environment: Environment, told: CellSpec | None) -> KeyRing:
        return KeyRing(self.access, self.access)

    def revoke(self, told: CellSpec) -> None:
        """There are none of its own."""

    def is_due(self, environment: Environment, told: CellSpec) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class IssuedKeys:
    """The embedded store: two sessions for each environment, see `operations.cell_access`."""

    access: ObjectStoreAccess
    keys: CellKeys
    clock: Callable[[], float]

    def issue(self, environment: Environment, told: CellSpec | None) -> KeyRing:
        if told is not None and not self.is_due(environment, told):
            source, logs = self._by(told.source), self._by(told.logs)
            return KeyRing(source, logs, self._identity(source), told.keys_expire_at)
        made = self.keys.issue(environment)
        source, logs = self._by(made.role), self._by(made.logs)
        return KeyRing(source, logs, self._identity(source), made.expires_at)

    def revoke(self, told: CellSpec) -> None:
        self.keys.revoke(_ids(told))

    def is_due(self, environment: Environment, told: CellSpec) -> bool:
        if needs_renewal(told.keys_expire_at, self.clock()):
            return True
        return not self.keys.are_good(_ids(told), environment)

    def _by(self, keys: Credentials | Bucket) -> ObjectStoreAccess:
        return replace(
            self.access,
            access_key_id=keys.access_key_id,
            secret_access_key=keys.secret_access_key,
            session_token=keys.session_token,
        )

    def _identity(self, access: ObjectStoreAccess) -> dict[str, str]:
        found = {
            "AWS_ACCESS_KEY_ID": access.access_key_id,
            "AWS_SECRET_ACCESS_KEY": access.secret_access_key,
            "AWS_SESSION_TOKEN": access.session_token,
            "AWS_ENDPOINT_URL_S3": access.endpoint,
        }
        return {name: value for name, value in found.items() if value}


def _ids(told: CellSpec) -> list[str]:
    return [key for key in (told.source.access_key_id, told.logs.access_key_id) if key]
