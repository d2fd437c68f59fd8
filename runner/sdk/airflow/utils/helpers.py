"""Small helpers that operators and DAG files import from Airflow."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable
from functools import reduce
from typing import Any

from airflow.models.chains import chain, cross_downstream
from airflow.models.identifiers import validate_key

__all__ = [
    "as_flattened_list", "chain", "chunks", "convert_camel_to_snake", "cross_downstream", "exactly_one", "is_container",
    "merge_dicts", "prune_dict", "reduce_in_chunks", "validate_key",
]  # fmt: skip


def is_container(value: Any) -> bool:
    """Whether it can be iterated over and is no text."""
    return hasattr(value, "__iter__") and not isinstance(value, str)


def chunks(items: list[Any], chunk_size: int) -> Generator[list[Any], None, None]:
    """`items` in lists of `chunk_size`, the last perhaps shorter."""
    if chunk_size <= 0:
        raise ValueError("cannot cut a list into chunks: the size must be more than 0")
    for start in range(0, len(items), chunk_size):
        yield items[start : start + chunk_size]


def reduce_in_chunks(
    fn: Callable[..., Any], iterable: list[Any], initializer: Any, chunk_size: int = 0
) -> Any:
    """Reduce by chunks of the list instead of single items."""
    if not iterable:
        return initializer
    return reduce(fn, chunks(iterable, chunk_size or len(iterable)), initializer)


def as_flattened_list(iterable: Iterable[Iterable[Any]]) -> list[Any]:
    return [item for inner in iterable for item in inner]


def exactly_one(*values: Any) -> bool:
    """Whether exactly one of the values is true. Raises ValueError for a single list: pass its items."""
    if len(values) == 1 and is_container(values[0]):
        raise ValueError("cannot count in a list: pass the values one by one")
    return sum(map(bool, values)) == 1


def prune_dict(value: Any, mode: str = "strict") -> Any:
    """Without None values (strict) or without all empty values (truthy), at any depth."""
    if mode not in ("strict", "truthy"):
        raise ValueError(f"cannot prune in the mode {mode!r}; the modes are strict and truthy")

    def is_empty(item: Any) -> bool:
        return item is None if mode == "strict" else not bool(item)

    if isinstance(value, dict):
        pruned = {key: prune_dict(item, mode) for key, item in value.items() if not is_empty(item)}
        return {key: item for key, item in pruned.items() if not (mode == "truthy" and is_empty(item))}
    if isinstance(value, list):
        return [prune_dict(item, mode) for item in value if not is_empty(item)]
    return value


def merge_dicts(dict1: dict[Any, Any], dict2: dict[Any, Any]) -> dict[Any, Any]:
    """`dict2` over `dict1`, dicts inside merged likewise."""
    merged = dict(dict1)
    for key, item in dict2.items():
        both = isinstance(merged.get(key), dict) and isinstance(item, dict)
        merged[key] = merge_dicts(merged[key], item) if both else item
    return merged


def convert_camel_to_snake(camel_str: str) -> str:
    return re.sub(r"(?!^)([A-Z]+)", r"_\1", camel_str).lower()
