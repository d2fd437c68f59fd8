"""wm-light and a fan-out as Prefect, Dagster and Luigi do them, interleaved: `make bench-vs-peers`.

Every peer has its own venv and its own fresh home per run. The isolation class stands in every row: A is a
fresh process per task, B a worker process used again, C everything in one process. Only A compares with us.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import machine, nursery, postgres, records, report, shapes
from tests.benchmarks.measure import Row
from tests.benchmarks.side import HttpJson, wait_for
from tests.benchmarks.surroundings import clean_environment, end_cleanly_on_sigterm, make_venv

SCRIPTS = Path(__file__).with_name("peers")
LIMIT = 900.0


@dataclass(frozen=True, slots=True)
class Peer:
    """One way of one engine to run the shapes: a script of `peers/`, run by its venv's Python."""

    name: str
    isolation: str
    durability: str
    script: str
    packages: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    server: bool = False
    """Needs `prefect server start` beside it."""

    @property
    def venv(self) -> str:
        return self.script.partition("_")[0]


LUIGI = ("luigi_tasks.py", ("luigi",))
# Prefect 3's server passes an argument that newer FastAPI versions no longer take.
PREFECT = ("prefect_flows.py", ("prefect>=3,<4", "fastapi<0.117"))
DAGSTER = ("dagster_jobs.py", ("dagster",))
QUIET = {"PREFECT_LOGGING_TO_API_ENABLED": "false", "PREFECT_LOGGING_LEVEL": "WARNING"}
PEERS = (
    Peer("luigi-1-worker", "C", "none", *LUIGI, ("1", "1")),
    Peer("luigi-2-workers", "A", "none", *LUIGI, ("2", "1")),
    Peer("luigi-2-workers-tuned", "A", "none", *LUIGI, ("2", "0.01")),
    Peer("prefect-threads", "C", "SQLite", *PREFECT, ("threads",), server=True),
    Peer("prefect-threads-tuned", "C", "SQLite", *PREFECT, ("threads",), QUIET, server=True),
    Peer("prefect-processes-tuned", "B", "SQLite", *PREFECT, ("processes",), QUIET, server=True),
    Peer("dagster-in-process", "C", "SQLite", *DAGSTER, ("in-process",)),
    Peer("dagster-forkserver", "A", "SQLite", *DAGSTER, ("multiprocess",)),
)


def main() -> None:
    """Run the rounds and write the report."""
    arguments = _arguments()
    end_cleanly_on_sigterm()
    chosen = [peer for peer in PEERS if not arguments.names or peer.name in arguments.names]
    venvs = {peer.venv: make_venv(Path(".bench/peers") / peer.venv, peer.packages) for peer in chosen}
    work = [shapes.fibonacci("wm-light", 40, 10), shapes.fan(arguments.fan)]
    rows: list[Row] = []
    for turn in range(arguments.runs + 1):  # the first round is cold, and where memory is sampled
        for shape in work:
            for peer in chosen:
                with tempfile.TemporaryDirectory(prefix="aerodrome-bench-") as home:
                    rows.append(report.tell(run(peer, shape, venvs[peer.venv], Path(home), cold=turn == 0)))
                report.write(arguments.out, "vs_peers", rows)
    print(report.table(rows))


def run(peer: Peer, shape: shapes.Shape, venv: Path, home: Path, *, cold: bool) -> Row:
    """One run of one shape by one peer, in a home of its own."""
    row = Row(shape.name, peer.name, peer.isolation, peer.durability, cold)
    path = home / "records"
    environment = {
        **clean_environment(),
        **peer.environment,
        "DAGSTER_HOME": str(home),
        "PREFECT_HOME": str(home),
    }
    with contextlib.ExitStack() as stack:
        if peer.server:
            environment["PREFECT_API_URL"] = stack.enter_context(_prefect_server(venv, home, environment))
        machine.wait_until_idle()
        memory = stack.enter_context(machine.PeakMemory()) if cold else None
        cpu, before = machine.cpu_seconds(), time.monotonic()
        with (home / "output").open("wb") as output:
            answer = subprocess.run(
                _command(peer, shape, venv, path),
                cwd=SCRIPTS,  # where Dagster's children look for the job's module
                env=environment,
                stdout=output,
                stderr=output,
                timeout=LIMIT,
            )
        row.figures = {"cpu_s": machine.cpu_seconds() - cpu, "program_s": time.monotonic() - before}
        if memory:
            row.figures["peak_pss_mib"] = memory.mib
    if answer.returncode:
        row.void.append(f"exit {answer.returncode}: {(home / 'output').read_text()[-400:]}")
    spans = records.read(path)
    row.void += records.violations(spans, shape.upstream)[:10]
    if not row.void:
        row.figures |= records.figures(spans, shape.upstream)
        row.figures["in_flight"] = records.in_flight(spans)
    return row


def _command(peer: Peer, shape: shapes.Shape, venv: Path, path: Path) -> list[str]:
    kind = "fan" if "first" in shape.upstream else "chain"
    number = str(shape.constants.get("NUMBER", 0))
    script = [*nursery.COMMAND, str(venv.absolute() / "bin" / "python"), str(SCRIPTS / peer.script)]
    return [*script, kind, str(len(shape.upstream)), number, str(path), *peer.arguments]


@contextlib.contextmanager
def _prefect_server(venv: Path, home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    port = postgres.free_port()
    command = [str(venv / "bin" / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "server").open("wb") as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=output)
    try:
        http = HttpJson(f"http://127.0.0.1:{port}/api")
        wait_for(
            "Prefect's server ready", lambda: process.poll() is not None or _is_up(http), 120.0, every=0.2
        )
        if process.poll() is not None:
            raise RuntimeError(f"Prefect's server ended: {(home / 'server').read_text()[-400:]}")
        yield http.base
    finally:
        process.terminate()
        process.wait(30)


def _is_up(http: HttpJson) -> bool:
    try:
        return http.call("GET", "/health")[0] == 200
    except OSError:
        return False


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(peer.name for peer in PEERS))
    parser.add_argument("--runs", type=int, default=3, help="measured rounds, after one that is cold")
    parser.add_argument("--fan", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path(".bench/vs_peers"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
