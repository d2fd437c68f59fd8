"""The gate before a provisioner: once the service stops, no job starts a process that nobody would end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control_plane.reconcile.jobs import Interrupted
from infra.provisioner import CellPlan, Observed, Provisioner


class Gate:
    """A provisioner that can be closed: then it looks and ends still, and whoever starts or writes is Interrupted."""

    def __init__(self, inner: Provisioner) -> None:
        self._inner = inner
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    def close(self) -> None:
        """Let nobody in, and wait for those who are inside: what they start is there to be ended afterwards."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: self._inside == 0)

    @contextmanager
    def _entered(self) -> Iterator[None]:
        with self._changed:
            if self._closed:
                raise Interrupted
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def create(self, plan: CellPlan) -> list[str]:
        with self._entered():
            return self._inner.create(plan)

    def ensure(self, plan: CellPlan) -> list[str]:
        with self._entered():
            return self._inner.ensure(plan)

    def home(self, name: str) -> Path:
        return self._inner.home(name)

    def names(self) -> list[str]:
        return self._inner.names()

    def observe(self, name: str) -> Observed:
        return self._inner.observe(name)

    def resize(self, plan: CellPlan) -> None:
        self._inner.resize(plan)

    def stop(self, name: str, grace: float, roles: tuple[str, ...] | None = None) -> None:
        self._inner.stop(name, grace, roles)

    def destroy(self, name: str, grace: float) -> None:
        self._inner.destroy(name, grace)

    def renew(self, name: str) -> None:
        self._inner.renew(name)

    def last_words(self, name: str, role: str) -> str:
        return self._inner.last_words(name, role)
