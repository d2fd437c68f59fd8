"""Requests that nobody signed who is known: they are refused before anything is decided, and kept all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from control_plane.api.aws.authorize import to_detail
from control_plane.api.middleware import Trace
from control_plane.domain.errors import ServiceError
from control_plane.iam.canonical import Request
from control_plane.iam.claim import parse
from control_plane.operations.service import Service
from control_plane.store.audit import Entry

NOBODY = "-"


@contextmanager
def noting_strangers(service: Service, action: str, request: Request, trace: Trace) -> Iterator[None]:
    """Leaves a row about a signature that is refused: for what, by which key, why."""
    try:
        yield
    except ServiceError as error:
        entry = Entry(
            at=service.clock(),
            caller=NOBODY,
            action=action,
            resource="*",
            decision="deny",
            reason=error.code.value,
            request_id=trace.request_id,
            access_key_id=_find_key_id(request),
            source_ip=trace.source_ip,
        )
        service.trail.put_stranger(entry)
        raise


def _find_key_id(request: Request) -> str | None:
    """The key the request says it was signed with."""
    try:
        claimed = parse(request).access_key_id
    except ServiceError:
        return None
    return to_detail(claimed[:128])
