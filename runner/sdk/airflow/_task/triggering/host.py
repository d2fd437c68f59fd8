"""The triggerer's process: its loop, the thread that reads what the agent says, and its end.

It lives as long as the agent's end of the socket: when that closes, or on SIGTERM, triggers are cancelled and clean up.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import Any, NoReturn

from airflow._task import comms as comms_module
from airflow._task import fork
from airflow._task.child import enter_bundle
from airflow._task.triggering.classes import Classes
from airflow._task.triggering.comms import TriggerComms
from airflow._task.triggering.outlet import Outlet, TriggerLog
from airflow._task.triggering.runner import Runner
from airflow._task.triggering.watchdog import Watchdog
from airflow._wire import messages
from airflow._wire.frames import Channel, Message
from airflow.configuration import GENERATION_VARIABLE, conf

ALIVE_SECONDS = 5.0
STOP_LIMIT = 5.0


def run_triggerer(sock: socket.socket, parent: int, environment: str) -> NoReturn:
    """Be a triggerer until the agent closes the socket."""
    fork.die_with(parent)
    fork.offer_to_oom_killer(200)
    fork.reset_signals()
    fork.show_title("aerodrome", "triggerer", environment)
    channel = Channel(sock)
    received = channel.receive()
    if received is None:
        os._exit(0)
    first = received[0]
    bundle_path = first["bundle_path"]
    if bundle_path is not None:
        fork.show_title("aerodrome", "triggerer", environment, os.path.basename(bundle_path)[:12])  # noqa: PTH119
        enter_bundle(bundle_path)
    os.environ[GENERATION_VARIABLE] = first["settings"]["airflow_version"]
    asyncio.run(Host(channel, bundle_path, first["settings"]).run())
    sys.stdout.flush()
    os._exit(0)  # whatever threads triggers left behind


class Host:
    """One process of triggers."""

    def __init__(self, channel: Channel, bundle_path: str | None, settings: Message) -> None:
        self._channel = channel
        self._outlet = Outlet(channel.sock)
        self._comms = TriggerComms(self._outlet.send)
        self._runner = Runner(Classes(bundle_path), self._outlet.send)
        comms_module.set_current(self._comms)
        logging.root.handlers[:] = [TriggerLog(self._outlet.send, self._runner.has_log)]
        logging.root.setLevel(settings.get("log_level") or "INFO")
        logging.captureWarnings(True)

    async def run(self) -> None:
        """Turn until the agent hangs up."""
        loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, self._over.set)
        threading.Thread(target=self._read, args=(loop,), name="inlet", daemon=True).start()
        watchdog = Watchdog(
            loop, conf.getfloat("triggerer", "blocked_main_thread_warning_threshold", fallback=0.5)
        )
        watchdog.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000)
        signs = loop.create_task(self._show_life())
        await self._over.wait()
        watchdog.stop()
        signs.cancel()
        self._comms.close()
        await self._runner.stop(STOP_LIMIT)
        self._outlet.close(1.0)

    async def _show_life(self) -> None:
        while True:
            self._outlet.send(messages.alive(time.time(), len(self._runner)))
            await asyncio.sleep(ALIVE_SECONDS)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """What the agent says, in a thread of its own: an answer must arrive even while the loop waits for it."""
        handle: dict[str, Any] = {"triggers": self._runner.handle}
        try:
            received = self._channel.receive()
            while received is not None:
                message = received[0]
                if message["kind"] == "answer":
                    self._comms.resolve(message)
                elif message["kind"] in handle:
                    loop.call_soon_threadsafe(handle[message["kind"]], message)
                received = self._channel.receive()
        except OSError:
            pass  # the agent is gone
        finally:
            self._comms.close()
            loop.call_soon_threadsafe(self._over.set)
