"""`python -m runner check`: DAG files on a local disk parsed as an environment would, without any service.

The agent's own zygotes, limits and time-outs are used, so a file that hangs, forks without end or ends its process is
one error here too. One JSON line for each file goes to standard output, in the order in which they are done.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import airflow._wire
from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent import kernel
from runner.agent.base import BaseZygote
from runner.agent.importing import ImportQuestions
from runner.agent.interpreter import Interpreter
from runner.agent.loop import Loop
from runner.agent.parsing import Parser
from runner.dag_processor.walking import Found, find_dag_files
from runner.domain.timetables import next_run

SDK = Path(airflow._wire.__file__).parents[2]
PREVIEW = 3


def main(arguments: Sequence[str]) -> int:
    """Check the files and print a line for each; the exit status is 0 unless nothing could be parsed at all."""
    quiet()
    options = _read(arguments)
    generation = int(options.airflow_version.partition(".")[0])
    syntax = "glob" if generation >= 3 else "regexp"
    found, problems = find_dag_files(options.paths, options.dags_folder, syntax, not options.all_files)
    for problem in problems:
        print(json.dumps({"problem": problem}), flush=True)
    with tempfile.TemporaryDirectory(prefix="aerodrome-check-") as work:
        python = _interpreter(
            options.python, options.airflow_version, options.timeout, Path(work), os.environ
        )
        Check(python, Path(work), _print).run(found, options.timeout)
    return 0


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m runner check", description="Parse DAG files.")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--airflow-version", required=True)
    parser.add_argument("--python", default=sys.executable, help="an interpreter with what the DAGs import")
    parser.add_argument("--timeout", type=float, default=30.0)
    parser.add_argument("--dags-folder", type=lambda text: Path(text).resolve())
    parser.add_argument(
        "--all-files", action="store_true", help="also files that do not name airflow and dag"
    )
    return parser.parse_args(arguments)


def _print(root: Path, file: str, result: Message) -> None:
    dags = [{**dag, "next_runs": preview(dag, time.time())} for dag in result["dags"]]
    print(json.dumps({"root": str(root), "file": file, **result, "dags": dags}), flush=True)


class Check:
    """The base zygote and the parser of an agent, without the agent. `report` is called once for each file."""

    def __init__(self, python: Interpreter, work: Path, report: Callable[[Path, str, Message], None]) -> None:
        self._loop = Loop()
        self._report = report
        self._left: set[tuple[str, str]] = set()
        self._base = BaseZygote(self._loop, python, self, work / "zygote.out")
        self._imports = ImportQuestions(self._deny)
        self._parser = Parser(self._loop, self._base, Path, self._on_parsed, self._reap, self._imports)

    def run(self, found: Sequence[Found], timeout: float) -> None:
        """Parse them all."""
        kernel.become_subreaper()
        self._left = {(str(group.root), file) for group in found for file in group.files}
        for group in found:
            self._parser.parse(messages.parse(str(group.root), str(group.root), list(group.files), timeout))
        if self._left:
            self._loop.on_signal(signal.SIGCHLD, self._reap)
            self._base.start()
            self._loop.run()
        self._base.stop()
        self._end_orphans()

    def _on_parsed(self, message: Message) -> None:
        root, file = message["id"], message["file"]
        self._report(Path(root), file, message["result"])
        self._left.discard((root, file))
        if not self._left:
            self._loop.stop()

    def _deny(self, request: Message) -> None:
        """There is no environment: what AIRFLOW_VAR_NAME and AIRFLOW_CONN_NAME do not say is not there."""
        self._imports.reply(messages.reply(request["attempt"], request["id"], {"found": False}))

    def _reap(self) -> None:
        """Collect the base zygote, and what files started and left to us."""
        while True:
            try:
                pid, _status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._base.reaped(pid)

    def _end_orphans(self) -> None:
        """Nothing that a file started outlives the check."""
        while children := kernel.list_children():
            for pid in children:
                kernel.kill(pid)
            os.waitpid(-1, 0)

    # ---- what the base zygote tells (base.BaseOwner)

    def base_ready(self) -> None:
        self._parser.pump()

    def base_said(self, message: Message) -> None:
        if message["kind"] == "forked":
            self._parser.child_forked(message["attempt"], message["pid"])

    def base_died(self) -> None:
        """It starts again by itself; the parser learns of it from its own zygote."""

    def base_hopeless(self, reason: str) -> None:
        self._parser.fail_all(reason)


def _interpreter(
    python: str, airflow_version: str, timeout: float, work: Path, outer: Mapping[str, str]
) -> Interpreter:
    """The interpreter for the files, with the caller's variables: AIRFLOW_VAR_X and such work as in a shell."""
    places = [str(SDK), *filter(None, outer.get("PYTHONPATH", "").split(os.pathsep))]
    variables = {
        **outer,
        "PYTHONPATH": os.pathsep.join(places),
        "AIRFLOW_HOME": str(work),
        "AERODROME_AIRFLOW_VERSION": airflow_version,
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": str(timeout),
    }
    return Interpreter(python, "check", variables)


def preview(dag: Mapping[str, Any], now: float) -> list[float]:
    """When a new copy of the DAG would run next; [] where only its own code or an event knows."""
    return list(_ticks(dag, now))


def _ticks(dag: Mapping[str, Any], now: float) -> Iterator[float]:
    timetable = dag["timetable"]
    start, end = (_instant(dag.get(name)) for name in ("start_date", "end_date"))
    last: tuple[float, float] | None = None
    for _ in range(PREVIEW):
        try:
            info = next_run(timetable, last, start, end, bool(dag.get("catchup")), now)
        except (KeyError, ValueError):
            return  # a kind that only the environment's interpreter can ask
        if info is None:
            return
        yield info.run_after
        last = (info.interval_start, info.interval_end)
        now = max(now, info.run_after)


def _instant(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


def quiet() -> None:
    """The agent's parts log what an operator would read; here the result says it all."""
    logging.getLogger("aerodrome").setLevel(logging.CRITICAL)
