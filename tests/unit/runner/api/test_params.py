"""A run's conf against the params of its DAG: the same check as tasks make."""

from __future__ import annotations

from typing import Any

import pytest

from runner.api.airflow.params import BadParams, merge_params


def make(value: Any, **schema: Any) -> dict[str, Any]:
    return {"p": {"value": value, "schema": schema}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "minimum": 3}, 2),
        ({"type": "object", "required": ["a"]}, {}),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, 7),
        ({"type": "array", "items": {"enum": [1]}}, [1, 2]),
        ({"minimum": "three"}, 2),
        ({"pattern": "("}, "x"),
    ],
)
def test_conf_that_does_not_fit_is_refused_by_name(schema: dict[str, Any], value: Any) -> None:
    with pytest.raises(BadParams, match="param 'p'"):
        merge_params(make(None, **schema), {"p": value})


def test_values_are_those_of_conf_over_the_defaults() -> None:
    params = {**make(5, type="integer"), "q": 1}
    assert merge_params(params, {"p": 7, "other": True}) == {"p": 7, "q": 1, "other": True}
    with pytest.raises(BadParams, match="has no default"):
        merge_params(make(None, type="string"), {})
