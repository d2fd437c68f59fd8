"""What a benchmark is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Setup:
    """How often to measure, whether to be quick about it, and a directory of its own."""

    scratch: Path
    runs: int
    quick: bool

    @property
    def patience(self) -> float:
        """How long to wait for an idle machine."""
        return 0.0 if self.quick else 60.0

    def choose(self, full: int, quick: int) -> int:
        """A size: the full one, or the one that only proves that the benchmark works."""
        return quick if self.quick else full
