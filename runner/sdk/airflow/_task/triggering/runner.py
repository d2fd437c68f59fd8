"""Runs triggers in one event loop: each is a task that ends with one event, or with what went wrong."""

from __future__ import annotations

import asyncio
import logging
import os
import traceback
from collections.abc import Callable
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
_FATAL = (Exception, SystemExit, KeyboardInterrupt, BaseExceptionGroup)


class Runner:
    """The triggers of this process, by id. All methods belong to the loop's thread."""

    def __init__(self, classes: Classes, send: Callable[[Message], None]) -> None:
        self._classes, self._send = classes, send
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cancelled: dict[str, bool] = {}
        """Those that are told to end; True: by a user."""
        self._quiet: set[str] = set()
        self._count = 0
        self._birth = os.urandom(6).hex()

    def __len__(self) -> int:
        return len(self._tasks)

    def has_log(self, id: str) -> bool:
        """Whether a task's log takes what the trigger writes."""
        return id in self._tasks and id not in self._quiet

    def handle(self, message: Message) -> None:
        """`messages.triggers`: start these, cancel those."""
        for id in message["cancel"]:
            self._cancel(id, id in message["kill"])
        for start in message["start"]:
            self._start(start)

    async def stop(self, limit: float) -> None:
        """Cancel everything, and wait for their cleaning up."""
        tasks = list(self._tasks.values())
        for id in list(self._tasks):
            self._cancel(id, False)
        if tasks:
            await asyncio.wait(tasks, timeout=limit)

    def _cancel(self, id: str, by_user: bool) -> None:
        task = self._tasks.get(id)
        if task is not None:
            self._cancelled[id] = by_user
            task.cancel()

    def _start(self, start: Message) -> None:
        id = start["id"]
        if id in self._tasks:
            return
        if not start.get("log_key"):
            self._quiet.add(id)
        keep = self._keep_running(start) if id.startswith(STANDING) else self._run_once(start)
        self._tasks[id] = asyncio.get_running_loop().create_task(keep, name=f"{start['about']} {id}")

    async def _run_once(self, start: Message) -> None:
        """The life of a task's trigger: it has one word, which ends it."""
        id = start["id"]
        running.set(id)
        try:
            await self._fire(start)
        except (asyncio.CancelledError, *_FATAL) as error:
            if id not in self._cancelled:
                self._say(messages.trigger_event(id, error=_describe(error)))
        finally:
            self._forget(id)

    async def _fire(self, start: Message) -> None:
        """Say the first event at once, then clean up."""
        log.info("trigger %s starts", start["classpath"])
        trigger = await self._make(start)
        events = trigger.run()
        try:
            async for event in events:
                log.info("trigger %s fired: %r", start["classpath"], event)
                self._say(self._describe_event(start["id"], event, ""))
                return
        finally:
            await self._clean(start["id"], trigger, events)
        raise RuntimeError(
            f"the trigger ended without an event: {start['classpath']}.run() must yield a TriggerEvent"
        )

    async def _keep_running(self, start: Message) -> None:
        """The life of a standing trigger: all of its events, and again after a pause when it ends."""
        id, pause = start["id"], FIRST_PAUSE
        running.set(id)
        try:
            while id not in self._cancelled:
                began = self._count
                try:
                    await self._pass_on(start)
                except _FATAL as error:
                    log.error("trigger %s failed", start["about"], exc_info=clean(error))
                    self._say(messages.trigger_event(id, error=_describe(error), number=self._number()))
                pause = FIRST_PAUSE if self._count > began + 1 else min(LONGEST_PAUSE, pause * 2)
                await asyncio.sleep(pause)
        finally:
            self._forget(id)

    async def _pass_on(self, start: Message) -> None:
        trigger = await self._make(start)
        events = trigger.run()
        try:
            async for event in events:
                self._say(self._describe_event(start["id"], event, self._number()))
        finally:
            await self._clean(start["id"], trigger, events)

    async def _clean(self, id: str, trigger: Any, events: Any) -> None:
        """However it ended: `on_kill` when a user did it, then the generator's own end, then `cleanup`."""
        if self._cancelled.get(id):
            await _kill(trigger)
        close = getattr(events, "aclose", None)
        try:
            if close is not None:
                await close()
            await trigger.cleanup()
        except Exception:
            log.exception("cannot clean up after the trigger: it raised")

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

    def _number(self) -> str:
        self._count += 1
        return f"{self._birth}-{self._count:x}"  # another process's events are others

    def _say(self, message: Message) -> None:
        try:
            self._send(message)
        except FrameError as error:
            self._send(messages.trigger_event(message["id"], error=str(error), number=message["number"]))

    def _forget(self, id: str) -> None:
        self._tasks.pop(id, None)
        self._cancelled.pop(id, None)
        self._quiet.discard(id)


async def _kill(trigger: Any) -> None:
    try:
        await asyncio.wait_for(trigger.on_kill(), KILL_LIMIT)
    except Exception:
        log.exception("cannot finish on_kill of the trigger: it raised, or took longer than %g s", KILL_LIMIT)


def _describe(error: BaseException) -> str:
    return "".join(traceback.format_exception(clean(error))).rstrip("\n")
