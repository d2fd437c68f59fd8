"""Large XComs and XComs of a backend of the user's own, as their tasks see them."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Bundle

HEAD = """
from airflow import DAG
from airflow.operators.python import PythonOperator
dag = DAG("d")
def python(task_id, f, **kwargs):
    return PythonOperator(task_id=task_id, python_callable=f, dag=dag, **kwargs)
"""
LARGE = """
def make(ti):
    ti.xcom_push("pushed", {"text": "\\u00fc" * 70_000})
    return [("x" * 40, n) for n in range(4_000)]
def take(ti):
    assert ti.xcom_pull(task_ids="make") == [("x" * 40, n) for n in range(4_000)]
    assert ti.xcom_pull(task_ids=["make"], key="pushed") == [{"text": "\\u00fc" * 70_000}]
python("make", make)
python("take", take)
"""
BACKEND = """
import json
from pathlib import Path
from airflow.models.xcom import BaseXCom

class Files(BaseXCom):
    @staticmethod
    def serialize_value(value, key=None, task_id=None, dag_id=None, run_id=None, map_index=None):
        path = Path(__file__).parent / f"{dag_id}-{run_id}-{task_id}-{map_index}-{key}.json"
        path.write_text(json.dumps(value))
        return BaseXCom.serialize_value(str(path))
    @staticmethod
    def deserialize_value(result):
        assert result.key and result.run_id == "run1"
        return json.loads(Path(BaseXCom.deserialize_value(result)).read_text())
"""


def test_large_value_goes_ahead_of_the_last_word_and_comes_back_unchanged(bundle: Bundle) -> None:
    asked: list[tuple[str, Any]] = []
    ask = bundle.comms.ask
    bundle.comms.ask = lambda method, params: asked.append((method, params)) or ask(method, params)  # type: ignore[method-assign,func-returns-value]
    dags = bundle.load(HEAD + LARGE)
    word = bundle.run(dags, "make")
    assert word["state"] == "success"
    assert word["xcoms"] == {}
    assert word["details"]["pushed"] == {"return_value": 4_000}
    sent = {params["key"]: params for method, params in asked if method == "set_xcom"}
    assert sent["return_value"]["length"] == 4_000
    assert sent["pushed"]["length"] == 1
    assert "value" not in sent["pushed"]
    assert bundle.run(dags, "take")["state"] == "success"


def test_value_beyond_a_frame_is_refused_with_what_to_do(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    dags = bundle.load(HEAD + 'python("make", lambda: "x" * (32 * 1024 * 1024))')
    word = bundle.run(dags, "make")
    assert word["state"] == "failed"
    assert "put it into a bucket" in word["reason"]


def test_backend_of_the_users_own_keeps_what_it_wants(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle.write(BACKEND, "my_backend.py")
    monkeypatch.setenv("AIRFLOW__CORE__XCOM_BACKEND", "my_backend.Files")
    source = """
from airflow.models import XCom
def make(ti):
    ti.xcom_push("k", [1, 2])
    return {"a": 1, "b": 2, "c": 3}
def take(ti, run_id):
    assert ti.xcom_pull(task_ids="make") == {"a": 1, "b": 2, "c": 3}
    assert ti.xcom_pull(task_ids=["make"], key="k") == [[1, 2]]
    assert XCom.get_one(task_id="make", key="k", run_id=run_id) == [1, 2]
    assert XCom.__name__ == "Files"
python("make", make)
python("take", take)
"""
    dags = bundle.load(HEAD + source)
    word = bundle.run(dags, "make")
    assert word["details"]["pushed"] == {"return_value": 3}
    stored = bundle.comms.xcoms["make", -1, "return_value"]
    assert stored.endswith("d-run1-make--1-return_value.json")
    assert bundle.run(dags, "take")["state"] == "success"


def test_backend_that_is_none_fails_the_task(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__XCOM_BACKEND", "collections.OrderedDict")
    word = bundle.run(bundle.load(HEAD + 'python("make", lambda: 1)'), "make")
    assert word["reason"] == (
        "TypeError: cannot use collections.OrderedDict as [core] xcom_backend: it does not derive from BaseXCom"
    )
