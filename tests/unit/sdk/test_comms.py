"""Asking the agent over a real socket, and what Variable, Connection and masking make of the answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow._task import comms as comms_module
from airflow._task.comms import Comms, CommsError
from airflow._wire import messages
from airflow._wire.frames import Channel
from airflow.exceptions import AirflowException, AirflowNotFoundException
from airflow.hooks.base import BaseHook
from airflow.models import Connection, Variable
from airflow.sdk.log import mask_secret

Answer = Callable[[str, dict[str, Any]], Any]


@pytest.fixture
def agent() -> Iterator[Callable[[Answer], list[tuple[str, dict[str, Any]]]]]:
    """Starts an agent that answers by a function, and connects this process to it; gives what it was asked."""
    child, parent = socket.socketpair()
    asked: list[tuple[str, dict[str, Any]]] = []
    threads = []

    def start(answer: Answer) -> list[tuple[str, dict[str, Any]]]:
        def serve() -> None:
            channel = Channel(parent)
            while (received := channel.receive()) is not None:
                message = received[0]
                asked.append((message["method"], message["params"]))
                try:
                    channel.send(
                        messages.answer(message["id"] - 100)
                    )  # of an older question: to be passed over
                    channel.send(messages.answer(message["id"], answer(message["method"], message["params"])))
                except LookupError as error:
                    channel.send(
                        messages.answer(message["id"], error={"code": "not_found", "message": str(error)})
                    )

        threads.append(threading.Thread(target=serve))
        threads[0].start()
        comms_module.set_current(Comms(Channel(child)))
        return asked

    yield start
    comms_module.set_current(None)
    child.close()
    for thread in threads:
        thread.join(5)
    parent.close()


def test_answer_and_refusal(agent: Any) -> None:
    asked = agent(lambda method, params: {"echo": params} if method == "get_xcom" else {}["nothing"])
    comms = comms_module.current()
    assert comms.ask("get_xcom", {"key": "k"}) == {"echo": {"key": "k"}}
    with pytest.raises(CommsError, match="nothing") as caught:
        comms.ask("get_dag_run", {})
    assert caught.value.code == "not_found"
    assert [method for method, _ in asked] == ["get_xcom", "get_dag_run"]


def test_questions_of_several_threads_do_not_mix(agent: Any) -> None:
    agent(lambda method, params: params["n"])
    comms, wrong = comms_module.current(), []

    def ask(n: int) -> None:
        wrong.extend(i for i in range(50) if comms.ask("get_xcom", {"n": n * 100 + i}) != n * 100 + i)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_agent_that_is_gone_is_an_error() -> None:
    child, parent = socket.socketpair()
    parent.close()
    with child, pytest.raises((CommsError, OSError)):
        Comms(Channel(child)).ask("get_xcom", {})


@pytest.mark.parametrize(
    "call, expected",
    [
        (lambda: Variable.get("text"), "{}"),
        (lambda: Variable.get("text", deserialize_json=True), {}),
        (lambda: Variable.get("none", default_var=None), None),
        (lambda: Variable.get("none", "older"), "older"),
        (lambda: Variable.get("none", default="newer"), "newer"),
        (lambda: Variable.setdefault("none", 5, deserialize_json=True), 5),
    ],
)
def test_variable_get(agent: Any, call: Callable[[], Any], expected: Any) -> None:
    agent(lambda method, params: {"found": params["key"] == "text", "value": "{}"})
    assert call() == expected


def test_missing_variable_is_a_key_error(agent: Any) -> None:
    agent(lambda method, params: {"found": False, "value": None})
    with pytest.raises(KeyError, match="Variable nope does not exist"):
        Variable.get("nope")


def test_variable_set_and_delete(agent: Any) -> None:
    asked = agent(lambda method, params: None)
    Variable.set("a", {"b": 1}, serialize_json=True)
    Variable.set("a", 5, description="five")
    Variable.delete("a")
    assert asked[0][1]["value"] == '{\n  "b": 1\n}'
    assert asked[1] == ("set_variable", {"key": "a", "value": "5", "description": "five"})
    assert asked[2] == ("delete_variable", {"key": "a"})


def test_setting_outside_of_a_task_is_refused() -> None:
    with pytest.raises(AirflowException, match="cannot set a variable outside of a running task"):
        Variable.set("a", 1)


def test_environment_comes_first(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = agent(lambda method, params: {"found": False})
    monkeypatch.setenv("AIRFLOW_VAR_KEY", "mine")
    monkeypatch.setenv(
        "AIRFLOW_CONN_DB", '{"conn_type": "mysql", "host": "h", "port": "3306", "extra": {"a": 1}}'
    )
    found = BaseHook.get_connection("db")
    assert Variable.get("key") == "mine"
    assert (found.conn_id, found.conn_type, found.port, found.extra_dejson) == ("db", "mysql", 3306, {"a": 1})
    assert asked == []


def test_connection_from_the_agent(agent: Any) -> None:
    fields = {
        "conn_type": "http",
        "host": "h",
        "login": "l",
        "password": "p",
        "schema": "s",
        "port": 8,
        "extra": None,
    }
    agent(lambda method, params: {"found": params["conn_id"] == "c", **fields, "description": None})
    assert BaseHook.get_connection("c").get_uri() == "http://l:p@h:8/s"
    with pytest.raises(AirflowNotFoundException, match="The conn_id `other` isn't defined"):
        BaseHook.get_connection("other")


@pytest.mark.parametrize(
    "uri, fields",
    [
        ("postgresql://u:p%40%2F@host:5432/base", ("postgres", "host", "u", "p@/", "base", 5432, {})),
        ("my-type://host", ("my_type", "host", None, None, "", None, {})),
        (
            "aws://AKIA:se%2Bcret@/?region_name=eu",
            ("aws", "", "AKIA", "se+cret", "", None, {"region_name": "eu"}),
        ),
        ("x://h?__extra__=%7B%22a%22%3A%201%7D", ("x", "h", None, None, "", None, {"a": 1})),
        ("http://https://u:p@host:80/x", ("http", "https://host", "u", "p", "x", 80, {})),
        ("x://:only@h/s%20p", ("x", "h", "", "only", "s p", None, {})),
    ],
)
def test_connection_uri_both_ways(uri: str, fields: tuple[Any, ...]) -> None:
    def parts(connection: Connection) -> tuple[Any, ...]:
        c = connection
        return (c.conn_type, c.host, c.login, c.password, c.schema, c.port, c.extra_dejson)

    one = Connection(conn_id="c", uri=uri)
    assert parts(one) == fields
    assert parts(Connection(uri=one.get_uri())) == fields
    assert parts(Connection.from_json(one.as_json())) == fields


def test_mask_secret_tells_the_agent_all_texts(agent: Any) -> None:
    asked = agent(lambda method, params: None)
    mask_secret({"a": "one", "b": ["two", "", 3]})
    assert asked == [("mask", {"values": ["one", "two"]})]
