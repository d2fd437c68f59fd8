"""A request to a web host, from its route to its answer. Nothing here blocks the loop: handlers have threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from anyio import CapacityLimiter, to_thread

from control_plane.api.aws.errors import Answer
from control_plane.api.middleware import Trace
from control_plane.api.throttle import Throttle
from control_plane.api.web.cli import Queues, admit, run_command
from control_plane.api.web.routes import WebRoute
from control_plane.api.web.visit import Visit
from control_plane.iam.canonical import Request
from control_plane.operations.visits import Doorkeeper

_THREADS = 32


@dataclass(frozen=True, slots=True)
class WebEdge:
    """Answers what `find_web_route` found."""

    keeper: Doorkeeper
    throttle: Throttle
    queues: Queues = field(default_factory=Queues)
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_THREADS))

    async def answer(self, route: WebRoute, request: Request, trace: Trace) -> Answer:
        """The answer. Raises ServiceError."""
        trace.operation = route.name
        visit = Visit(self.keeper, self.throttle, request, trace)
        if route.handler is not None:
            return await to_thread.run_sync(route.handler, visit, limiter=self.threads)
        visitor = await to_thread.run_sync(admit, visit, limiter=self.threads)
        queue = self.queues.of(visitor.environment.uid)
        return await to_thread.run_sync(partial(run_command, visit, visitor), limiter=queue)
