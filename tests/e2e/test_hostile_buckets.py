"""Buckets as nobody should fill them, on the real service: what is refused is told, and the rest runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.customer import BUCKET, Customer
from tests.e2e.conftest import Stopwatch
from tests.running import RunningService, aerodrome, until

pytestmark = pytest.mark.timeout(300)

DAG_FILE = """
import datetime as dt
from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG({dag_id!r}, schedule=None, start_date=dt.datetime(2024, 1, 1)) as dag:
    BashOperator(task_id="say", bash_command="echo {text}")
"""
PAIR_FILE = """
import datetime as dt
from airflow import DAG
from airflow.operators.python import PythonOperator
from helper import VERSION as OTHER

VERSION = {version}

def compare():
    import helper
    with open({output!r}, "a") as file:
        print(VERSION, OTHER, helper.VERSION, file=file)

with DAG("pair", schedule=None, start_date=dt.datetime(2024, 1, 1)) as dag:
    PythonOperator(task_id="compare", python_callable=compare)
"""
KOREAN_FILE, KOREAN_DAG = "dags/데이터팀/일일 보고서.py", "일일_보고서"
LONGEST = "dags/" + "/".join(["d" * 203] * 5)[: 1024 - len("dags/.py")] + ".py"
HOSTILE = {
    "dags/../evil.py": "it has the part '..'",
    "dags/a/../../evil.py": "it has the part '..'",
    "dags//etc/evil.py": "it begins with '/'",
    "dags/bell\x07.py": "it has a control character",
    "dags/back\\slash.py": "it has a backslash",
    "dags/" + "x" * 300 + ".py": "it has a part longer than 255 bytes",
}
SHOWN = {"dags/bell\x07.py": "dags/bell\\x07.py", "dags/back\\slash.py": "dags/back\\\\slash.py"}


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    root = tmp_path_factory.mktemp("hostile")
    service = RunningService(root / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    try:
        service.up()
        customer = Customer(service, "hostile")
        customer.s3.create_bucket(Bucket=BUCKET)
        for key in HOSTILE:
            customer.upload(key, DAG_FILE.format(dag_id="evil", text="evil"))
        customer.upload("dags/plain.py", DAG_FILE.format(dag_id="plain", text="plain"))
        customer.create()
        customer.wait_for_dags("plain")
        yield customer
    finally:
        service.close()


def test_hostile_keys_are_told_by_name_and_harm_nothing_when_a_bucket_holds_them(customer: Customer) -> None:
    until(lambda: len(customer.import_errors()) >= len(HOSTILE), 15, "the refused keys are import errors")
    errors = customer.import_errors()
    assert set(errors) == {f"s3://{BUCKET}/{SHOWN.get(key, key)}" for key in HOSTILE}
    for key, reason in HOSTILE.items():
        assert reason in errors[f"s3://{BUCKET}/{SHOWN.get(key, key)}"]
    assert customer.dags() == {"plain"}
    assert not list(customer.service.home.rglob("*evil*"))
    (entry,) = customer.service.status()["environments"]
    assert entry["health"]["sync"]["refused_count"] == len(HOSTILE)
    text = aerodrome("status", "--home", str(customer.service.home)).stdout
    assert f"{len(HOSTILE)} objects cannot be used" in text
    assert "\x07" not in text


def test_an_error_goes_when_its_key_goes(customer: Customer, stopwatch: Stopwatch) -> None:
    customer.upload("dags/late/../key.py", "x")
    name = f"s3://{BUCKET}/dags/late/../key.py"
    with stopwatch("a hostile key is uploaded -> it is an import error"):
        until(lambda: name in customer.import_errors(), 10, "a key that came later is told too")
    customer.s3.delete_object(Bucket=BUCKET, Key="dags/late/../key.py")
    until(lambda: name not in customer.import_errors(), 10, "the error goes with its key")


@pytest.mark.parametrize(
    ("key", "dag_id"), [(KOREAN_FILE, KOREAN_DAG), (LONGEST, "deep")], ids=["korean", "1024-bytes"]
)
def test_a_dag_runs_when_its_name_is_unusual(
    customer: Customer, stopwatch: Stopwatch, key: str, dag_id: str
) -> None:
    text = "안녕하세요" if dag_id == KOREAN_DAG else "from the deep"
    customer.upload(key, DAG_FILE.format(dag_id=dag_id, text=text))
    with stopwatch("a DAG file is uploaded -> the DAG is visible"):
        until(lambda: dag_id in customer.dags(), 20, "the DAG is visible")
    (found,) = [dag for dag in customer.rest("GET", "/dags")["dags"] if dag["dag_id"] == dag_id]
    assert found["fileloc"].endswith(key.removeprefix("dags/"))
    customer.unpause(dag_id)
    customer.trigger(dag_id, "one")
    with stopwatch("a run is triggered -> it has succeeded"):
        customer.wait_for_run(dag_id, "one")
    customer.wait_for_end(dag_id, "one", "say")
    assert text in [line["event"] for line in customer.read_log(dag_id, "one", "say")]
    assert text in json.dumps(customer.read_events(dag_id, "one", "say"), ensure_ascii=False)


def test_a_run_never_sees_half_a_change_when_two_files_change_together(
    customer: Customer, tmp_path: Path
) -> None:
    output = tmp_path / "seen"

    def upload(version: int) -> None:
        customer.upload("dags/pair.py", PAIR_FILE.format(version=version, output=str(output)))
        customer.upload("dags/helper.py", f"VERSION = {version}\n")

    def run_one(number: int) -> list[str]:
        customer.trigger("pair", f"run-{number}")
        customer.wait_for_run("pair", f"run-{number}")
        return output.read_text().splitlines()[-1].split()

    def run_until(version: int) -> None:
        """Run after run, from the old version to the new one; none may see both."""
        seen: list[str] = []
        while str(version) not in seen:
            assert len(runs) < 300, f"version {version} is never run"
            runs.append(run_one(len(runs)))
            seen = runs[-1]
            assert len(set(seen)) == 1, f"a run saw two versions: {seen}"

    runs: list[list[str]] = []
    upload(1)
    customer.wait_for_dags("pair")
    customer.unpause("pair")
    for version in (2, 3):
        upload(version)
        run_until(version)
