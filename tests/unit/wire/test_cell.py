"""The cell spec's readings of what users write."""

from __future__ import annotations

import pytest
from airflow._wire.cell import Bucket, CellSpec


def made(**facts: str) -> CellSpec:
    config = {f"core.{key}": value for key, value in facts.items()}
    bucket = Bucket("b", "")
    return CellSpec(
        environment="e", airflow_version="10.1.2", database_url="", source=bucket, logs=bucket,
        python="", sdk="", token="", config=config,
    )  # fmt: skip


@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize(
    ("text", "value"), [("True", True), (" on ", True), ("1", True), ("FALSE", False), ("0", False)]
)
def test_a_flag_is_read_in_every_spelling(text: str, value: bool, default: bool) -> None:
    assert made(x=text).flag("core", "x", default) is value


@pytest.mark.parametrize("default", [True, False])
def test_a_flag_that_says_nothing_is_the_default(default: bool) -> None:
    assert made().flag("core", "x", default) is made(x="perhaps").flag("core", "x", default) is default


def test_the_generation_is_a_number() -> None:
    assert made().generation == 10
