"""Connections that nobody made."""

from __future__ import annotations

import pytest
from airflow.exceptions import AirflowNotFoundException
from airflow.hooks.base import BaseHook


def test_the_connections_of_a_new_airflow_are_there_unless_they_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {name: BaseHook.get_connection(name) for name in ("aws_default", "fs_default", "sqlite_default")}
    assert {name: each.conn_type for name, each in found.items()} == {
        "aws_default": "aws",
        "fs_default": "fs",
        "sqlite_default": "sqlite",
    }
    assert found["fs_default"].extra_dejson == {"path": "/"}
    assert str(found["sqlite_default"].host).endswith("/sqlite_default.db")
    for option in ("DATABASE", "CORE"):
        with monkeypatch.context() as context:
            context.setenv(f"AIRFLOW__{option}__LOAD_DEFAULT_CONNECTIONS", "False")
            with pytest.raises(AirflowNotFoundException, match="aws_default"):
                BaseHook.get_connection("aws_default")


def test_a_connection_of_that_name_comes_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HTTP_DEFAULT", "http://mine:80")
    assert BaseHook.get_connection("http_default").host == "mine"


def test_a_default_of_the_environments_own_kind_only_is_no_connection() -> None:
    with pytest.raises(AirflowNotFoundException, match="mysql_default"):
        BaseHook.get_connection("mysql_default")
