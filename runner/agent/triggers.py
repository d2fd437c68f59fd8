"""The triggers of this agent: who runs each of them, and what it fired with until the engine has committed that.

A trigger whose class lies in the run's snapshot runs in a process of that snapshot; all others share one. A process
begins with its first trigger and ends when it has had none for a while. Nothing is kept on disk: the engine knows what
it wants, and a trigger that is run again fires again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent import masking
from runner.agent.kit import Kit
from runner.agent.loop import Loop, Timer
from runner.agent.masking import Masker
from runner.agent.trigger_logs import TriggerLogs
from runner.agent.triggerer import Triggerer

IDLE_SECONDS = 120.0
_CHUNK = 500
_DAG_FILE = "dag_file_"  # as airflow._task.load names the modules of DAG files
_SHARED = ""
_STANDING = "watcher:"


@dataclass(slots=True, eq=False)
class Held:
    """One trigger: how it is started, and its word when it has had it."""

    start: Message
    room: str
    event: Message | None = None


@dataclass(slots=True, eq=False)
class Room:
    """One process and the triggers in it. `masker`: what any of them learned is in none of their logs."""

    process: Triggerer
    kit: Kit
    ids: set[str] = field(default_factory=set)
    masker: Masker = field(default_factory=Masker)
    idle: Timer | None = None


class Triggers:
    """All triggers that the engine wants of this agent. `send` hands a message to the engine, or drops it."""

    def __init__(
        self, loop: Loop, kit: Kit, bundle_path: Callable[[str], Path],
        output: Path, logs: TriggerLogs, send: Callable[[Message], None],
    ) -> None:  # fmt: skip
        self._loop, self._kit, self._bundle_path = loop, kit, bundle_path
        self._output, self._logs, self._send = output, logs, send
        self._held: dict[str, Held] = {}
        self._rooms: dict[str, Room] = {}
        self._ended: list[Triggerer] = []
        self._numbered: dict[str, Message] = {}
        """Events of standing triggers that are not acknowledged, by id and number."""
        self._asks: dict[int, tuple[Message, str, int]] = {}
        """Questions without an answer: as they went to the engine, from which room, and their number there."""
        self._numbers = itertools.count(1)

    # ---- the kit that processes are started with

    def use(self, kit: Kit) -> None:
        """Start what begins from now on with another kit. Tasks' triggers end where they are; standing ones, which
        never end, go over at once.
        """
        self._kit = kit
        self._logs.level = kit.level
        standing = [held.start for held in self._held.values() if held.start["id"].startswith(_STANDING)]
        self._cancel([start["id"] for start in standing], set())
        self.handle(messages.triggers(standing, []))
        for key, room in list(self._rooms.items()):
            if not room.ids and room.kit is not kit:
                self._close_room(key)

    def uses(self, kit: Kit) -> bool:
        """Whether a process of this kit is left."""
        processes = [room.process for room in self._rooms.values() if room.kit is kit]
        return bool(processes) or any(process.pid is not None for process in self._ended)

    # ---- what the engine says

    def handle(self, message: Message) -> None:
        """Let go of some, start others that are not here yet."""
        self._cancel(message["cancel"], set(message.get("kill") or ()))
        fresh: dict[str, list[Message]] = {}
        for start in message["start"]:
            if start["id"] not in self._held:
                held = self._held[start["id"]] = Held(start, self._choose_room(start))
                fresh.setdefault(held.room, []).append(start)
        for key, starts in fresh.items():
            room = self._open_room(key)
            room.ids.update(start["id"] for start in starts)
            room.process.send(messages.triggers(starts, []))

    def ack(self, message: Message) -> None:
        """These events are committed."""
        for id in message["ids"]:
            self._numbered.pop(id, None)
            if id in self._held:
                self._forget(id)

    def reply(self, message: Message) -> bool:
        """Give the engine's reply to the trigger that asked; False when none did."""
        if message["attempt"] not in self._held:
            return False
        question, key, number = self._asks.pop(message["id"], (None, "", 0))
        room = self._rooms.get(key)
        if question is not None and room is not None:
            room.masker.add(masking.secrets_in_answer(question, message.get("result")))
            room.process.send(messages.answer(number, message.get("result"), message.get("error")))
        return True

    def list_held(self) -> list[str]:
        """For the hello."""
        return list(self._held)

    def resend(self) -> None:
        """Tell a new connection what its engine may not know."""
        for held in self._held.values():
            if held.event is not None:
                self._send(held.event)
        for event in self._numbered.values():
            self._send(event)
        for question, _key, _number in self._asks.values():
            self._send(question)

    # ---- what a triggerer says

    def _on_message(self, key: str, message: Message) -> None:
        kind, id = message["kind"], message.get("trigger") or message.get("id")
        held = self._held.get(str(id))
        if held is None:
            return  # let go of meanwhile
        if kind == "trigger_log":
            self._logs.write(held.start, message["text"], self._rooms[key].masker)
        elif kind == "trigger_ask":
            self._ask(key, held, message)
        elif kind == "trigger_event" and message["number"]:
            self._numbered[f"{id}#{message['number']}"] = message
            self._send(message)
        elif kind == "trigger_event" and held.event is None:
            held.event = message
            self._logs.close(held.start)
            self._leave_room(held)
            self._send(message)

    def _ask(self, key: str, held: Held, message: Message) -> None:
        method, params = message["method"], message["params"]
        if method == "mask":
            self._rooms[key].masker.add(params["values"])
            self._rooms[key].process.send(messages.answer(message["id"]))
            return
        number = next(self._numbers)
        question = messages.request(held.start["id"], number, method, params)
        self._asks[number] = question, key, message["id"]
        self._send(question)

    def _on_up(self, key: str, process: Triggerer) -> None:
        """A process begins: all triggers of the one before begin again in it."""
        room = self._rooms.get(key)
        if room is None:
            return
        for number in [number for number, ask in self._asks.items() if ask[1] == key]:
            del self._asks[number]
        ids = list(room.ids)
        for begin in range(0, len(ids), _CHUNK):
            starts = [self._held[id].start for id in ids[begin : begin + _CHUNK]]
            process.send(messages.triggers(starts, []))

    # ---- rooms

    def _choose_room(self, start: Message) -> str:
        """The snapshot's process for a class that lies in it, the shared one for what is installed."""
        return f"{self._kit.spec.revision}:{start['bundle'] if self._is_of_bundle(start) else _SHARED}"

    def _is_of_bundle(self, start: Message) -> bool:
        module = str(start["classpath"]).rpartition(".")[0]
        if not start.get("bundle") or not module:
            return False
        place = self._bundle_path(start["bundle"]).joinpath(*module.split("."))
        return module.startswith(_DAG_FILE) or place.with_suffix(".py").is_file() or place.is_dir()

    def _open_room(self, key: str) -> Room:
        room = self._rooms.get(key)
        if room is None:
            kit, bundle = self._kit, _bundle_of(key)
            first = messages.host(str(self._bundle_path(bundle)) if bundle else None, kit.settings)
            process = Triggerer(
                self._loop, kit.scheduler, self._output, first,
                lambda message: self._on_message(key, message), lambda process: self._on_up(key, process),
            )  # fmt: skip
            room = self._rooms[key] = Room(process, kit)
            process.start()
        if room.idle is not None:
            room.idle.cancel()
            room.idle = None
        return room

    def _leave_room(self, held: Held) -> None:
        room = self._rooms.get(held.room)
        if room is None:
            return
        room.ids.discard(held.start["id"])
        if not room.ids and room.idle is None:
            patience = IDLE_SECONDS if room.kit is self._kit else 0.0
            room.idle = self._loop.after(patience, lambda: self._close_room(held.room))

    def _close_room(self, key: str) -> None:
        room = self._rooms.pop(key, None)
        if room is not None:
            room.process.stop()
            self._ended.append(room.process)

    def _cancel(self, ids: list[str], killed: set[str]) -> None:
        orders: dict[str, list[str]] = {}
        for id in ids:
            held = self._held.get(id)
            if held is not None:
                orders.setdefault(held.room, []).append(id)
        for key, some in orders.items():
            room = self._rooms.get(key)
            if room is not None:
                room.process.send(messages.triggers([], some, [id for id in some if id in killed]))
        for id in itertools.chain.from_iterable(orders.values()):
            self._forget(id)

    def _forget(self, id: str) -> None:
        held = self._held.pop(id)
        for number in [number for number, ask in self._asks.items() if ask[0]["attempt"] == id]:
            del self._asks[number]
        self._logs.close(held.start)
        self._leave_room(held)

    # ---- the agent

    def reaped(self, pid: int) -> bool:
        """Whether a process that the agent has reaped was a triggerer."""
        self._ended = [process for process in self._ended if process.pid is not None]
        processes = [*(room.process for room in self._rooms.values()), *self._ended]
        return any(process.reaped(pid) for process in processes)

    def sessions(self) -> set[int]:
        """The sessions whose processes are no strays."""
        processes = [*(room.process for room in self._rooms.values()), *self._ended]
        return {process.pid for process in processes if process.pid is not None}

    def list_processes(self) -> list[Message]:
        """For the heartbeat; one that should be there and is not counts as well."""
        rows: list[Message] = []
        for key, room in self._rooms.items():
            process = room.process
            bundle = _bundle_of(key)
            about = f"{len(room.ids)} triggers" + (f" of {bundle[:12]}" if bundle else "")
            age = "" if room.kit is self._kit else f"-{room.kit.spec.revision}"
            row = {"role": "triggerer", "pid": process.pid or 0, "about": about, "at": process.at}
            rows.append({**row, "since": process.since, "key": (bundle[:12] or "shared") + age})
        return rows

    def stop(self) -> None:
        """The agent ends: so do they."""
        for key in list(self._rooms):
            self._close_room(key)

    @property
    def is_empty(self) -> bool:
        """Whether no process is left."""
        return not self._rooms and all(process.pid is None for process in self._ended)


def _bundle_of(key: str) -> str:
    """The snapshot of a room's key; '' for what is shared."""
    return key.partition(":")[2]
