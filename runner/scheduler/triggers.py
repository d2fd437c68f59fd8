"""Which agent runs which trigger: handed over once committed, and again when an agent comes
back without it.

Two kinds: those of deferred tasks, which are the frontier's to know (`waiting`), and standing ones, whose ids begin
with "watcher:", which belong to no task and go on for ever; whoever keeps those says which there are to be (`keep`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.scheduler.changes import Changes
from runner.scheduler.elsewhere import HasBundle

log = logging.getLogger(__name__)
STANDING = "watcher:"
_CHUNK = 500
Send = Callable[[int, Message], None]


class Triggers:
    """Trigger -> the link that has it. `describe` makes the message that starts one of a task's by its token."""

    def __init__(
        self,
        send: Send,
        describe: Callable[[str], Message],
        list_waiting: Callable[[], Collection[str]],
        has_bundle: HasBundle,
    ) -> None:
        self._send, self._describe, self._list_waiting = send, describe, list_waiting
        self._has_bundle = has_bundle
        self._links: dict[str, int] = {}
        self._standing: dict[str, Message] = {}

    def is_standing(self, id: str) -> bool:
        """Whether it is a standing trigger that is wanted."""
        return id in self._standing

    def keep(self, wanted: Iterable[Message], links: Collection[int]) -> None:
        """From now on these are the standing triggers; one that is there already goes on."""
        before, self._standing = self._standing, {start["id"]: start for start in wanted}
        self.cancel(before.keys() - self._standing.keys())
        self.hand_over(self._standing.keys() - self._links.keys(), links)

    def follow(self, changes: Changes, links: Mapping[int, str]) -> None:
        """A turn is committed: acknowledge events, let go of what nobody waits for, start what tasks wait for."""
        for link, ids in changes.event_acks.items():
            for id in ids:
                self._links.pop(id, None)
            self._send(link, messages.trigger_ack(ids))
        self.cancel(changes.cancels)
        if changes.has_reloaded:
            self._cancel_unwanted()
        for link, held in changes.greeted:
            self._take_up(link, held)
        if changes.has_new_bundles:
            self.hand_over({*self._list_waiting()} - self._links.keys(), links)
        by_agent: dict[str | None, list[str]] = {}
        for task in changes.waits:
            if task.deferral is not None and task.deferral.token in self._list_waiting():
                by_agent.setdefault(task.agent, []).append(task.deferral.token)
        for agent, ids in by_agent.items():
            own = next((link for link, name in links.items() if name == agent), None)
            self.hand_over([id for id in ids if id not in self._links], links, own)

    def hand_over(self, ids: Iterable[str], links: Collection[int], preferred: int | None = None) -> None:
        """Have triggers run by the preferred link, or any; while there is none they wait for `take_up`.

        Those whose snapshot is not on this machine wait for it.
        """
        link = preferred if preferred in links else next(iter(links), None)
        if link is None:
            return
        is_here, todo = cache(self._has_bundle), list(ids)
        for begin in range(0, len(todo), _CHUNK):
            starts = [self._start(id) for id in todo[begin : begin + _CHUNK]]
            some = [start for start in starts if is_here(start["bundle"])]
            self._links.update((start["id"], link) for start in some)
            if some:
                self._send(link, messages.triggers(some, []))

    def cancel(self, ids: Iterable[str], by_user: bool = False) -> None:
        """Have them let go of. `by_user`: a user ended their tasks."""
        orders: dict[int, list[str]] = {}
        for id in ids:
            link = self._links.pop(id, None)
            if link is not None:
                orders.setdefault(link, []).append(id)
        for link, some in orders.items():
            self._send(link, messages.triggers([], some, some if by_user else []))

    def _cancel_unwanted(self) -> None:
        """Runs were read again: what they do not wait for any more was ended by a user."""
        self.cancel(self._links.keys() - self._list_waiting() - self._standing.keys(), by_user=True)

    def _take_up(self, link: int, held: Iterable[str]) -> None:
        """An agent has said hello and has these: it gets what nobody runs, and lets go of what others do."""
        wanted = {*self._list_waiting(), *self._standing}
        unwanted = []
        for id in held:
            if id in wanted and self._links.setdefault(id, link) == link:
                continue
            unwanted.append(id)
        if unwanted:
            self._send(link, messages.triggers([], unwanted))
        self.hand_over(wanted - self._links.keys(), [link])

    def let_go(self, link: int, links: Collection[int]) -> None:
        """A link is gone: what it ran goes to another, if there is one."""
        lost = [id for id, holder in self._links.items() if holder == link]
        for id in lost:
            del self._links[id]
        wanted = {*self._list_waiting(), *self._standing}
        self.hand_over([id for id in lost if id in wanted], links)

    def _start(self, id: str) -> Message:
        return self._standing[id] if id in self._standing else self._describe(id)
