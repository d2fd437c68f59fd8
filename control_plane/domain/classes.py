"""What there is to choose from: Airflow versions and environment classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MWAA_VERSIONS = (
    *("3.3.1", "3.2.1", "3.0.6", "2.11.2", "2.11.0", "2.10.3", "2.10.1", "2.9.2", "2.8.1", "2.7.2"),
    *("2.6.3", "2.5.1", "2.4.3", "2.2.2", "2.0.2", "1.10.12"),
)
"""Every version MWAA has offered, newest first; it has retired those of the second row, we have not."""

_NEWEST_PATCH = {
    "2.0": 2, "2.1": 4, "2.2": 5, "2.3": 4, "2.4": 3, "2.5": 3, "2.6": 3, "2.7": 3, "2.8": 4, "2.9": 3,
    "2.10": 5, "2.11": 2, "3.0": 6, "3.2": 1, "3.3": 2,
}  # fmt: skip

VERSIONS = frozenset(
    [f"{minor}.{patch}" for minor, newest in _NEWEST_PATCH.items() for patch in range(newest + 1)]
) | {*MWAA_VERSIONS, "1.10.15"}
"""Versions an environment may name: they select behaviour, the engine is the same."""

DEFAULT_VERSION = MWAA_VERSIONS[0]
"""What AWS gives: the newest it offers."""


GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class EnvironmentClass:
    """The size of an environment's processes."""

    tasks_per_worker: int
    worker_cpus: float
    worker_memory: int
    """Bytes, for all tasks of one worker: no task can have more."""
    engine_cpus: float
    """MWAA's scheduler and web server together, which the engine is both of."""
    engine_memory: int
    schedulers: int = 2
    min_workers: int = 1
    max_workers: int = 10
    webservers: int = 2
    fixed: bool = False
    """One of each, no scaling."""

    def range_of(self, count: str) -> tuple[int, int]:
        """The least and the most of a count that one may ask for."""
        return (1, 1) if self.fixed else _RANGES[count]


_RANGES = {
    "MinWorkers": (1, 50),
    "MaxWorkers": (1, 50),
    "MinWebservers": (2, 5),
    "MaxWebservers": (2, 5),
    "Schedulers": (2, 5),
}
"""Of classes that scale. Workers: AWS gives 25, and 50 when asked; one number less to ask for."""


CLASSES: Mapping[str, EnvironmentClass] = {
    "mw1.micro": EnvironmentClass(
        3, 1, 3 * GIB, 2, 6 * GIB, schedulers=1, max_workers=1, webservers=1, fixed=True
    ),
    "mw1.small": EnvironmentClass(5, 1, 2 * GIB, 2, 4 * GIB),
    "mw1.medium": EnvironmentClass(10, 2, 4 * GIB, 3, 6 * GIB),
    "mw1.large": EnvironmentClass(20, 4, 8 * GIB, 6, 12 * GIB),
    "mw1.xlarge": EnvironmentClass(40, 8, 24 * GIB, 12, 36 * GIB),
    "mw1.2xlarge": EnvironmentClass(80, 16, 48 * GIB, 24, 72 * GIB),
}

DEFAULT_CLASS = "mw1.small"


def version_key(version: str) -> tuple[int, ...]:
    """For sorting: numbers, not text."""
    return tuple(int(part) for part in version.split("."))
