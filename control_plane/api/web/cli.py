"""The CLI endpoint: a command line in, `{"stdout", "stderr"}` in base64 out; the exit status is in a header.

The command runs in the cell (`runner/api/cli`), with the Airflow role of the token's owner.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import orjson
from anyio import CapacityLimiter

from control_plane.api.aws.errors import Answer
from control_plane.api.web.cookies import find_bearer
from control_plane.api.web.visit import Visit, check_serving
from control_plane.bounded import Bounded
from control_plane.domain.errors import Code, ServiceError
from control_plane.operations.service import CellRequest, CellUnreachable
from control_plane.operations.visits import Visitor

TIMEOUT = 120.0
AT_ONCE = 4
EXIT_HEADER = "X-Aerodrome-Exit-Code"
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Queues:
    """Commands of one environment wait for each other, first come first served; other environments do not notice."""

    kept: Bounded[str, CapacityLimiter] = field(default_factory=lambda: Bounded(_KEPT))

    def of(self, environment: str) -> CapacityLimiter:
        """The queue of an environment. For one event loop."""
        limiter = self.kept.find(environment)
        if limiter is None:
            limiter = CapacityLimiter(AT_ONCE)
            self.kept.put(environment, limiter)
        return limiter


def admit(visit: Visit) -> Visitor:
    """The holder of the request's CLI token. Raises ServiceError."""
    token = find_bearer(visit.request)
    if token is None:
        raise ServiceError(
            Code.ACCESS_DENIED, "The request has no CLI token: send Authorization: Bearer <CliToken>"
        )
    visitor = visit.keeper.identify_cli(token, visit.named, visit.context_of)
    visit.note(visitor)
    check_serving(visitor)
    return visitor


def run_command(visit: Visit, visitor: Visitor) -> Answer:
    """Run the command line in the request's body."""
    command = visit.request.body.decode("utf-8", "replace")
    if "\0" in command:
        return _answer(400, "", "cannot run this: a command line has no NUL in it\n", "2")
    request = CellRequest("POST", "/cli", "", orjson.dumps({"command": command}), visitor.user, visitor.role)
    name = visitor.environment.name
    try:
        answer = visit.service.cells.call(name, request, TIMEOUT)
    except CellUnreachable as error:
        raise ServiceError(Code.UNAVAILABLE, str(error)) from error
    if answer.status != 200:
        raise ServiceError(
            Code.UNAVAILABLE,
            f"Environment {name} answered {answer.status} to the command: try it again in a moment; "
            f"`aerodrome status` shows whether {name} is well",
        )
    made = orjson.loads(answer.body)
    visit.keep(visitor, "RunCliCommand", f"{made['name']}: exit status {made['exit_code']}")
    return _answer(made["status"], made["stdout"], made["stderr"], str(made["exit_code"]))


def _answer(status: int, stdout: str, stderr: str, exit_code: str) -> Answer:
    printed = {"stdout": stdout, "stderr": stderr}
    shown = {stream: base64.b64encode(text.encode()).decode() for stream, text in printed.items()}
    return Answer(status, orjson.dumps(shown), {EXIT_HEADER: exit_code})
