"""Params: a DAG's defaults with a run's conf laid over them, checked against their schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow._wire.encoding import TYPE
from airflow._wire.json_schema import find_problem


class BadParams(ValueError):
    """A value does not fit its param; the message names it."""


def merge_params(params: Mapping[str, Any], conf: Mapping[str, Any]) -> dict[str, Any]:
    """Every param's value for a run with this conf. Raises BadParams."""
    merged = {}
    for name, param in params.items():
        default, schema = _split(param)
        value = conf.get(name, default)
        if name not in conf and default is None and "null" not in _types(schema) and _types(schema):
            raise BadParams(f"cannot start the run: param {name!r} has no default, and conf does not give it")
        if name in conf and schema:
            _check(name, value, schema)
        merged[name] = value
    return {**merged, **conf}


def _check(name: str, value: Any, schema: Mapping[str, Any]) -> None:
    try:
        problem = find_problem(value, schema)
    except (TypeError, ValueError, AttributeError, re.error) as error:
        raise BadParams(
            f"cannot start the run: the schema of param {name!r} cannot be read: {error}"
        ) from None
    if problem is not None:
        raise BadParams(f"cannot start the run: param {name!r} is {value!r}, which {problem}")


def _split(param: Any) -> tuple[Any, Mapping[str, Any]]:
    """A param's default and schema, however it was written."""
    if isinstance(param, dict) and "schema" in param and TYPE not in param:
        return param.get("value"), param.get("schema") or {}
    return param, {}


def _types(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type")
    return [kind] if isinstance(kind, str) else list(kind or [])
