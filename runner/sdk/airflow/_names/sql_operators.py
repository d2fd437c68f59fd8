"""SQL operators that providers dropped for SQLExecuteQueryOperator, which they are here, under their own arguments.

`PostgresOperator(postgres_conn_id=..., ...)` and its kin: the connection's argument has the database's name, and what
the hook should know besides were arguments too.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, NamedTuple


class Old(NamedTuple):
    """How an operator named its connection, and which arguments were for the hook."""

    connection: str
    default: str
    hook_arguments: tuple[str, ...] = ()


OPERATORS = {
    "ExasolOperator": Old("exasol_conn_id", "exasol_default", ("schema",)),
    "JdbcOperator": Old("jdbc_conn_id", "jdbc_default"),
    "MsSqlOperator": Old("mssql_conn_id", "mssql_default"),
    "MySqlOperator": Old("mysql_conn_id", "mysql_default"),
    "OracleOperator": Old("oracle_conn_id", "oracle_default"),
    "PostgresOperator": Old("postgres_conn_id", "postgres_default"),
    "SnowflakeOperator": Old(
        "snowflake_conn_id",
        "snowflake_default",
        ("warehouse", "role", "schema", "authenticator", "session_parameters"),
    ),
    "SqliteOperator": Old("sqlite_conn_id", "sqlite_default"),
    "TrinoOperator": Old("trino_conn_id", "trino_default"),
    "VerticaOperator": Old("vertica_conn_id", "vertica_default"),
}


def __getattr__(name: str) -> Any:
    if name not in OPERATORS:
        raise AttributeError(name)
    return _make(name)


@cache
def _make(name: str) -> Any:
    from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

    old = OPERATORS[name]

    def start(self: Any, **kwargs: Any) -> None:
        hook = {key: kwargs.pop(key) for key in old.hook_arguments if key in kwargs}
        settings = kwargs.pop("runtime_parameters", None)
        if settings:
            hook["options"] = " ".join(f"-c {key}={value}" for key, value in settings.items())
        hook |= kwargs.pop("hook_params", None) or {}
        connection = kwargs.pop(old.connection, None) or kwargs.pop("conn_id", None) or old.default
        kwargs.setdefault("return_last", name != "SnowflakeOperator")
        SQLExecuteQueryOperator.__init__(self, conn_id=connection, hook_params=hook or None, **kwargs)

    start.__name__ = "__init__"
    names = (old.connection, *old.hook_arguments, "runtime_parameters")
    kind = inspect.Parameter
    parameters = [kind(each, kind.KEYWORD_ONLY, default=None) for each in names]
    rest = kind("kwargs", kind.VAR_KEYWORD)
    start.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [kind("self", kind.POSITIONAL_OR_KEYWORD), *parameters, rest]
    )
    body = {"__init__": start, "__module__": __name__, "__doc__": f"{name}, as SQLExecuteQueryOperator."}
    return type(SQLExecuteQueryOperator)(name, (SQLExecuteQueryOperator,), body)
