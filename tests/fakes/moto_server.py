"""moto's server with one more request: `POST /seed/<bucket>` puts many objects there at once.

    python -m tests.fakes.moto_server PORT

A thousand uploads one by one cost moto many seconds, and tests of listings are not about uploads.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

_SEED = "/seed/"


class Quiet(WSGIRequestHandler):
    """Says nothing of requests."""

    def log(self, type: str, message: str, *args: Any) -> None:
        return


def with_seeding(app: Any) -> Any:
    """The application, which takes objects by the hundred too."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith(_SEED):
            return app(environ, start_response)
        objects = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        backend = s3_backends["123456789012"]["aws"]
        for key, text in objects.items():
            backend.put_object(path.removeprefix(_SEED), key, text.encode())
        start_response("200 OK", [("Content-Length", "0")])
        return []

    return serve


if __name__ == "__main__":
    moto = with_seeding(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), moto, threaded=True, request_handler=Quiet)
