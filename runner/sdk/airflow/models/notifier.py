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

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        from airflow._task.templates import Renderer

        owner = context.get("task") or SimpleNamespace(get_dag=lambda: context["dag"])
        renderer = Renderer(owner, context, jinja_env)
        for name in self.template_fields:
            setattr(self, name, renderer.render(getattr(self, name)))

    def __call__(self, *args: Any) -> None:
        context = args[0]
        self.render_template_fields(context)
        self.notify(context)
