"""The machine and the processes on it, out of /proc: facts, CPU seconds and memory of a process tree."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, object]:
    """What a reader must know beside every figure."""
    cpu = [
        line.split(":", 1)[1].strip() for line in _lines(PROC / "cpuinfo") if line.startswith("model name")
    ]
    memory = next(int(line.split()[1]) for line in _lines(PROC / "meminfo") if line.startswith("MemTotal"))
    return {
        "cores": os.cpu_count(),
        "cpu": cpu[0] if cpu else platform.machine(),
        "memory_gib": round(memory / 2**20, 1),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "load": os.getloadavg(),
        "steal_s": int(_lines(PROC / "stat")[0].split()[8]) / TICK,
    }


def tree(root: int | None = None) -> list[int]:
    """The living descendants of a process (ours by default), itself not included."""
    found, table = [root or os.getpid()], _processes()
    children: dict[int, list[int]] = {}
    for pid, (parent, state, _) in table.items():
        if state != "Z":
            children.setdefault(parent, []).append(pid)
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def cpu_seconds() -> float:
    """CPU time of all our descendants, those ended and collected included."""
    table = _processes()
    times = os.times()
    return times.children_user + times.children_system + sum(table[p][2] for p in tree() if p in table)


def cpu_of(pid: int) -> float:
    """CPU seconds of one process and the children it has collected; 0 when it is gone."""
    return _processes().get(pid, (0, "", 0.0))[2]


def pss_mib(pid: int) -> float:
    """Proportional set size, page tables included, of one process in MiB; 0 when it is gone."""
    total = 0
    try:
        for line in _lines(PROC / str(pid) / "smaps_rollup"):
            total += int(line.split()[1]) if line.startswith("Pss:") else 0
        for line in _lines(PROC / str(pid) / "status"):
            total += int(line.split()[1]) if line.startswith("VmPTE:") else 0
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0.0
    return total / 1024


def command(pid: int) -> str:
    """The title a process shows in ps; '' when it is gone."""
    try:
        return (
            (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        )
    except (FileNotFoundError, ProcessLookupError):
        return ""


def wait_until_idle(share: float = 0.8, deadline: float = 60.0) -> float:
    """Wait for two seconds in which the CPUs were idle enough; the idle share seen last."""
    end = time.monotonic() + deadline
    while True:
        before = _jiffies()
        time.sleep(2)
        after = _jiffies()
        idle = (after[1] - before[1]) / max(1, after[0] - before[0])
        if idle >= share or time.monotonic() > end:
            return idle


@dataclass(slots=True)
class PeakMemory:
    """Samples the tree's PSS while a block runs. Sampling costs CPU: for runs whose time is not told."""

    interval: float = 0.5
    mib: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> PeakMemory:
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._look()  # a short block ends before the first sample
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(self.interval):
            self._look()

    def _look(self) -> None:
        self.mib = max(self.mib, sum(pss_mib(pid) for pid in tree()))


def _processes() -> dict[int, tuple[int, str, float]]:
    """pid -> (parent, state, CPU seconds with collected children)."""
    table = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            table[int(entry.name)] = (int(fields[1]), fields[0], sum(map(int, fields[11:15])) / TICK)
    return table


def _jiffies() -> tuple[int, int]:
    numbers = [int(n) for n in _lines(PROC / "stat")[0].split()[1:9]]
    return sum(numbers), numbers[3] + numbers[4]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
