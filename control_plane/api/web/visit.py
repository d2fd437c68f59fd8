"""One request to a web host, and what its handlers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson

from control_plane.api.aws.authorize import circumstances_of, to_detail
from control_plane.api.aws.errors import Answer
from control_plane.api.middleware import Trace
from control_plane.api.throttle import Throttle
from control_plane.api.web.cookies import find_secret
from control_plane.domain.errors import Code, ServiceError
from control_plane.domain.status import SERVING
from control_plane.domain.web_hosts import Named, find_named
from control_plane.iam.authorize import Caller, context_of, tag_context
from control_plane.iam.canonical import Request
from control_plane.operations.service import Service
from control_plane.operations.visits import Doorkeeper, Visitor
from control_plane.store import audit


@dataclass(frozen=True, slots=True)
class Visit:
    """What a handler gets. Handlers run in worker threads and may block."""

    keeper: Doorkeeper
    throttle: Throttle
    request: Request
    trace: Trace

    @property
    def service(self) -> Service:
        return self.keeper.service

    @property
    def named(self) -> Named | None:
        """The environment that the Host header names."""
        hosts = self.request.values("host")
        return find_named(hosts[0].decode("latin-1")) if len(hosts) == 1 else None

    def context_of(self, caller: Caller, tags: Mapping[str, str]) -> Mapping[str, object]:
        """What policies may ask about this request; `tags` are the environment's."""
        circumstances = circumstances_of(self.service, self.request, self.trace)
        return {**context_of(caller, circumstances), **tag_context({}, (), tags)}

    def form(self) -> dict[str, str]:
        """The members of a form; empty for any other body."""
        kind = next(iter(self.request.values("content-type")), b"").partition(b";")[0].strip().lower()
        if kind != b"application/x-www-form-urlencoded":
            return {}
        return dict(parse_qsl(self.request.body.decode("utf-8", "replace"), keep_blank_values=True))

    def find_visitor(self, secret: str | None = None) -> Visitor | None:
        """Whose session this request has; by its cookies when no secret is given."""
        secret = secret or find_secret(self.request)
        visitor = None if secret is None else self.keeper.find_visitor(secret, self.named, self.context_of)
        if visitor is not None:
            self.note(visitor)
        return visitor

    def note(self, visitor: Visitor) -> None:
        """Let the log say who it was."""
        self.trace.caller, self.trace.resource = visitor.caller.arn, visitor.environment.arn

    def keep(self, visitor: Visitor, action: str, detail: str, soon: bool = False) -> None:
        """Leave a row in the audit trail; `detail` must hold no value that the visitor sent, `soon` is for reads."""
        self.trace.reason = f"signed in, Airflow role {visitor.role}"
        entry = audit.Entry(
            at=self.service.clock(),
            caller=visitor.caller.arn,
            action=f"aerodrome:{action}",
            resource=visitor.environment.arn,
            decision="allow",
            reason=self.trace.reason,
            request_id=self.trace.request_id,
            access_key_id=visitor.caller.access_key_id,
            source_ip=self.trace.source_ip,
            detail=to_detail(detail),
        )
        if soon:
            self.service.trail.put_soon(entry)
        else:
            self.service.trail.put(entry)


def check_serving(visitor: Visitor) -> None:
    """Raises ServiceError(UNAVAILABLE) for an environment whose cell is not meant to answer."""
    environment = visitor.environment
    if environment.status not in SERVING:
        raise ServiceError(
            Code.UNAVAILABLE,
            f"Environment {environment.name} has status {environment.status}: try again later",
        )


def json_answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A small JSON answer."""
    return Answer(status, orjson.dumps(body), headers or {})


Handler = Callable[[Visit], Answer]
