"""XComs: what goes in comes out, and Airflow's forms of asking."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Bundle

HEAD = """
import collections, dataclasses, decimal, uuid
from datetime import *
from zoneinfo import ZoneInfo
import pendulum
from airflow import DAG
from airflow.operators.python import PythonOperator
dag = DAG("d")
def python(task_id, f, **kwargs):
    return PythonOperator(task_id=task_id, python_callable=f, dag=dag, **kwargs)
"""

VALUES = [
    "None if False else 0",
    "True",
    "1.5",
    "10**30",
    "'text \\u00fc \\U0001f600 \\x00'",
    "[1, [2, {'a': None}]]",
    "(1, ('b',))",
    "{1, 2}",
    "{'a': 1, 2: 'int key', None: 3}",
    "{'__type': 'mine', '__var': 1}",
    "b'bytes\\xff'",
    "date(2024, 2, 29)",
    "datetime(2024, 2, 29, 1, 2, 3, 4)",
    "datetime(2024, 7, 1, tzinfo=ZoneInfo('Europe/Paris'))",
    "pendulum.datetime(2024, 7, 1, tz='Asia/Seoul')",
    "timedelta(days=1, microseconds=1)",
    "decimal.Decimal('1.10')",
    "uuid.UUID(int=7)",
    "float('inf')",
]


@pytest.mark.parametrize("expression", VALUES)
def test_value_survives(bundle: Bundle, expression: str) -> None:
    source = f"""
def make():
    return {expression}
def take(ti):
    value, expected = ti.xcom_pull(task_ids="make"), make()
    assert value == expected and isinstance(value, type(expected)), (value, expected)
    if isinstance(expected, datetime):
        assert value.utcoffset() == expected.utcoffset()
python("make", make)
python("take", take)
"""
    dags = bundle.load(HEAD + source)
    word = bundle.run(dags, "make")
    bundle.comms.xcoms = {key: json.loads(json.dumps(value)) for key, value in bundle.comms.xcoms.items()}
    assert word["state"] == "success", word["reason"]
    word = bundle.run(dags, "take")
    assert word["state"] == "success", word["reason"]


def test_dataclass_and_model_become_dicts(bundle: Bundle) -> None:
    source = """
@dataclasses.dataclass
class Point:
    x: int
    seen: datetime
class Model:
    def model_dump(self):
        return {"m": 1}
python("t", lambda: [Point(1, datetime(2024, 1, 1)), Model()])
"""
    value = bundle.run(bundle.load(HEAD + source), "t")["xcoms"]["return_value"]
    assert (value[0]["x"], value[1]) == (1, {"m": 1})


PULLS = [
    ("ti.xcom_pull('a')", 1),
    ("ti.xcom_pull(task_ids='a', key='k')", "pushed"),
    ("ti.xcom_pull(task_ids=['a', 'b'])", [1, 2]),
    ("ti.xcom_pull(task_ids=['b', 'nobody', 'a'])", {1: [2, None, 1], 2: [2, 1], 3: [2, None, 1]}),
    (
        "ti.xcom_pull(task_ids=['nobody', 'a'], map_indexes=[3, -1])",
        {1: [1], 2: [1], 3: [None, None, None, 1]},
    ),
    ("ti.xcom_pull(task_ids=('b',))", [2]),
    ("ti.xcom_pull(task_ids='nobody')", None),
    ("ti.xcom_pull(task_ids='nobody', default=7)", 7),
    ("ti.xcom_pull(task_ids='a', dag_id='d', key='return_value')", 1),
]


@pytest.mark.parametrize("pull, expected", PULLS)
def test_forms_of_pulling(bundle: Bundle, generation: int, pull: str, expected: Any) -> None:
    source = f"""
def a(ti):
    ti.xcom_push("k", "pushed")
    return 1
python("a", a)
python("b", lambda: 2)
python("t", lambda ti: [{pull}])
"""
    dags = bundle.load(HEAD + source)
    bundle.run(dags, "a"), bundle.run(dags, "b")
    assert bundle.run(dags, "t")["xcoms"]["return_value"] == [
        expected[generation] if isinstance(expected, dict) else expected
    ]


def test_pull_without_task_ids_by_generation(bundle: Bundle, generation: int) -> None:
    source = """
python("a", lambda: "another task's")
def t(ti):
    ti.xcom_push(key="own", value="mine")
    return [ti.xcom_pull(), ti.xcom_pull(key="own")]
python("t", t)
"""
    dags = bundle.load(HEAD + source)
    bundle.run(dags, "a")
    expected = [None, "mine"] if generation == 3 else ["another task's", "mine"]
    assert bundle.run(dags, "t")["xcoms"]["return_value"] == expected


def test_push_of_what_has_no_json_form_fails(bundle: Bundle) -> None:
    word = bundle.run(bundle.load(HEAD + "python('t', lambda ti: ti.xcom_push('k', object()))"), "t")
    assert word["state"] == "failed" and "cannot encode XCom 'k': builtins.object" in word["reason"]
