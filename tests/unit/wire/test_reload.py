"""What of a spec only a new engine takes up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from airflow._wire.cell import Bucket, CellSpec
from airflow._wire.reload import NEEDS_NEW_ENGINE, list_restarts

SPEC = CellSpec(
    environment="e", airflow_version="3.3.1", database_url="", source=Bucket("b", "dags"), logs=Bucket("b", ""),
    python="", sdk="", token="", config={"core.parallelism": "4"},
)  # fmt: skip


@pytest.mark.parametrize("field", NEEDS_NEW_ENGINE)
def test_every_field_of_the_table_is_one_of_the_spec(field: str) -> None:
    assert list_restarts(SPEC, change(field, "another")) == [field]


@pytest.mark.parametrize("fields", [{"slots": 7}, {"python": "/other"}, {"config": {}}, {"revision": 9}])
def test_what_is_not_in_the_table_is_taken_up_live(fields: dict[str, object]) -> None:
    assert list_restarts(SPEC, replace(SPEC, **fields)) == []


@pytest.mark.parametrize(
    ("config", "restarts"),
    [
        ({"core.parallelism": "4", "core.x": "new"}, []),
        ({"core.parallelism": "5"}, ["config.core.parallelism"]),
        ({}, ["config.core.parallelism"]),
    ],
)
def test_an_option_can_be_named_in_the_table(config: dict[str, str], restarts: list[str]) -> None:
    table = {"config.core.parallelism": "for the sake of the test"}
    assert list_restarts(SPEC, replace(SPEC, config=config), table) == restarts


def change(field: str, value: str) -> CellSpec:
    first, _, rest = field.partition(".")
    return replace(SPEC, **{first: replace(getattr(SPEC, first), **{rest: value}) if rest else value})
