"""From a command line to a command with its arguments: argparse's rules, texts and exit statuses, without its exits.

Only the parser of the command that is asked for is built. A line that is no command builds the parser of its group,
whose complaint or help is the answer.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from runner.api.cli.shell import Exit, Shell, Streams

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Option:
    """One argument, as argparse wants it."""

    flags: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    only: int | None = None
    """The generation of Airflow (2, 3) that has it; None for all."""


def option(*flags: str, only: int | None = None, **settings: Any) -> Option:
    """An argument: `option("-o", "--output", default="table")`."""
    return Option(flags, settings, only)


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `route` is the route of REST v2 that it amounts to: who may use that may run this."""

    path: tuple[str, ...]
    help: str
    run: Callable[[Shell], None]
    route: tuple[str, str]
    options: tuple[Option, ...] = ()

    @property
    def name(self) -> str:
        return " ".join(self.path)


def split(line: str) -> list[str]:
    """A command line as a shell would split it; nothing in it is ever run by one. Raises ValueError."""
    words = shlex.split(line)
    return words[1:] if words[:1] == ["airflow"] else words


def find_command(words: Sequence[str], commands: Iterable[Command]) -> Command | None:
    """The command that the first words name."""
    return next((found for found in commands if tuple(words[: len(found.path)]) == found.path), None)


def parse(command: Command, words: Sequence[str], generation: int, streams: Streams) -> argparse.Namespace:
    """The command's arguments. Raises Exit: 0 when help was asked for, 2 for what it does not take."""
    parser = _parser(f"airflow {command.name}", command.help, streams)
    for item in command.options:
        if item.only in (None, generation):
            parser.add_argument(*item.flags, **item.settings)
    return parser.parse_args(words[len(command.path) :])


def refuse(
    words: Sequence[str], commands: Sequence[Command], groups: Mapping[str, str], streams: Streams
) -> NoReturn:
    """Answer a line that names no command: the help it asks for (0), or what is wrong with it (2). Raises Exit."""
    group = words[0] if words and words[0] in groups else None
    parser = _parser(f"airflow {group}" if group else "airflow", groups.get(group or "", ""), streams)
    children = parser.add_subparsers(dest="subcommand", metavar="COMMAND" if group else "GROUP_OR_COMMAND")
    children.required = True
    for name, text in _children(group, commands, groups):
        children.add_parser(name, help=text)
    parser.parse_args(words[1:] if group else words)
    raise Exit(2)  # not reached: a line that the parser takes would have been a command


def _children(
    group: str | None, commands: Sequence[Command], groups: Mapping[str, str]
) -> list[tuple[str, str]]:
    if group is not None:
        return sorted((command.path[1], command.help) for command in commands if command.path[0] == group)
    single = [(command.path[0], command.help) for command in commands if len(command.path) == 1]
    return sorted([*groups.items(), *single])


class _Parser(argparse.ArgumentParser):
    """Writes to streams of ours, and raises where argparse would end the process."""

    streams: Streams

    def _print_message(self, message: str, file: object = None) -> None:
        self.streams.out.append(message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise Exit(status, message or "")

    def error(self, message: str) -> NoReturn:
        """As Airflow: the help on stdout, what is wrong on stderr."""
        self.print_help()
        self.exit(2, f"\n{self.prog} command error: {message}, see help above.")


def _parser(prog: str, text: str, streams: Streams) -> _Parser:
    formatter = partial(argparse.RawTextHelpFormatter, width=_WIDTH)
    parser = _Parser(prog=prog, description=text, formatter_class=formatter)
    parser.streams = streams
    return parser
