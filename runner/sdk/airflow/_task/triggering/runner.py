"""Runs triggers in one event loop: each is a task that ends with one event, or with what went wrong."""

from __future__ import annotations

import asyncio
import itertools
import logging
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from airflow._task.tracebacks import clean
from airflow._task.triggering.classes import Classes
from airflow._task.triggering.comms import running
from airflow._wire import messages
from airflow._wire.frames import FrameError, Message
from airflow.models.xcom import from_plain, to_plain
from airflow.triggers.base import BaseTaskEndEvent, TriggerEvent

log = logging.getLogger("airflow.triggers")
STANDING = "watcher:"
KILL_LIMIT = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
_FATAL = (Exception, SystemExit, KeyboardInterrupt)


class Runner:
    """The triggers of this process, by id. All methods belong to the loop's thread."""

    def __init__(self, classes: Classes, send: Callable[[Message], None]) -> None:
        self._classes, self._send = classes, send
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._killed: set[str] = set()
        self._quiet: set[str] = set()
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._tasks)

    def has_log(self, id: str) -> bool:
        """Whether a task's log takes what the trigger writes."""
        return id not in self._quiet

    def handle(self, message: Message) -> None:
        """`messages.triggers`: start these, cancel those."""
        for id in message["cancel"]:
            task = self._tasks.get(id)
            if task is not None:
                self._killed.update({id}.intersection(message["kill"]))
                task.cancel()
        for start in message["start"]:
            self._start(start)

    async def stop(self, limit: float) -> None:
        """Cancel everything, and wait for their cleaning up."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=limit)

    def _start(self, start: Message) -> None:
        id = start["id"]
        if id in self._tasks:
            return
        if not start.get("log_key"):
            self._quiet.add(id)
        keep = self._keep_running(start) if id.startswith(STANDING) else self._run_once(start)
        self._tasks[id] = asyncio.get_running_loop().create_task(keep, name=start["about"])

    async def _run_once(self, start: Message) -> None:
        """The life of a task's trigger: it has one word, which ends it."""
        id = start["id"]
        running.set(id)
        try:
            self._say(await self._find_event(start))
        except asyncio.CancelledError:
            return
        except _FATAL as error:
            self._say(messages.trigger_event(id, error=_describe(error)))
        finally:
            self._forget(id)

    async def _keep_running(self, start: Message) -> None:
        """The life of a standing trigger: all of its events, and again after a pause when it ends."""
        id, pause = start["id"], FIRST_PAUSE
        running.set(id)
        try:
            while True:
                try:
                    async for event in _Watched(await self._make(start), self._is_killed(id)):
                        self._say(self._describe_event(id, event, f"{next(self._numbers):x}"))
                        pause = FIRST_PAUSE
                except _FATAL as error:
                    number = f"{next(self._numbers):x}"
                    log.error("the trigger failed and is run again in %g s", pause, exc_info=clean(error))
                    self._say(messages.trigger_event(id, error=_describe(error), number=number))
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
        finally:
            self._forget(id)

    async def _find_event(self, start: Message) -> Message:
        log.info("trigger %s starts", start["classpath"])
        async for event in _Watched(await self._make(start), self._is_killed(start["id"])):
            log.info("trigger %s fired: %r", start["classpath"], event)
            return self._describe_event(start["id"], event, "")
        raise RuntimeError("the trigger ended without an event")

    def _is_killed(self, id: str) -> Callable[[], bool]:
        return lambda: id in self._killed

    async def _make(self, start: Message) -> Any:
        """The trigger, as its `serialize` said."""
        cls = self._classes.find(start["classpath"])
        if cls is None:  # its import may take long: the others go on
            cls = await asyncio.to_thread(self._classes.load, start["classpath"], start.get("file") or "")
        trigger = cls(**from_plain(start["kwargs"]))
        trigger.trigger_id = start["id"]
        if start.get("task"):
            trigger.task_instance = SimpleNamespace(**start["task"])
        return trigger

    def _describe_event(self, id: str, event: Any, number: str) -> Message:
        if isinstance(event, BaseTaskEndEvent):
            xcoms = {key: to_plain(value, f"XCom {key}") for key, value in (event.xcoms or {}).items()}
            end = {"state": str(event.task_instance_state), "xcoms": xcoms}
            return messages.trigger_event(id, end=end, number=number)
        if not isinstance(event, TriggerEvent):
            raise TypeError(f"the trigger yielded a {type(event).__name__}, not a TriggerEvent")
        return messages.trigger_event(id, to_plain(event.payload, "the event's payload"), number=number)

    def _say(self, message: Message) -> None:
        try:
            self._send(message)
        except FrameError as error:
            self._send(messages.trigger_event(message["id"], error=str(error), number=message["number"]))

    def _forget(self, id: str) -> None:
        self._tasks.pop(id, None)
        self._killed.discard(id)
        self._quiet.discard(id)


class _Watched:
    """A trigger's events. However the walk ends, the generator is closed and `cleanup` called; `on_kill` before it when
    a user ended the task.
    """

    def __init__(self, trigger: Any, is_killed: Callable[[], bool]) -> None:
        self._trigger, self._is_killed = trigger, is_killed

    async def __aiter__(self) -> Any:
        events = self._trigger.run()
        try:
            async for event in events:
                yield event
        finally:
            await self._clean(events)

    async def _clean(self, events: Any) -> None:
        if self._is_killed():
            await self._kill()
        close = getattr(events, "aclose", None)
        if close is not None:
            with suppress(RuntimeError):
                await close()
        try:
            await self._trigger.cleanup()
        except Exception:
            log.exception("cannot clean up after the trigger: it raised")

    async def _kill(self) -> None:
        try:
            await asyncio.wait_for(self._trigger.on_kill(), KILL_LIMIT)
        except Exception:
            log.exception(
                "cannot finish on_kill of the trigger: it raised, or took longer than %g s", KILL_LIMIT
            )


def _describe(error: BaseException) -> str:
    return "".join(traceback.format_exception(clean(error))).rstrip("\n")
