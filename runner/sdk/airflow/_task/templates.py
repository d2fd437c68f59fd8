"""Rendering of an operator's templated fields with Jinja.

Text without template marks, or with plain names such as `{{ ds }}` only, is not handed to Jinja at all (what Jinja
changes besides, dropping a last newline, is done here): most tasks never need an environment, which costs more than
all the rest of a small task.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from airflow.models.dagparam import DagParam
from airflow.models.expansion import MappedArgument
from airflow.models.xcom_arg import XComArg

_MARKS = ("{{", "{%", "{#", "}}", "\r")
_NAME = re.compile(r"(?<!\{)\{\{ *([A-Za-z_]\w*) *\}\}(?!\})")


def render_fields(task: Any, context: Any, env: Any = None) -> None:
    """Render every templated field of `task` in place."""
    renderer = Renderer(task, context, env)
    for name in task.template_fields:
        if not hasattr(task, name):
            raise AttributeError(
                f"cannot render {name!r} of {task.task_id!r}: {type(task).__name__} names it in template_fields "
                "and has no such attribute"
            )
        value = getattr(task, name)
        if value:
            rendered = renderer.render(value)
            if rendered is not value:
                setattr(task, name, rendered)
    if renderer.read_files:
        task.prepare_template()
    if renderer.found:
        task.__dict__["_held_templates"] = True


class Renderer:
    """Renders values for one task in one context; the environment is built when the first template appears."""

    def __init__(self, task: Any, context: Any, env: Any = None) -> None:
        self._task = task
        self._context = context
        self._env = env
        dag = task.get_dag()
        wanted = getattr(task, "render_template_as_native_obj", None)
        self._native = bool(
            getattr(dag, "render_template_as_native_obj", False) if wanted is None else wanted
        )
        self._always = self._native or bool(getattr(dag, "jinja_environment_kwargs", None)) or env is not None
        self._results = getattr(task, "_mapped_results", None)
        self.read_files = False
        self.found = False
        """Something was rendered, and is not just as it was written."""

    def render(self, value: Any) -> Any:
        """`value` with templates in it rendered, at any depth; other objects stay as they are."""
        if self._results and id(value) in self._results:
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, (XComArg, DagParam, MappedArgument, LiteralValue)):
            self.found = True
            return value.resolve(self._context)
        kind = type(value)
        if kind in (list, set):
            return kind(self.render(item) for item in value)
        if isinstance(value, tuple):
            items = [self.render(item) for item in value]
            return tuple(items) if kind is tuple else kind(*items)
        if kind is dict:
            return {key: self.render(item) for key, item in value.items()}
        return self._nested(value)

    def _nested(self, value: Any) -> Any:
        """An object that names template_fields of its own is rendered in place."""
        for name in getattr(type(value), "template_fields", ()):
            setattr(value, name, self.render(getattr(value, name)))
        return value

    def _text(self, text: str) -> Any:
        if self._is_file_name(text):
            self.read_files = self.found = True
            return self._output(self.environment().get_template(text))
        if not self._always:
            plain = self._without_jinja(text)
            if plain is not None:
                self.found = self.found or "{{" in text
                return plain
        self.found = True
        return self._output(self.environment().from_string(text))

    def needs_jinja(self, value: Any) -> bool:
        """Whether `render` would take Jinja for `value`, as far as that can be seen without the results of others."""
        if isinstance(value, str):
            return self._always or self._is_file_name(value) or self._without_jinja(value) is None
        if isinstance(value, (list, tuple, set)):
            return any(map(self.needs_jinja, value))
        if isinstance(value, dict):
            return any(map(self.needs_jinja, value.values()))
        names = getattr(type(value), "template_fields", ())
        return any(self.needs_jinja(getattr(value, name, None)) for name in names)

    def _is_file_name(self, text: str) -> bool:
        return text.endswith(tuple(self._task.template_ext or ()))

    def _without_jinja(self, text: str) -> str | None:
        """Text that holds nothing but plain names of the context, as Jinja would render it; None for any other."""
        names = _NAME.findall(text)
        rest = _NAME.sub("", text) if names else text
        if any(mark in rest for mark in _MARKS) or any(name not in self._context for name in names):
            return None
        filled = _NAME.sub(lambda match: str(self._context[match[1]]), text) if names else text
        return filled[:-1] if text.endswith("\n") else filled

    def environment(self) -> Any:
        if self._env is None:
            self._env = environment_for(self._task.get_dag(), self._native)
        return self._env

    def _output(self, template: Any) -> Any:
        """Run a template against the lazy context, without making a dict of all of it."""
        env = template.environment
        names = _WithGlobals(self._context, template.globals)
        try:
            parts = template.root_render_func(env.context_class(env, names, template.name, template.blocks))
            return self._join(parts)
        except Exception:
            env.handle_exception()

    def _join(self, parts: Any) -> Any:
        if not self._native:
            return "".join(parts)
        from jinja2.nativetypes import native_concat

        return native_concat(parts)


class _WithGlobals(Mapping[str, Any]):
    """The task's context over the environment's globals."""

    def __init__(self, context: Any, names: Any) -> None:
        self._context, self._globals = context, names

    def __getitem__(self, name: str) -> Any:
        return self._context[name] if name in self._context else self._globals[name]

    def __contains__(self, name: object) -> bool:
        return name in self._context or name in self._globals

    def __iter__(self) -> Any:
        return iter({**dict.fromkeys(self._globals), **dict.fromkeys(self._context)})

    def copy(self) -> dict[str, Any]:
        """What Jinja shows beside an error: nothing, because looking at a value may cost a question."""
        return {}

    def __len__(self) -> int:
        return len(set(self._globals) | set(self._context))


def environment_for(dag: Any, native: bool = False) -> Any:
    """The Jinja environment of a DAG: its search path, macros, filters and own options."""
    import jinja2

    folders = getattr(dag, "template_searchpath", None) or []
    folders = [folders] if isinstance(folders, (str, os.PathLike)) else list(folders)
    own = [dag.folder] if dag is not None else []
    options: dict[str, Any] = {
        "loader": jinja2.FileSystemLoader([*folders, *own]),
        "undefined": getattr(dag, "template_undefined", None) or jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "cache_size": 0,
        **(getattr(dag, "jinja_environment_kwargs", None) or {}),
    }
    env = _kind(native)(**options)
    env.filters.update(FILTERS)
    env.globals.update(getattr(dag, "user_defined_macros", None) or {})
    env.filters.update(getattr(dag, "user_defined_filters", None) or {})
    return env


def _is_safe(env: Any, obj: Any, attr: str, value: Any) -> bool:
    """Single-underscore names are reachable in templates, dunder names are not."""
    return not attr.startswith("__")


@cache
def _kind(native: bool) -> Any:
    """The class of environments; made when templates are first needed."""
    if native:
        from jinja2.nativetypes import NativeEnvironment

        return NativeEnvironment
    from jinja2.sandbox import SandboxedEnvironment

    return type("SandboxedEnvironment", (SandboxedEnvironment,), {"is_safe_attribute": _is_safe})


def _ds(value: dt.datetime) -> str:
    return value.strftime("%Y-%m-%d")


FILTERS: dict[str, Any] = {
    "ds": _ds,
    "ds_nodash": lambda value: value.strftime("%Y%m%d"),
    "ts": lambda value: value.isoformat(),
    "ts_nodash": lambda value: value.strftime("%Y%m%dT%H%M%S"),
    "ts_nodash_with_tz": lambda value: value.isoformat().replace("-", "").replace(":", ""),
}


def literal(value: Any) -> Any:
    """A value that is passed on as it is, templates and all."""
    return LiteralValue(value)


class LiteralValue:
    """See `literal`."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def resolve(self, context: Any) -> Any:
        return self.value
