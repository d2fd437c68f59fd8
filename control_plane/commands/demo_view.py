"""How the demo looks: a live table on a terminal, one line a change anywhere else."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from control_plane.commands.demo_client import TaskView

_COLOURS = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "red",
    "running": "bright_cyan",
    "queued": "blue",
    "scheduled": "blue",
    "up_for_retry": "yellow",
    "skipped": "magenta",
}
_LEVELS = {"error": "red", "critical": "red", "warning": "yellow", "debug": "dim"}


class Stage:
    """Prints the demo, every step with the seconds since the start."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self._began = time.monotonic()

    @property
    def is_live(self) -> bool:
        return self.console.is_terminal

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def title(self, text: str) -> None:
        self.console.print(f"[bold]{escape(text)}[/bold]")

    def step(self, text: str, note: str = "") -> None:
        """One thing that was done."""
        rest = f"  [dim]{escape(note)}[/dim]" if note else ""
        self.console.print(f"[dim]{self.elapsed:6.1f} s[/dim]  {escape(text)}{rest}")

    def line(self, text: str = "", style: str = "") -> None:
        self.console.print(escape(text), style=style or None)


class Board:
    """The states of tasks while they change."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._known: dict[tuple[str, str], str] = {}
        self._live = Live(console=stage.console, refresh_per_second=15) if stage.is_live else None

    def __enter__(self) -> Board:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, tasks: Sequence[TaskView]) -> None:
        if self._live:
            self._live.update(_table(tasks))
            return
        for task in tasks:
            key = (task.dag_id, task.task_id)
            if self._known.get(key, "none") != task.state:
                self._stage.step(f"{task.dag_id:<18} {task.task_id:<18} {_words(task)}")
            self._known[key] = task.state


def _table(tasks: Sequence[TaskView]) -> Table:
    table = Table(box=None, pad_edge=True, padding=(0, 2), header_style="dim")
    for title in ("DAG", "task", "state", "try"):
        table.add_column(title)
    table.add_column("took", justify="right")
    last = ""
    for task in tasks:
        colour = _COLOURS.get(task.state, "dim")
        took = f"{task.seconds * 1000:.0f} ms" if task.seconds is not None else ""
        name = task.dag_id if task.dag_id != last else ""
        table.add_row(name, task.task_id, f"[{colour}]{task.state}[/]", str(task.try_number or ""), took)
        last = task.dag_id
    return table


def _words(task: TaskView) -> str:
    took = f" ({task.seconds * 1000:.0f} ms)" if task.seconds is not None else ""
    return task.state + took + (f" try {task.try_number}" if task.try_number > 1 else "")


def log_lines(text: str, count: int) -> list[tuple[str, str]]:
    """The last lines of a structured log, each as plain text and its colour."""
    return [_log_line(line) for line in text.strip().splitlines()[-count:]]


def _log_line(line: str) -> tuple[str, str]:
    try:
        entry = json.loads(line)
        level = str(entry["level"])
        return f"{str(entry['timestamp'])[11:23]} {level:<8} {entry['event']}", _LEVELS.get(level, "")
    except (ValueError, KeyError, TypeError):
        return line, ""
