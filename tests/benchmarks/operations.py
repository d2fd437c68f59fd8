"""What a person waits for besides tasks: a file, an environment, many files; and what idling costs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks import machine
from tests.benchmarks.measure import Row
from tests.benchmarks.ours import Aerodrome
from tests.benchmarks.records import percentile
from tests.benchmarks.setup import Setup
from tests.benchmarks.side import is_visible, must, wait_for

FILE = """
from datetime import datetime
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("{name}", schedule=None, start_date=datetime(2023, 1, 1), catchup=False, description="{about}"):
    previous = None
    for index in range(10):
        step = EmptyOperator(task_id=f"t{{index}}")
        if previous is not None:
            previous >> step
        previous = step
"""


def s3_visible(side: Aerodrome, setup: Setup) -> Iterator[Row]:
    """Upload a new file among 1,000 keys; the time until the API knows its DAG."""
    _upload(side, {f"data/{index:04d}.txt": "x" for index in range(setup.choose(1000, 20))})
    seconds = [_until_visible(side, f"new_{turn}") for turn in range(setup.choose(20, 3))]
    yield _row("s3-visible", side, _spread("visible", seconds))


def env_create(side: Aerodrome, setup: Setup) -> Iterator[Row]:
    """CreateEnvironment until AVAILABLE, with the service warm; each on a folder with one DAG file."""
    seconds, first_dag = [], []
    for turn in range(setup.choose(5, 2)):
        new = Aerodrome(side.service, f"created-{turn}", f"created-{turn}/dags")
        new.put("one.py", FILE.format(name="one", about=""))
        began = time.monotonic()
        new.create()
        new.wait_available()
        seconds.append(time.monotonic() - began)
        wait_for("the DAG visible", lambda new=new: is_visible(new, "one"), 60.0)  # type: ignore[misc]
        first_dag.append(time.monotonic() - began)
        side.service.mwaa.delete_environment(Name=new.environment)
    yield _row("env-create", side, _spread("available", seconds) | _spread("first_dag", first_dag))


def dagbag(side: Aerodrome, setup: Setup) -> Iterator[Row]:
    """1,000 files of ten tasks: all of them into a new environment; then one changed, one added."""
    count = setup.choose(1000, 50)
    big = Aerodrome(side.service, "dagbag", "dagbag/dags")
    _upload(big, {f"d{i:04d}.py": FILE.format(name=f"d{i:04d}", about="") for i in range(count)})
    cpu, began = machine.cpu_seconds(), time.monotonic()
    big.create()
    big.wait_available()
    available = time.monotonic()
    wait_for("all DAGs visible", lambda: _dags(big) == count, 300.0, every=0.25)  # asking costs, too
    over = time.monotonic()
    figures = {
        "create_to_all_visible_s": over - began,
        "available_to_all_visible_s": over - available,
        "cold_cpu_s": machine.cpu_seconds() - cpu,
    }
    turns = range(setup.choose(5, 2))
    changed = [_until_changed(big, f"d{turn:04d}", f"changed {turn}") for turn in turns]
    added = [_until_visible(big, f"added_{turn}") for turn in turns]
    yield _row("dagbag-1000", side, figures | _spread("changed", changed) | _spread("added", added))


def idle(side: Aerodrome, setup: Setup) -> Iterator[Row]:
    """Nothing to do, one DAG known: CPU and memory of the control plane, the cell and the embedded S3."""
    _until_visible(side, "one")
    machine.wait_until_idle(deadline=setup.patience)
    processes = side.service.status()["processes"]
    seconds = setup.choose(60, 5)
    before = {entry["pid"]: machine.cpu_of(entry["pid"]) for entry in processes}
    time.sleep(seconds)
    figures: dict[str, float] = {}
    for entry in processes:
        share = 100 * (machine.cpu_of(entry["pid"]) - before[entry["pid"]]) / seconds
        pss = machine.pss_mib(entry["pid"])
        groups = [entry["role"]] + (["cell"] if entry["environment"] else [])
        for group in groups:
            figures[f"{group}_cpu_percent"] = figures.get(f"{group}_cpu_percent", 0.0) + share
            figures[f"{group}_pss_mib"] = figures.get(f"{group}_pss_mib", 0.0) + pss
    yield _row("idle", side, figures)


def _until_visible(side: Aerodrome, name: str) -> float:
    began = time.monotonic()
    side.put(f"{name}.py", FILE.format(name=name, about=""))
    wait_for(f"{name} visible", lambda: is_visible(side, name), 60.0, every=0.02)
    return time.monotonic() - began


def _until_changed(side: Aerodrome, name: str, about: str) -> float:
    began = time.monotonic()
    side.put(f"{name}.py", FILE.format(name=name, about=about))
    path = f"/dags/{name}"
    wait_for(f"{name} changed", lambda: must(side, "GET", path)["description"] == about, 60.0, every=0.02)
    return time.monotonic() - began


def _dags(side: Aerodrome) -> int:
    return int(must(side, "GET", "/dags?limit=1")["total_entries"])


def _upload(side: Aerodrome, files: dict[str, str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: side.put(*item), files.items()))


def _spread(name: str, seconds: Sequence[float]) -> dict[str, float]:
    return {f"{name}_p50_s": percentile(seconds, 50), f"{name}_p95_s": percentile(seconds, 95)}


def _row(name: str, side: Aerodrome, figures: dict[str, float]) -> Row:
    return Row(name, side.name, side.isolation, side.durability, figures=figures)
