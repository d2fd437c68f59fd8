"""The agent's loop: descriptors, timers, signals, and what is to happen at the end of a turn. One thread.

Invariant: no callback waits for anything. A callback that raises is logged and the loop goes on: one attempt's
trouble must not end its neighbours.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import selectors
import signal
import time
from collections.abc import Callable

log = logging.getLogger("aerodrome.agent.loop")

Call = Callable[[], None]
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Timer:
    """A call that is due at some time, unless it was cancelled."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        self.call: Call | None = call

    def cancel(self) -> None:
        self.call = None


class Loop:
    """Waits for whatever comes first and makes the call that belongs to it."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._end_of_turn: list[Call] = []
        self._signals: dict[int, Call] = {}
        self._running = True
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)
        self.watch(self._wake, self._on_signal)

    def watch(self, fd: int, on_read: Call, on_write: Call | None = None) -> None:
        """Call `on_read` whenever there is something to read, and `on_write` whenever there is room, if given."""
        self._selector.register(fd, _READ | (_WRITE if on_write else 0), (on_read, on_write))

    def rewatch(self, fd: int, on_read: Call, on_write: Call | None = None) -> None:
        """Change what is watched of a descriptor."""
        self._selector.modify(fd, _READ | (_WRITE if on_write else 0), (on_read, on_write))

    def forget(self, fd: int) -> None:
        """Watch it no more; call before closing it."""
        self._selector.unregister(fd)

    def after(self, seconds: float, call: Call) -> Timer:
        """Make a call once, so many seconds from now."""
        timer = Timer(call)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def every(self, seconds: float, call: Call) -> None:
        """Make a call again and again."""

        def again() -> None:
            self.after(seconds, again)
            call()

        self.after(seconds, again)

    def at_end_of_turn(self, call: Call) -> None:
        """Make a call once, when everything that is ready now has been handled."""
        self._end_of_turn.append(call)

    def on_signal(self, number: int, call: Call) -> None:
        """Make a call in a turn of the loop whenever a signal has arrived."""
        self._signals[number] = call
        signal.signal(number, lambda _number, _frame: None)

    def run(self) -> None:
        """Turn until `stop`."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        try:
            while self._running:
                self._turn()
        finally:
            signal.set_wakeup_fd(-1)

    def stop(self) -> None:
        self._running = False

    def close(self) -> None:
        self._selector.close()
        os.close(self._wake)
        os.close(self._waker)

    def _turn(self) -> None:
        for key, events in self._selector.select(self._patience()):
            on_read, on_write = key.data
            if events & _WRITE and on_write is not None:
                _safely(on_write)
            if events & _READ and self._selector.get_map().get(key.fd) is key:
                _safely(on_read)
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.call is not None:
                _safely(timer.call)
        while self._end_of_turn:
            calls, self._end_of_turn = self._end_of_turn, []
            for call in calls:
                _safely(call)

    def _patience(self) -> float | None:
        while self._timers and self._timers[0][2].call is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _on_signal(self) -> None:
        for number in set(os.read(self._wake, 4096)):
            call = self._signals.get(number)
            if call is not None:
                _safely(call)


def _safely(call: Call) -> None:
    try:
        call()
    except Exception:
        log.exception("a callback of the agent's loop failed")
