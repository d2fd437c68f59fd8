"""Descriptions of commands, as provider packages write them at import. The service has a command line of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Arg:
    """An argument of a command: its flags, and what argparse is to be told."""

    def __init__(self, flags: Any = None, **options: Any) -> None:
        self.flags = flags
        self.kwargs = {name: value for name, value in options.items() if value is not None}

    def add_to_parser(self, parser: Any) -> None:
        """Add it to an argparse parser."""
        parser.add_argument(*self.flags, **self.kwargs)


class ActionCommand(NamedTuple):
    """One command."""

    name: str
    help: str
    func: Callable[..., Any]
    args: Iterable[Any]
    description: str | None = None
    epilog: str | None = None
    hide: bool = False


class GroupCommand(NamedTuple):
    """Commands under one name."""

    name: str
    help: str
    subcommands: Iterable[Any]
    description: str | None = None
    epilog: str | None = None


CLICommand = ActionCommand | GroupCommand


def lazy_load_command(import_path: str) -> Callable[..., Any]:
    """A function that imports the command when it is called."""

    def command(*args: Any, **kwargs: Any) -> Any:
        from airflow.utils.module_loading import import_string

        return import_string(import_path)(*args, **kwargs)

    command.__name__ = import_path.rpartition(".")[2]
    return command


def positive_int(*, allow_zero: bool) -> Callable[[str], int]:
    """A type of argument: a whole number above zero, or from it on."""

    def read(text: str) -> int:
        import argparse

        lowest = 0 if allow_zero else 1
        number = int(text) if text.strip().isdigit() else -1
        if number < lowest:
            raise argparse.ArgumentTypeError(f"cannot use {text!r}: give a whole number from {lowest} on")
        return number

    return read
