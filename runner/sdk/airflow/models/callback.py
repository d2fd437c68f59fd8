"""What a deadline calls when it is missed: a function by its place, with keyword arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any


class Callback:
    """`callback_callable`: a function of a module, a notifier class, or the dotted path of one.

    Raises ImportError for text that is no dotted path, ValueError for a keyword argument called `context`.
    """

    def __init__(
        self, callback_callable: Callable[..., Any] | str, kwargs: dict[str, Any] | None = None
    ) -> None:
        if kwargs and "context" in kwargs:
            raise ValueError(
                "cannot take the keyword argument 'context': it is the name of what is passed in"
            )
        self.kwargs = kwargs or {}
        self._function = None if isinstance(callback_callable, str) else callback_callable
        self.path = self.get_callback_path(callback_callable)

    @classmethod
    def get_callback_path(cls, callback: Callable[..., Any] | str) -> str:
        """The dotted path of a function; text is checked and kept."""
        if callable(callback):
            cls.verify_callable(callback)
            return f"{callback.__module__}.{callback.__qualname__}"
        path = str(callback).strip()
        if not all(part.isidentifier() for part in path.split(".")) or "." not in path:
            raise ImportError(f"cannot use {callback!r} as a callback: it is no dotted path of a function")
        return path

    @classmethod
    def verify_callable(cls, callback: Callable[..., Any]) -> None:
        """Raises AttributeError for what a subclass cannot call."""

    def find(self) -> Callable[..., Any]:
        """The function. Raises ImportError or AttributeError when its path leads nowhere."""
        if self._function is None:
            module, _, name = self.path.rpartition(".")
            self._function = getattr(import_module(module), name)
            self.verify_callable(self._function)
        return self._function

    def serialize(self) -> dict[str, Any]:
        return {"path": self.path, "kwargs": self.kwargs}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((type(self), self.path))


class AsyncCallback(Callback):
    """A coroutine function, or a notifier class with `async_notify`."""

    @classmethod
    def verify_callable(cls, callback: Callable[..., Any]) -> None:
        if not (inspect.iscoroutinefunction(callback) or hasattr(callback, "__await__")):
            raise AttributeError(f"cannot await {callback!r}: write `async def`, or use SyncCallback")


class SyncCallback(Callback):
    """An ordinary function, or a notifier class. `executor` is kept and has no meaning here."""

    def __init__(
        self,
        callback_callable: Callable[..., Any] | str,
        kwargs: dict[str, Any] | None = None,
        executor: str | None = None,
    ) -> None:
        super().__init__(callback_callable, kwargs)
        self.executor = executor
