"""The public HTTP edge, put together."""

from __future__ import annotations

import time

from fastapi import FastAPI
from starlette.middleware import Middleware

from control_plane.api.aws.authenticate import make_authenticator
from control_plane.api.aws.edge import Edge
from control_plane.api.metrics import Metrics
from control_plane.api.middleware import Observe, RequestId
from control_plane.api.throttle import Throttle
from control_plane.api.web.edge import WebEdge
from control_plane.iam.sigv4 import Rules
from control_plane.operations.service import Service
from control_plane.operations.visits import Doorkeeper


def create_app(service: Service) -> FastAPI:
    """The application: middleware, outermost first, around one edge that routes raw paths itself."""
    metrics = Metrics()
    rules = Rules(service.region, skew=service.skew)
    app = FastAPI(
        title="Aerodrome",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(RequestId),
            Middleware(Observe, metrics=metrics),
        ],
    )
    app.router.redirect_slashes = False
    authenticator = make_authenticator(service.db, service.vault, rules)
    throttle = Throttle(service.rates, time.monotonic)
    web = WebEdge(Doorkeeper(service, authenticator.reader), throttle)
    app.router.default = Edge(service, authenticator, metrics, web, throttle)
    return app
