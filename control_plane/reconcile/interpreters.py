"""The interpreters of environments: one that all share, and one for each set of requirements.

They lie in the home by what they hold, so environments that ask for the same share one, and so does the next
environment of that name.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from control_plane.reconcile.builders import Builder, Here
from control_plane.reconcile.cell import Roots, process_env
from sync.venv import VenvError

_CHECK = """
from importlib import import_module
from airflow._task.preload import NEEDED
for name in NEEDED:
    import_module(name)
"""


class BrokenBase(RuntimeError):
    """The interpreter that every environment needs cannot be built; the text ends with the installer's own words."""


class Interpreters:
    """Builds what is missing. Safe to use from several threads."""

    def __init__(self, venvs: Path, roots: Roots, builder: Builder | None = None) -> None:
        """`roots`: where our code lies for whoever builds, which is us unless another builder is given."""
        self._venvs = venvs
        self._roots = roots
        self._builder = builder or Here()
        self._pinned = roots.code / "runner" / "sdk" / "requirements.lock"
        self._guard = threading.Lock()
        self._known: Path | None = None
        self._checked: set[Path] = set()

    def find_base(self) -> str:
        """The path of the one without requirements. Raises BrokenBase."""
        with self._guard:
            if self._known is None or not self._known.is_symlink():
                try:
                    self._known = self._builder.build_base(self._venvs, self._pinned)
                except VenvError as error:
                    raise BrokenBase(str(error)) from None
            return str(self._known)

    def find(self, wanted: str, progress: Callable[[str], None], cancelled: Callable[[], bool]) -> str:
        """The path of the one with a requirements.txt of that text: built, and able to run our part of a task.

        Raises BrokenBase, VenvError with the installer's own words, VenvCancelled.
        """
        self.find_base()
        python = self._builder.build(self._venvs, self._pinned, wanted, progress, cancelled)
        if python not in self._checked:
            progress("checking the environment's interpreter")
            self._check(python)
            self._checked.add(python)
        return str(python)

    def prepare(self, say: Callable[[str], None]) -> None:
        """Build the base, telling people how it goes; a failure is told again by the first create."""
        began = time.monotonic()
        if not any(self._venvs.glob("[!.]*/pyvenv.cfg")):
            say("building the environments' interpreter (this once; a create waits for it)")
        try:
            self.find_base()
        except BrokenBase as error:
            say(f"the environments' interpreter was not built; the next create tries again: {error}")
            return
        if (seconds := time.monotonic() - began) > 1:
            say(f"built the environments' interpreter in {seconds:.0f} s")

    def _check(self, python: Path) -> None:
        """Requirements may replace what we use ourselves with a release that we cannot use."""
        surroundings = {**process_env(self._roots, os.environ), "PYTHONPATH": str(self._roots.sdk)}
        words = self._builder.check(python, _CHECK, surroundings)
        if words is not None:
            raise VenvError(
                f"cannot run tasks beside these requirements, which replace a package that they need: {words}"
            )
