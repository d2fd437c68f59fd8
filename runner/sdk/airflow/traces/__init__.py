"""Spans of a trace, with nothing behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class EmptySpan:
    """A span: a context manager that takes whatever it is told."""

    def __enter__(self) -> EmptySpan:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, func: Any) -> Any:
        return func

    def is_recording(self) -> bool:
        return False

    def set_attribute(self, key: str, value: Any) -> None:
        """A fact about the span."""

    def set_attributes(self, attributes: Any) -> None:
        """Several."""

    def add_event(self, name: str, attributes: Any = None, timestamp: Any = None) -> None:
        """Something that happened in it."""

    def add_link(self, context: Any, attributes: Any = None) -> None:
        """Another span that it belongs to."""

    def end(self, end_time: Any = None) -> None:
        """The span is over."""


class Trace:
    """Starts spans."""

    @classmethod
    def start_span(cls, *_: Any, **__: Any) -> EmptySpan:
        return EmptySpan()

    start_root_span = start_child_span = use_span = start_span
    start_span_from_dagrun = start_span_from_taskinstance = get_current_span = start_span

    @classmethod
    def get_tracer(cls, *_: Any, **__: Any) -> type[Trace]:
        return cls

    @classmethod
    def inject(cls) -> dict[str, str]:
        return {}

    @classmethod
    def extract(cls, carrier: dict[str, str]) -> None:
        return None


EmptyTrace = DebugTrace = Trace


def span(func: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the calls of a function are spans."""
    return func
