"""The listeners of a process, by name of what they want to be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.listeners.marker import MARK


class ListenerManager:
    """Holds modules or objects whose functions are marked with `hookimpl`; `hook.<name>(...)` calls them all."""

    def __init__(self) -> None:
        self._listeners: list[Any] = []

    @property
    def has_listeners(self) -> bool:
        return bool(self._listeners)

    @property
    def hook(self) -> Caller:
        return Caller(self._listeners)

    def add_listener(self, listener: Any) -> None:
        """Add one; a second time changes nothing."""
        if listener not in self._listeners:
            self._listeners.append(listener)

    def list_functions(self, name: str) -> list[Callable[..., Any]]:
        """The marked functions of that name."""
        found = (getattr(listener, name, None) for listener in self._listeners)
        return [function for function in found if function is not None and hasattr(function, MARK)]

    def listens(self, name: str) -> bool:
        """Whether somebody wants to be told this."""
        return bool(self.list_functions(name))

    def clear(self) -> None:
        self._listeners.clear()


class Caller:
    """`caller.on_...(**facts)`: every listener's function of that name, with the facts that it takes."""

    def __init__(self, listeners: list[Any]) -> None:
        self._listeners = listeners

    def __getattr__(self, name: str) -> Callable[..., list[Any]]:
        if name.startswith("__"):
            raise AttributeError(name)
        found = (getattr(listener, name, None) for listener in self._listeners)
        functions = [function for function in found if function is not None and hasattr(function, MARK)]

        def call(**facts: Any) -> list[Any]:
            from airflow.utils.operator_helpers import determine_kwargs

            return [function(**determine_kwargs(function, (), facts)) for function in functions]

        return call


_manager = ListenerManager()


def get_listener_manager() -> ListenerManager:
    """The one of this process."""
    return _manager
