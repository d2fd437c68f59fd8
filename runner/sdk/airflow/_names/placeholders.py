"""Names that can be imported, subclassed and used as types, and that explain themselves when they are used.

They stand for the parts of Airflow that are the service's own affair here: its ORM, its executors, its web server.
"""

from __future__ import annotations

from typing import Any, NoReturn

from airflow.exceptions import NotSupported


class NotAvailable(NotSupported, AttributeError):
    """A name of Airflow's that has nothing behind it here was used."""


class PlaceholderMeta(type):
    """Attributes and calls of a placeholder raise NotAvailable; those of its subclasses are their own."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _error(cls)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "_placeholder" in cls.__dict__:
            raise _error(cls)
        return super().__call__(*args, **kwargs)

    def __getitem__(cls, item: Any) -> Any:
        return cls

    def __or__(cls, other: Any) -> Any:
        return cls

    def __ror__(cls, other: Any) -> Any:
        return cls

    def __iter__(cls) -> NoReturn:
        raise _error(cls)


def make_placeholder(module: str, name: str, kind: str, words: str) -> Any:
    """What stands for the name: a class for a class and a value, a function for a function."""
    message = f"cannot use {module}.{name}: {words}"
    if kind == "f":

        def placeholder(*args: Any, **kwargs: Any) -> NoReturn:
            raise NotAvailable(message)

        placeholder.__name__, placeholder.__qualname__, placeholder.__module__ = name, name, module
        placeholder._placeholder = message  # type: ignore[attr-defined]
        return placeholder
    return PlaceholderMeta(name, (), {"__module__": module, "_placeholder": message, "__doc__": words})


def is_placeholder(value: Any) -> bool:
    """Whether the name stands for nothing here."""
    return "_placeholder" in getattr(value, "__dict__", ())


def _error(cls: type) -> NotAvailable:
    return NotAvailable(cls._placeholder)  # type: ignore[attr-defined]
