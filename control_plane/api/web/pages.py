"""The two pages of a web host until there is a console: signing in, and where one lands. What is shown is escaped."""

from __future__ import annotations

import datetime as dt
import re
from html import escape
from pathlib import Path

from control_plane.api.aws.errors import Answer
from control_plane.api.web.cookies import find_secret
from control_plane.api.web.visit import Visit
from control_plane.operations.visits import Visitor, csrf_token

SECURITY = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}
_STATIC = Path(__file__).parent / "static"
_PLACE = re.compile(r"\{\{([a-z]+)\}\}")
_HTML = "text/html; charset=utf-8"


def sign_in_page(_visit: Visit) -> Answer:
    """What the console's link opens: its script exchanges the token in the fragment for a session."""
    return Answer(200, _read("sign_in.html"), SECURITY, _HTML)


def landing_page(visit: Visit) -> Answer:
    """Where one is, as whom, and the way out; without a session, the way in."""
    secret = find_secret(visit.request)
    visitor = visit.find_visitor(secret)
    if visitor is None or secret is None:
        return sign_in_page(visit)
    values = _describe(visitor, csrf_token(secret))
    page = _PLACE.sub(lambda place: escape(values[place[1]]), _read("landing.html").decode())
    return Answer(200, page.encode(), SECURITY, _HTML)


def script(_visit: Visit) -> Answer:
    """The script of the sign-in page."""
    return Answer(200, _read("sign_in.js"), SECURITY, "text/javascript; charset=utf-8")


def style(_visit: Visit) -> Answer:
    """How both pages look."""
    return Answer(200, _read("pages.css"), SECURITY, "text/css; charset=utf-8")


def _describe(visitor: Visitor, csrf: str) -> dict[str, str]:
    environment = visitor.environment
    until = visitor.session.expires_at if visitor.session else 0.0
    return {
        "environment": environment.name,
        "status": environment.status.value,
        "version": environment.spec["AirflowVersion"],
        "api": find_api(environment.spec["AirflowVersion"]),
        "user": visitor.user,
        "role": visitor.role,
        "until": dt.datetime.fromtimestamp(until, dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "csrf": csrf,
    }


def find_api(version: str) -> str:
    """The REST API that clients of this version of Airflow use."""
    return "/api/v2" if int(version.partition(".")[0]) >= 3 else "/api/v1"


def _read(name: str) -> bytes:
    return (_STATIC / name).read_bytes()
