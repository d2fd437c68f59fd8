"""What was said while an environment was made, kept beside its logs for those who see the bucket only."""

from __future__ import annotations

import logging

from control_plane.domain.environment import Environment
from control_plane.reconcile.cell import ObjectStoreAccess
from control_plane.reconcile.checks import open_bucket
from sync.objects import ObjectStoreError

log = logging.getLogger(__name__)


def keep_log(environment: Environment, access: ObjectStoreAccess, key: str, text: str) -> None:
    """Write it. A bucket that takes no logs does not stop a creation."""
    _bucket, store = open_bucket(environment, access)
    try:
        store.put(key, f"{text}\n".encode())
    except ObjectStoreError as error:
        log.warning("log not kept", extra={"environment": environment.name, "key": key, "why": error.message})
