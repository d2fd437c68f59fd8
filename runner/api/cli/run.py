"""POST /cli on the cell's private socket: a command line in, what it wrote out.

The answer's `status` is what the web host answers with: 200 for whatever was run, also when it failed or was misused
(scripts read stdout and stderr only after a 200); 400 for a line that is not run at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from runner.api.answers import reply
from runner.api.auth import Role
from runner.api.call import Call, read_json
from runner.api.cli.parsing import Command, find_command, parse, refuse, split
from runner.api.cli.shell import Exit, Shell, Streams, find_route
from runner.api.cli.tree import COMMANDS, GROUPS, find_refusal
from runner.api.errors import ApiError

_MOST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command line ended."""

    code: int
    name: str
    """The command without its arguments, which may hold secrets; for logs."""
    status: int = 200


def run_cli(call: Call) -> Response:
    """POST /cli"""
    body = read_json(call.body)
    line = body.get("command") if isinstance(body, dict) else None
    streams = Streams()
    if not isinstance(line, str) or len(line) > _MOST:
        streams.err.append(f"cannot run this: a command line is a text of at most {_MOST} characters\n")
        ended = Ended(2, "unreadable", 400)
    else:
        ended = run_line(call, line, streams)
    return reply(
        {
            "stdout": "".join(streams.out),
            "stderr": "".join(streams.err),
            "exit_code": ended.code,
            "name": ended.name,
            "status": ended.status,
        }
    )


def run_line(call: Call, line: str, streams: Streams) -> Ended:
    """Run one command line. Whatever the user did wrong is on stderr; only a fault of ours raises."""
    try:
        words = split(line)
    except ValueError as error:
        streams.err.append(f"cannot read the command line: {error}\n")
        return Ended(2, "unreadable", 400)
    refusal = find_refusal(words)
    if refusal is not None:
        streams.err.append(f"{refusal}\n")
        return Ended(2, "refused", 400)
    command = find_command(words, COMMANDS)
    name = "unknown" if command is None else command.name
    try:
        if command is None:
            refuse(words, COMMANDS, GROUPS, streams)
        _run(call, command, words, streams)
    except Exit as end:
        if end.message:
            streams.err.append(f"{end.message}\n")
        return Ended(end.code, name)
    except ApiError as error:
        streams.err.append(f"{_describe(error, command, call)}\n")
        return Ended(1, name)
    return Ended(0, name)


def _run(call: Call, command: Command, words: list[str], streams: Streams) -> None:
    generation = max(2, call.cell.spec.generation)
    args = parse(command, words, min(generation, 3), streams)
    _handler, least = find_route(*command.route)
    if call.identity.role < least:
        raise ApiError("forbidden", "Forbidden")
    command.run(Shell(call, args, streams))


def _describe(error: ApiError, command: Command | None, call: Call) -> str:
    if error.code == "forbidden" and command is not None:
        least = Role(find_route(*command.route)[1]).name.capitalize()
        mine = call.identity.role.name.capitalize()
        return f"cannot run `airflow {command.name}`: it needs the Airflow role {least}, and this token has {mine}"
    if isinstance(error.detail, str):
        return error.detail
    return (
        "; ".join(_describe_problem(found) for found in error.detail)
        if isinstance(error.detail, list)
        else str(error.detail)
    )


def _describe_problem(found: dict[str, object]) -> str:
    where = found.get("loc")
    place = ".".join(map(str, where[1:])) + ": " if isinstance(where, list) else ""
    return f"{place}{found.get('msg')}"
