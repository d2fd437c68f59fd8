"""The loop: look at rows and processes, plan, give each action a thread. Woken by changes, or every 0.5 s.

It holds nothing that a restart would miss: rows say what should be, locks say what runs. A tick that fails is
logged and the next one tries again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

from control_plane.domain.environment import Environment
from control_plane.domain.status import SERVING, Status
from control_plane.reconcile import update
from control_plane.reconcile.create import create
from control_plane.reconcile.following import Follower, refresh
from control_plane.reconcile.gate import Gate
from control_plane.reconcile.jobs import Interrupted, Jobs
from control_plane.reconcile.pausing import pause
from control_plane.reconcile.plan import Action, Cell, Starts, Verb, count_start, forgive, plan
from control_plane.store import environments

log = logging.getLogger(__name__)
_PERIOD = 0.5
_WORKERS = 64
"""Many: installing requirements takes minutes, and what died meanwhile is started at once."""
_RETRY_SECONDS = 2.0
_KEYS_PERIOD = 30.0


class Reconciler:
    """One per service. `wake` may be called from any thread."""

    def __init__(self, jobs: Jobs, clock: Callable[[], float], follow_interval: float = 5.0) -> None:
        """`follow_interval`: seconds between looks at requirements, plugins and startup scripts in the buckets."""
        self._gate = Gate(jobs.provisioner)
        self._jobs = replace(jobs, provisioner=self._gate)
        self._follower = Follower(self._jobs, follow_interval, self.wake)
        self._clock = clock
        self._wake = threading.Event()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="cell-job")
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)
        self._rows: dict[str, Environment] = {}
        """Of the last look."""
        self._busy: dict[str, Future[None]] = {}
        self._starts: dict[str, dict[str, Starts]] = {}
        self._not_before: dict[str, float] = {}
        self._keys_seen: dict[str, float] = {}

    def start(self) -> None:
        self._thread.start()
        self._follower.start()

    def wake(self) -> None:
        """Look now: a row has changed."""
        self._wake.set()

    def stop(self, timeout: float) -> None:
        """Begin nothing more and wait for what is under way. Cells go on running.

        A job that is not done in time is left behind: it starts no process any more, however late it wakes.
        """
        self._jobs.stopping.set()
        self._wake.set()
        self._gate.close()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._pool.shutdown(wait=False, cancel_futures=True)
        wait(self._busy.values(), timeout)

    def tick(self) -> list[Action]:
        """One look and what was begun because of it."""
        with self._jobs.database.read() as connection:
            rows = {row.name: row for row in environments.list_all(connection)}
        now = self._clock()
        self._remove_deleted(rows)
        self._forget_others(rows)
        actions = plan(rows.values(), {name: self._look(row, now) for name, row in rows.items()}, now)
        for action in actions:
            self._begin(action, rows[action.name], now)
        return actions

    def _run(self) -> None:
        while not self._jobs.stopping.is_set():
            self._wake.clear()
            try:
                self.tick()
            except Exception:
                log.exception("the reconciler's look failed; it looks again in a moment")
            self._wake.wait(_PERIOD)

    def _look(self, row: Environment, now: float) -> Cell:
        name = row.name
        resting = now < self._not_before.get(name, 0.0)
        observed = self._jobs.provisioner.observe(name)
        starts = self._starts[name] = forgive(self._starts.get(name, {}), observed, now)
        stale, needs_keys = self._follower.is_stale(name), self._needs_keys(row, now)
        return Cell(observed, self._is_busy(name) or resting, starts, stale, needs_keys)

    def _is_busy(self, name: str) -> bool:
        under_way = self._busy.get(name)
        return under_way is not None and not under_way.done()

    def _remove_deleted(self, rows: Mapping[str, Environment]) -> None:
        """Cells of rows that were there at the last look, and that another control plane has deleted since."""
        for row in [row for name, row in self._rows.items() if name not in rows]:
            if not self._is_busy(row.name) and self._jobs.provisioner.observe(row.name).exists:
                self._begin(Action(Verb.FORGET, row.name), row, 0.0)
            elif not self._is_busy(row.name):
                del self._rows[row.name]
        self._rows.update(rows)

    def _forget_others(self, names: Collection[str]) -> None:
        """What is remembered of environments that are gone: a name that is made again begins anew."""
        for memory in (self._starts, self._not_before, self._keys_seen):
            for name in memory.keys() - names:
                memory.pop(name, None)
        for name in self._busy.keys() - names:
            if self._busy[name].done():
                del self._busy[name]

    def _needs_keys(self, row: Environment, now: float) -> bool:
        """Looked up once in a while, as keys last for days; and again at once while it is so, until they are new."""
        if row.status not in (*SERVING, Status.UNAVAILABLE) or row.is_paused:
            return False
        if now < self._keys_seen.get(row.name, 0.0) + _KEYS_PERIOD:
            return False
        needs = self._jobs.needs_keys(row)
        if not needs:
            self._keys_seen[row.name] = now
        return needs

    def _begin(self, action: Action, row: Environment, now: float) -> None:
        if action.verb is Verb.START:
            starts = self._starts.setdefault(row.name, {})
            starts.update({role: count_start(starts.get(role, Starts()), now) for role in action.roles})
        if action.verb is Verb.REFRESH:
            self._follower.taken(row.name)
        job = self._pool.submit(self._work, action, row)
        self._busy[row.name] = job
        job.add_done_callback(lambda _: self._wake.set())

    def _work(self, action: Action, row: Environment) -> None:
        """Run the job. One that fails rests a moment, then the plan asks for it again."""
        try:
            self._do(action, row)
        except Interrupted:
            return
        except Exception:
            log.exception("job failed", extra={"environment": row.name, "action": action.verb.value})
            self._not_before[row.name] = self._clock() + _RETRY_SECONDS

    def _do(self, action: Action, row: Environment) -> None:
        if action.verb is Verb.START:
            self._jobs.start(row, action.roles)
            return
        _WORK[action.verb](self._jobs, row)


_WORK: Mapping[Verb, Callable[[Jobs, Environment], None]] = {
    Verb.CREATE: create,
    Verb.DELETE: Jobs.delete,
    Verb.FORGET: Jobs.forget,
    Verb.STOP: Jobs.stop,
    Verb.UPDATE: update.update,
    Verb.ROLL_BACK: update.roll_back,
    Verb.RECOVER: update.recover,
    Verb.REFRESH: refresh,
    Verb.PAUSE: pause,
    Verb.RENEW: Jobs.renew_keys,
}
