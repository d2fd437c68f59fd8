"""The steps of a local run: what may start, and how far each task gets.

Tasks run one after the other in the order of the graph; retries follow at once, a task that is to be called again later
waits behind the others, and a deferred one waits for its trigger right here.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import Any

from airflow._task import local_rules as rules
from airflow._task.comms import set_current
from airflow._task.execute import execute
from airflow._task.local_comms import Instance, LocalComms
from airflow._wire.workload import Workload
from airflow.models.dagrun import DagRun


@dataclass(frozen=True, slots=True)
class Later:
    """An instance that is to be called again: when, in which try, for the how-manieth time, and since when."""

    due: float
    number: int
    count: int
    since: float


class Steps:
    """One run. `comms.states` is what has ended; `_left` the instances of the tasks that have begun."""

    def __init__(self, dag: Any, comms: LocalComms, mark_success_pattern: Any = None) -> None:
        self.dag, self.comms = dag, comms
        self._marked = re.compile(mark_success_pattern) if mark_success_pattern else None
        self._left: dict[str, list[int]] = {}
        self._skipped: set[Instance] = set()
        self._later: dict[Instance, Later] = {}
        self._ended: dict[str, dict[int, str]] = {}
        self._groups: dict[str, int] = {}

    def run(self) -> str:
        """Every task to its end; the state of the run."""
        waiting = list(self.dag.topological_sort())
        while waiting:
            left = [task for task in waiting if not (self._is_ready(task) and self._advance(task))]
            if len(left) == len(waiting):
                self._wait()
            waiting = left
        leaves = rules.find_deciding_leaves(self.dag)
        bad = any(state in rules.BAD for task in leaves for state in self._ends(task.task_id, None))
        return "failed" if bad else "success"

    # ---- what may run ---------------------------------------------------------------------------------------

    def _is_ready(self, task: Any) -> bool:
        """Whether all that it waits for is over."""
        if task.trigger_rule == "always" and not task.is_mapped:
            return True
        return all(self._is_over(task_id) for task_id in task.upstream_task_ids | rules.find_scope(task))

    def _is_over(self, task_id: str) -> bool:
        return self._left.get(task_id) == []

    def _advance(self, task: Any) -> bool:
        """Run what can be run of a task; whether that was the last of it."""
        left = self._left.get(task.task_id)
        if left is None:
            left = self._left[task.task_id] = self._expand(task)
        for index in list(left):
            place = (task.task_id, index)
            later = self._later.get(place)
            if (later is None or later.due <= time.time()) and self._finish(task, index):
                left.remove(index)
        return not left

    def _expand(self, task: Any) -> list[int]:
        """The map indexes of a task; none when its end is clear without running."""
        group = task.get_closest_mapped_task_group()
        if not task.is_mapped and group is None:
            return [-1]
        verdict = self._judge_whole(task, group)
        number = self._count(task, group) if verdict == rules.RUN else 0
        if number:
            return list(range(number))
        self._end((task.task_id, -1), rules.SKIP if verdict == rules.RUN else verdict)
        return []

    def _judge_whole(self, task: Any, group: Any) -> str:
        """The verdict on all instances at once: by what is outside of their group, and by what they are made from."""
        sources = (task if task.is_mapped else group).iter_mapped_dependencies()
        whole = {self._ended.get(up.task_id, {}).get(-1) for up in sources}
        if whole & {"failed", "upstream_failed"}:
            return rules.UPSTREAM_FAILED
        if rules.SKIP in whole:
            return rules.SKIP
        inside = {name for name in task.upstream_task_ids if self._is_beside(task, name)}
        expanded = {name for name in inside if -1 not in self._ended.get(name, {})}
        if expanded and str(task.trigger_rule) in rules.EAGER:
            return rules.RUN
        return self._judge(task, None, task.upstream_task_ids - expanded)

    def _count(self, task: Any, group: Any) -> int:
        known = self._groups.get(group.group_id) if group is not None else None
        if known is None:
            known = self._measure(task, task if task.is_mapped else group)
            if group is not None:
                self._groups[group.group_id] = known
        return known

    def _measure(self, task: Any, mapped: Any) -> int:
        return int(mapped.expand_input.count({"ti": self._observer(task)}))

    def _judge(self, task: Any, index: int | None, upstream: set[str]) -> str:
        ends = [
            (state, self.dag.get_task(name).is_setup)
            for name in sorted(upstream)
            for state in self._ends(name, index if self._is_beside(task, name) else None)
        ]
        setups = [
            state
            for setup in rules.find_setups(task)
            for state in self._ends(setup.task_id, index if self._is_beside(task, setup.task_id) else None)
        ]
        return rules.judge(str(task.trigger_rule), ends, setups)

    def _ends(self, task_id: str, index: int | None) -> list[str]:
        """How a task ended: all its instances, or that of one index (or what stands for all)."""
        ended = self._ended.get(task_id, {})
        if index is None:
            return list(ended.values())
        return [ended[at] for at in (index, -1) if at in ended]

    def _is_beside(self, task: Any, task_id: str) -> bool:
        """Whether two tasks are in the same mapped group, so that they meet index by index."""
        group = task.get_closest_mapped_task_group()
        return group is not None and self.dag.get_task(task_id).get_closest_mapped_task_group() is group

    # ---- running --------------------------------------------------------------------------------------------

    def _finish(self, task: Any, index: int) -> bool:
        """Bring one instance to its end; False when it is to be called again later."""
        place = (task.task_id, index)
        verdict = self._judge(task, index, task.upstream_task_ids) if place not in self._later else rules.RUN
        if place in self._skipped or (task.task_id, -1) in self._skipped:
            verdict = rules.SKIP
        if verdict == rules.RUN and self._marked is not None and self._marked.fullmatch(task.task_id):
            verdict = "success"
        state = self._try(task, index) if verdict == rules.RUN else verdict
        if state is None:
            return False
        self._end(place, state)
        if state == "failed" and self.dag.fail_fast:
            self._skipped |= {(other.task_id, -1) for other in self.dag.tasks if not other.is_teardown}
        return True

    def _end(self, place: Instance, state: str) -> None:
        self.comms.states[place] = state
        self._ended.setdefault(place[0], {})[place[1]] = state
        self._later.pop(place, None)

    def _try(self, task: Any, index: int) -> str | None:
        """Attempts until one is the last; None for a task that asked to be called again."""
        place, now = (task.task_id, index), time.time()
        later = self._later.get(place) or Later(0.0, 1, 0, now)
        tries = int(task.retries) + 1
        for number in range(later.number, tries + 1):
            count, since = (later.count, later.since) if number == later.number else (0, now)
            extra = {"first_start": since, "reschedules": count} if count else {}
            word = self._attempt(task, index, number, tries, extra)
            if word["state"] == "up_for_reschedule":
                self._later[place] = Later(float(word.get("until") or 0.0), number, count + 1, since)
                return None
            if word["state"] != "failed" or not word.get("retry", True):
                break
        self._note_skips(task, index, word["details"].get("skip", ()))
        return str(word["state"])

    def _attempt(
        self, task: Any, index: int, number: int, tries: int, extra: dict[str, Any]
    ) -> dict[str, Any]:
        """One attempt with its deferrals."""
        self.comms.place = (task.task_id, index)
        workload = Workload(
            "local", self.dag.dag_id, self.comms.run_id, task.task_id, number, tries, "local",
            self.dag.fileloc, self.comms.facts, map_index=index, extra=extra,
        )  # fmt: skip
        word = self._execute(workload)
        if word["state"] == "deferred":
            from airflow._task.inline import go_on

            word = go_on(word, workload, self._execute)
        if word["state"] == "success":
            self.comms.keep(word["xcoms"])
        return word

    def _execute(self, workload: Workload) -> dict[str, Any]:
        return execute(workload, {self.dag.dag_id: self.dag}, self.comms, {"log_here": True})

    def _note_skips(self, task: Any, index: int, task_ids: Any) -> None:
        """What a task skips: in its own mapped group that of its index, elsewhere all."""
        for task_id in task_ids:
            self._skipped.add((task_id, index if self._is_beside(task, task_id) else -1))

    def _wait(self) -> None:
        """Until the first of those that are to be called again is due."""
        if not self._later:
            raise RuntimeError(f"cannot go on with {self.dag.dag_id!r}: nothing that is left can start")
        threading.Event().wait(max(0.0, min(later.due for later in self._later.values()) - time.time()))

    # ---- the run as a whole ---------------------------------------------------------------------------------

    def _observer(self, task: Any) -> Any:
        """A task instance that counts: it belongs to the run and is no instance of anything."""
        from airflow.models.taskinstance import TaskInstance

        place = Workload(
            "local", self.dag.dag_id, self.comms.run_id, task.task_id, 0, 0, "local", "", self.comms.facts
        )
        set_current(self.comms)
        return TaskInstance(
            place, task, DagRun(self.dag.dag_id, self.comms.run_id, self.comms.facts), self.comms
        )

    def call_back(self, state: str) -> None:
        """The DAG's on_success_callback or on_failure_callback."""
        from airflow._task.callbacks import run_callbacks
        from airflow._task.context import build

        name = "on_failure_callback" if state == "failed" else "on_success_callback"
        callbacks = getattr(self.dag, name)
        if not callbacks or not self.dag.tasks:
            return
        task = rules.find_deciding_leaves(self.dag)[-1]
        context = build(self._observer(task), task, self.dag)
        context["reason"] = "task_failure" if state == "failed" else "success"
        run_callbacks(callbacks, context, name)
