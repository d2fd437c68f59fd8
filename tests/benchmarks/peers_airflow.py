"""Apache Airflow as a side: its four services on a fresh home and database, stock or tuned."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import postgres
from tests.benchmarks.side import HttpJson, wait_for
from tests.benchmarks.surroundings import clean_environment, make_venv

VERSION = "3.3.2"
SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
TUNED = {
    "CORE__PARALLELISM": "32",
    "CORE__MAX_ACTIVE_TASKS_PER_DAG": "10000",
    "CORE__MAX_ACTIVE_RUNS_PER_DAG": "1000",
    "CORE__DEFAULT_POOL_TASK_SLOT_COUNT": "10000",
    "CORE__MP_START_METHOD": "fork",
    "SCHEDULER__MAX_TIS_PER_QUERY": "0",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
    "SCHEDULER__MAX_DAGRUNS_TO_CREATE_PER_LOOP": "100",
    "SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "100",
    "DAG_PROCESSOR__PARSING_PROCESSES": "2",
    "LOGGING__LOGGING_LEVEL": "WARNING",
    "DATABASE__SQL_ALCHEMY_POOL_SIZE": "20",
}


@dataclass(frozen=True, slots=True)
class Airflow:
    """A running Airflow. A task is a supervised fork of its own: isolation class A."""

    name: str
    durability: str
    dags: Path
    http: HttpJson
    isolation: str = "A"

    def put(self, key: str, text: str) -> None:
        new = self.dags / f".{key}.new"
        new.write_text(text)
        new.rename(self.dags / key)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        return self.http.call(method, f"/api/v2{path}", body)


def find_venv(root: Path) -> Path:
    """The venv that holds Airflow, byte code compiled: the one AERODROME_AIRFLOW_VENV names, or ours."""
    given = os.environ.get("AERODROME_AIRFLOW_VENV")
    packages = [f"apache-airflow=={VERSION}", "psycopg2-binary", "asyncpg"]
    venv = Path(given) if given else make_venv(root / "airflow-venv", packages)
    compiled = [str(venv / "bin" / "python"), "-m", "compileall", "-q", str(venv / "lib")]
    subprocess.run(compiled, check=False, env=clean_environment(), capture_output=True)
    return venv


@contextlib.contextmanager
def running(venv: Path, home: Path, *, tuned: bool, database: str) -> Iterator[Airflow]:
    """Airflow on a fresh home; the side. Ends every service on the way out."""
    (home / "dags").mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        if database == "postgresql":
            address = stack.enter_context(postgres.server("airflow"))
            url, durability = f"postgresql+psycopg2://{address}", "PostgreSQL, synchronous_commit=on"
        else:
            url, durability = (
                f"sqlite:///{home}/airflow.db",
                "SQLite, rollback journal, synchronous=FULL (its defaults)",
            )
        port = postgres.free_port()
        environment = _environment(venv, home, port, url, tuned)
        airflow = str(venv / "bin" / "airflow")
        _migrate(airflow, environment)
        for service in SERVICES:
            arguments = ["--port", str(port)] if service == "api-server" else []
            stack.enter_context(
                _service([airflow, service, *arguments], environment, home / f"{service}.log")
            )
        http = HttpJson(f"http://127.0.0.1:{port}")
        wait_for("Airflow's services healthy", lambda: _is_healthy(http), 180.0, every=0.5)
        http.headers["Authorization"] = f"Bearer {http.call('GET', '/auth/token')[1]['access_token']}"
        label = f"airflow-{VERSION}-{'tuned' if tuned else 'stock'}-{database}"
        yield Airflow(label, durability, home / "dags", http)


def _migrate(airflow: str, environment: Mapping[str, str]) -> None:
    answer = subprocess.run([airflow, "db", "migrate"], env=environment, capture_output=True, text=True)
    if answer.returncode:
        raise RuntimeError(f"Airflow cannot make its database: {(answer.stdout + answer.stderr)[-1500:]}")


def _environment(venv: Path, home: Path, port: int, url: str, tuned: bool) -> dict[str, str]:
    settings = {
        "CORE__LOAD_EXAMPLES": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": url,
        "API__PORT": str(port),
        "API__SECRET_KEY": secrets.token_hex(16),
        "API_AUTH__JWT_SECRET": secrets.token_hex(32),
        # When a new file is noticed is not measured here: the clock starts when the DAG is known.
        "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        **(TUNED if tuned else {}),
    }
    path = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    variables = {f"AIRFLOW__{name}": value for name, value in settings.items()}
    return {**clean_environment(), **variables, "AIRFLOW_HOME": str(home), "PATH": path}


@contextlib.contextmanager
def _service(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            print(f"{command[1]} did not stop within 20 s; killing its group", file=sys.stderr)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def _is_healthy(http: HttpJson) -> bool:
    try:
        status, answer = http.call("GET", "/api/v2/monitor/health")
    except OSError:
        return False
    parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
    return status == 200 and all(answer[part]["status"] == "healthy" for part in parts)
