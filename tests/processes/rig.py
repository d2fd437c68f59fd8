"""The scheduler in a thread over a real socket and a real database, with an agent that has no processes."""

from __future__ import annotations

import threading
from typing import Any

from runner.events import RunCreated
from runner.scheduler.loop import Scheduler
from runner.scheduler.questions import AttemptInfo
from tests.processes.cells import Cell
from tests.processes.fake_agent import FakeAgent


class Rig:
    """A cell whose scheduler runs in a thread, and a fake agent."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.asked: list[tuple[AttemptInfo, str]] = []
        self.elsewhere: set[str] = set()
        """Snapshots that are not on this machine."""
        self.scheduler = Scheduler(
            cell.db, cell.spec, cell.layout.engine_socket, self.answer, has_bundle=self.has_bundle
        )
        self.thread = threading.Thread(target=self.scheduler.run, name="scheduler")
        self.agent = FakeAgent(cell.layout.engine_socket)
        self.thread.start()

    def answer(self, info: AttemptInfo, method: str, params: dict[str, Any]) -> Any:
        self.asked.append((info, method))
        if params.get("bad"):
            raise ValueError("cannot do that")
        return {"found": True}

    def has_bundle(self, digest: str) -> bool:
        return digest not in self.elsewhere

    def connect(self) -> FakeAgent:
        self.agent.connect()
        self.agent.serve(lambda: self.agent.epochs)
        return self.agent

    def trigger(self, dag_id: str, run_id: str = "r1") -> int:
        key = self.cell.trigger(dag_id, run_id)
        self.scheduler.post(RunCreated(key))
        return key

    def finish(self, key: int, state: str = "success") -> None:
        """Serve until the run is over and all is acknowledged."""
        self.agent.serve(lambda: not self.agent.held and self.cell.run_state(key) == state)

    def close(self) -> None:
        self.scheduler.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.agent.close()
