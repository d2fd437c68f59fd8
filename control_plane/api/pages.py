"""Our own pages: is it well, and what has it counted."""

from __future__ import annotations

import ipaddress

import orjson
from starlette.types import Scope

from control_plane.api.aws.errors import Answer
from control_plane.api.cell_metrics import collect_cells
from control_plane.api.metrics import Metrics, render_published
from control_plane.domain.status import SERVING, Status
from control_plane.operations.service import Service
from control_plane.store import environments


def health(service: Service) -> Answer:
    """200 while the service database answers; 503 when it does not."""
    well = service.db.is_answering()
    body = {
        "status": "healthy" if well else "unhealthy",
        "database": "answers" if well else "does not answer",
    }
    return Answer(200 if well else 503, orjson.dumps(body))


def render_metrics(service: Service, metrics: Metrics) -> Answer:
    """For Prometheus: the edge's own numbers, then those of every cell that should be running."""
    with service.db.read() as conn:
        names = [
            row.name for row in environments.list_all(conn) if row.status in SERVING | {Status.UNAVAILABLE}
        ]
    told = render_published(service.published.list_of(names))
    text = metrics.render() + told + collect_cells(service.cells, names)
    return Answer(200, text, content_type="text/plain; version=0.0.4; charset=utf-8")


def is_local(scope: Scope) -> bool:
    """Asked from this machine, and not handed on by a proxy that stands on it."""
    client = scope.get("client")
    forwarded = any(name in (b"x-forwarded-for", b"forwarded") for name, _ in scope["headers"])
    try:
        return client is not None and not forwarded and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False
