"""BaseNotifier: a callback as an object, with templated fields."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any


class BaseNotifier:
    """Subclasses define `notify(context)`; fields in `template_fields` are rendered before it."""

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = kwargs

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger(f"{type(self).__module__}.{type(self).__name__}")

    def notify(self, context: Any) -> None:
        """Send the message."""
        raise NotImplementedError(f"cannot notify: {type(self).__name__} does not define notify(context)")

    def get_template_env(self, dag: Any = None) -> Any:
        """The Jinja environment of a DAG; without one, a plain one."""
        from airflow._task.templates import environment_for

        return environment_for(dag)

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        self._do_render_template_fields(self, self.template_fields, context, jinja_env)

    def render_template(
        self, content: Any, context: Any, jinja_env: Any = None, seen_oids: Any = None
    ) -> Any:
        """`content` with every template in it rendered."""
        from airflow._task.templates import Renderer

        owner = context.get("task") or SimpleNamespace(get_dag=lambda: context.get("dag"))
        return Renderer(owner, context, jinja_env).render(content)

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: Any = None
    ) -> None:
        """Render the attributes of `parent` that are named; notifiers of packages render with it what they add late."""
        for name in template_fields:
            setattr(parent, name, self.render_template(getattr(parent, name), context, jinja_env))

    def __call__(self, *args: Any) -> None:
        context = args[0]
        self.render_template_fields(context)
        self.notify(context)
