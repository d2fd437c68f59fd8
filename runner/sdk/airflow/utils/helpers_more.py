"""Seldom used helpers; `airflow.utils.helpers` has these names too."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from airflow.configuration import conf
from airflow.exceptions import AirflowException

KEY_REGEX = re.compile(r"^[\w.-]+$")
GROUP_KEY_REGEX = re.compile(r"^[\w-]+$")
CAMELCASE_TO_SNAKE_CASE_REGEX = re.compile(r"(?!^)([A-Z]+)")


def validate_group_key(k: str, max_length: int = 200) -> None:
    """Raises TypeError or AirflowException for what cannot be the id of a task group."""
    if not isinstance(k, str):
        raise TypeError(f"cannot use {k!r} as the id of a group: it is no text")
    if len(k) > max_length or not GROUP_KEY_REGEX.match(k):
        raise AirflowException(
            f"cannot use {k!r} as the id of a group: write at most {max_length} letters, digits, dashes and underscores"
        )


def ask_yesno(question: str, default: bool | None = None) -> bool:
    """Ask on the terminal until the answer is yes or no."""
    while True:
        print(question)
        answer = input().strip().lower()
        if answer in ("y", "yes"):
            return True
        if answer in ("n", "no"):
            return False
        if not answer and default is not None:
            return default


def as_tuple(obj: Any) -> tuple[Any, ...]:
    """A container as a tuple; anything else as a tuple of itself."""
    if hasattr(obj, "__iter__") and not isinstance(obj, str):
        return tuple(obj)
    return (obj,)


def partition(pred: Callable[[Any], bool], iterable: Iterable[Any]) -> tuple[Iterable[Any], Iterable[Any]]:
    """Those for which `pred` is false, and those for which it is true."""
    first, second = itertools.tee(iterable)
    return itertools.filterfalse(pred, first), filter(pred, second)


def at_most_one(*args: Any) -> bool:
    """Whether one of the values is set, or none."""
    from airflow.utils.types import is_arg_set

    return sum(bool(is_arg_set(value) and value) for value in args) <= 1


def prevent_duplicates(kwargs1: dict[str, Any], kwargs2: Mapping[str, Any], *, fail_reason: str) -> None:
    """Raises TypeError when the two have a key in common."""
    both = sorted(set(kwargs1) & set(kwargs2))
    if both:
        raise TypeError(f"{fail_reason} argument{'s' if len(both) > 1 else ''}: {', '.join(both)}")


def build_airflow_url_with_query(query: dict[str, Any]) -> str:
    """The console's address of the list of DAGs, with a query."""
    return f"{_base_url()}/dags?{urlencode(query)}"


def build_airflow_dagrun_url(dag_id: str, run_id: str) -> str:
    """The console's address of a run."""
    return f"{_base_url()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def parse_template_string(template_string: str) -> tuple[str | None, Any]:
    """Text with braces as (None, a Jinja template), other text as (the text, None)."""
    if "{{" not in template_string:
        return template_string, None
    import jinja2

    return None, jinja2.Template(template_string)


def render_template(template: Any, context: Mapping[str, Any], *, native: bool) -> Any:
    """A Jinja template rendered: to text, or to the value its expression has."""
    text = "".join(template.root_render_func(template.new_context(dict(context), shared=False)))
    if not native:
        return text
    from jinja2.nativetypes import native_concat

    return native_concat([text])


def render_template_to_string(template: Any, context: Mapping[str, Any]) -> str:
    return str(render_template(template, context, native=False))


def render_template_as_native(template: Any, context: Mapping[str, Any]) -> Any:
    return render_template(template, context, native=True)


def _base_url() -> str:
    return str(conf.get("api", "base_url")).rstrip("/")
