"""Variables and connections: where they are looked for, in which order, and what is masked of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Bundle

HEAD = """
from airflow import DAG
from airflow.hooks.base import BaseHook
from airflow.models import Connection, Variable
from airflow.operators.python import PythonOperator
dag = DAG("d")
def run(f):
    PythonOperator(task_id="t", python_callable=f, dag=dag)
"""
BACKEND = """
from airflow.secrets import BaseSecretsBackend

class Mine(BaseSecretsBackend):
    made = 0
    def __init__(self, prefix):
        super().__init__()
        Mine.made += 1
        self.prefix = prefix
    def get_conn_value(self, conn_id):
        return {"all": f"http://u:{self.prefix}-pw@h/"}.get(conn_id)
    def get_variable(self, key):
        if key == "down":
            raise OSError("away")
        return {"all": self.prefix, "api_token": "token-of-mine"}.get(key)
"""


@pytest.fixture
def masked(bundle: Bundle) -> list[str]:
    found: list[str] = []
    bundle.comms._mask = lambda values: found.extend(values)  # type: ignore[method-assign]
    return found


def check(bundle: Bundle, body: str, state: str = "success") -> dict[str, Any]:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    word = bundle.run(bundle.load(f"{HEAD}\ndef f():\n{lines}\nrun(f)\n"), "t")
    assert word["state"] == state, word["reason"]
    return word


def test_backend_comes_before_process_variables_before_the_store(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, masked: list[str]
) -> None:
    bundle.write(BACKEND, "my_secrets.py")
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "my_secrets.Mine")
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", '{"prefix": "from-backend"}')
    for key in ("all", "some"):
        monkeypatch.setenv(f"AIRFLOW_VAR_{key.upper()}", "from-env")
        monkeypatch.setenv(f"AIRFLOW_CONN_{key.upper()}", '{"conn_type": "http", "password": "env-pw"}')
    bundle.comms.variables |= dict.fromkeys(("all", "some", "last", "down"), "from-store")
    bundle.comms.connections |= {key: {"password": "store-pw"} for key in ("all", "some", "last")}
    body = """
found = [Variable.get(k) for k in ("all", "some", "last", "down")]
assert found == ["from-backend", "from-env", "from-store", "from-store"], found
found = [BaseHook.get_connection(k).password for k in ("all", "some", "last")]
assert found == ["from-backend-pw", "env-pw", "store-pw"], found
assert Variable.get("api_token") == "token-of-mine"
assert Variable.get("none", default_var=None) is None
import my_secrets
assert my_secrets.Mine.made == 1
"""
    check(bundle, body)
    assert masked == ["from-backend-pw", "env-pw", "token-of-mine"]


def test_variables_in_json_and_missing_ones(bundle: Bundle, masked: list[str]) -> None:
    bundle.comms.variables["j"] = json.dumps({"a": [1]})
    body = """
assert Variable.get("j", deserialize_json=True) == {"a": [1]}
assert Variable.get("no", {"x": 1}, deserialize_json=True) == {"x": 1}
assert Variable.get("no", default=5) == 5
Variable.set("j", {"b": 2}, serialize_json=True)
assert Variable.get("j", deserialize_json=True) == {"b": 2}
Variable.delete("j")
try:
    Variable.get("j")
except KeyError as error:
    assert "Variable j does not exist" in str(error)
else:
    raise AssertionError
"""
    check(bundle, body)


def test_file_backend_reads_what_lies_beside_the_dags(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, masked: list[str]
) -> None:
    bundle.write('{"v": {"deep": 1}}', "v.json")
    bundle.write("c=postgres://u:pass-word@h:5432/db?sslmode=require&password=other-one", "c.env")
    kwargs = {"variables_file_path": f"{bundle.path}/v.json", "connections_file_path": f"{bundle.path}/c.env"}
    path = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", path)
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps(kwargs))
    body = """
assert Variable.get("v", deserialize_json=True) == {"deep": 1}
c = Connection.get_connection_from_secrets("c")
assert (c.port, c.schema, c.extra_dejson["sslmode"]) == (5432, "db", "require")
assert Connection(uri=c.get_uri()).extra_dejson == c.extra_dejson
assert c.test_connection()[0] is False
"""
    check(bundle, body)
    assert masked == ["pass-word", "other-one"]


def test_backend_that_cannot_be_made_says_which_option(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "my_secrets.Mine")
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", "{prefix: 1}")
    word = check(bundle, "Variable.get('x')", "failed")
    assert "cannot read [secrets] backend_kwargs as JSON" in word["reason"]


def test_redact_hides_by_name(bundle: Bundle) -> None:
    from airflow.utils.log.secrets_masker import redact

    value = {"password": "p", "list": [{"api_key": ["a", None]}], "user": "u"}
    assert redact(value) == {"password": "***", "list": [{"api_key": ["***", None]}], "user": "u"}
