"""The keys that cells seal secrets with: kept here, so that every machine of the service has them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from airflow._wire import secret_keys

from control_plane.store.database import ServiceDatabase
from control_plane.store.schema import environment as table
from control_plane.store.vault import Vault


@dataclass(frozen=True, slots=True)
class CellSecrets:
    """One text for each environment, sealed by the vault."""

    database: ServiceDatabase
    vault: Vault

    def agree(self, uid: str, found: str) -> str:
        """The environment's keys: those `found` in its home or archive ('' if none) and those kept; new ones at first.

        What is not kept yet is kept from now on.
        """
        with self.database.begin() as connection:
            query = sa.select(table.c.secret_keys).where(table.c.uid == uid).with_for_update()
            sealed = connection.execute(query).scalar()
            kept = self.vault.open(sealed) if sealed is not None else ""
            keys = secret_keys.merge(found, kept) or secret_keys.make()
            if set(keys.splitlines()) != set(kept.splitlines()):
                change = sa.update(table).where(table.c.uid == uid)
                connection.execute(change.values(secret_keys=self.vault.seal(keys)))
        return keys
