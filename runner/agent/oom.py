"""Whether the kernel killed for want of memory: its counts, of our control group if we have one, else of the machine.

A SIGKILL says nothing of who sent it. Each kill that the kernel has counted since the last look explains one.
"""

from __future__ import annotations

from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_MACHINE = Path("/proc/vmstat")


class OutOfMemory:
    """Counts the kernel's kills in `source`. `explain` is asked once for every process that SIGKILL ended."""

    def __init__(self, source: Path | None = None) -> None:
        self._source = source or _find_own_group(Path("/proc/self/cgroup")) or _MACHINE
        self._explained = self._earlier = self._count()

    def explain(self) -> str | None:
        """Why, in words, when the kernel has killed once more than is explained; else None."""
        if self._count() <= self._explained:
            return None
        self._explained += 1
        limit = _find_limit(self._source)
        most = f"; its limit is {limit / 2**20:.0f} MiB, with all that runs beside it" if limit else ""
        return "out of memory: the kernel killed it" + most

    def forget(self) -> None:
        """Explain nothing by kills from before the last call: those were of processes that tasks had started."""
        self._explained = max(self._explained, self._earlier)
        self._earlier = self._count()

    def _count(self) -> int:
        try:
            text = self._source.read_text(encoding="ascii")
        except OSError:
            return 0  # not Linux: nothing is counted, and nothing explained
        found = (line.split() for line in text.splitlines())
        return next((int(words[1]) for words in found if words[0] == "oom_kill"), 0)


def _find_own_group(listing: Path) -> Path | None:
    """The file that counts the kills of our control group, in the second version or the first."""
    try:
        entries = [line.split(":", 2) for line in listing.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    for _number, kinds, group in entries:
        below, name = ("", "memory.events") if not kinds else (kinds, "memory.oom_control")
        if kinds and "memory" not in kinds.split(","):
            continue
        # A container sees its own group where others see the whole tree.
        for place in (_GROUPS / below / group.lstrip("/"), _GROUPS / below):
            if (place / name).is_file():
                return place / name
    return None


def _find_limit(counts: Path) -> int | None:
    """What the group may have; None when that is all there is."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        try:
            text = (counts.parent / name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        return int(text) if text.isdigit() and int(text) < 1 << 60 else None
    return None
