"""Handles on living processes that a recycled pid cannot fool: opened on a proof, then signalled and waited for."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable

Proof = Callable[[], int | None]
"""The pid that is proven alive in a role at this moment, by its lock or as our own unreaped child."""

_KILL_SECONDS = 10.0
_STEP = 0.02


class Handle:
    """One process. Linux gives a descriptor that names it for ever; elsewhere the proof is asked each time."""

    def __init__(self, pid: int, proof: Proof, descriptor: int | None) -> None:
        self.pid = pid
        self._proof = proof
        self._descriptor = descriptor

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; a process that is gone is no error."""
        try:
            if self._descriptor is not None:
                signal.pidfd_send_signal(self._descriptor, number)
            elif self._proof() == self.pid:
                os.kill(self.pid, number)
        except ProcessLookupError:
            return

    def wait(self, seconds: float) -> bool:
        """Whether the process has ended within that time."""
        if self._descriptor is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            return bool(poll.poll(max(0.0, seconds) * 1000))
        deadline, pause = time.monotonic() + seconds, threading.Event()
        while self._proof() == self.pid:
            if time.monotonic() >= deadline:
                return False
            pause.wait(_STEP)  # no descriptor to wait on here
        return True

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def find_handle(proof: Proof) -> Handle | None:
    """A handle on the process that the proof names both before and after the handle was opened."""
    pid = proof()
    if pid is None:
        return None
    if not hasattr(os, "pidfd_open"):
        return Handle(pid, proof, None)
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if proof() != pid:
        os.close(descriptor)
        return None
    return Handle(pid, proof, descriptor)


def end(proofs: Iterable[Proof], grace: float) -> None:
    """End these processes and wait for it: TERM to all, KILL to those that live after `grace` seconds.

    Raises TimeoutError when one survives even that.
    """
    handles = [handle for handle in map(find_handle, proofs) if handle is not None]
    try:
        for handle in handles:
            handle.signal(signal.SIGTERM)
        stubborn = _wait_all(handles, grace)
        for handle in stubborn:
            handle.signal(signal.SIGKILL)
        survivors = [handle.pid for handle in _wait_all(stubborn, _KILL_SECONDS)]
    finally:
        for handle in handles:
            handle.close()
    if survivors:
        raise TimeoutError(f"cannot end processes {survivors}: they survive SIGKILL")


def _wait_all(handles: list[Handle], seconds: float) -> list[Handle]:
    """Those that still live after that time."""
    deadline = time.monotonic() + seconds
    return [handle for handle in handles if not handle.wait(deadline - time.monotonic())]
