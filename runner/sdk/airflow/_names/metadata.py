"""`importlib.metadata` finds apache-airflow, which is not installed: its place is taken by this package."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, DistributionFinder
from typing import Any

from airflow.version import version_for_caller

SERVED = ("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk")


class ServedDistribution(Distribution):
    """A distribution with a name and a version, and no files."""

    def __init__(self, name: str) -> None:
        self._served = name

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        return f"Metadata-Version: 2.1\nName: {self._served}\nVersion: {version_for_caller()}\n"

    def locate_file(self, path: Any) -> Any:
        from pathlib import Path

        return Path(__file__).parent.parent.parent / path


def list_distributions(context: DistributionFinder.Context) -> Iterator[Distribution]:
    """Those of ours that are asked for; all of them when everything is."""
    wanted = None if context.name is None else context.name.lower().replace("_", "-").replace(".", "-")
    return (ServedDistribution(name) for name in SERVED if wanted in (None, name))
