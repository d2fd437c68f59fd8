"""Every path of a web host, with who may ask: one table; any path below /api/v1 and /api/v2 besides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from control_plane.api.web import login, pages, rest
from control_plane.api.web.visit import Handler
from control_plane.iam.canonical import Request


class Access(Enum):
    """Who may ask."""

    PUBLIC = auto()
    """Anybody: it shows nothing of an environment, or what the session of the request may see."""
    CLI_TOKEN = auto()
    """The holder of a CLI token."""
    LOGIN_TOKEN = auto()
    """The holder of a login token that was not used yet."""
    SESSION = auto()
    """Somebody who is signed in; changes by cookie need its CSRF token or JSON."""


@dataclass(frozen=True, slots=True)
class WebRoute:
    """One path. `handler` None is a command, which waits in its environment's queue."""

    method: str
    path: str
    name: str
    access: Access
    handler: Handler | None


WEB_ROUTES = (
    WebRoute("POST", "/aws_mwaa/cli", "RunCliCommand", Access.CLI_TOKEN, None),
    WebRoute("POST", "/aws_mwaa/login", "Login", Access.LOGIN_TOKEN, login.login),
    WebRoute("POST", "/pluginsv2/aws_mwaa/login", "Login", Access.LOGIN_TOKEN, login.login),
    WebRoute("POST", "/aws_mwaa/logout", "Logout", Access.SESSION, login.logout),
    WebRoute("GET", "/aws_mwaa/session", "Session", Access.SESSION, login.show_session),
    WebRoute("GET", "/", "Landing", Access.PUBLIC, pages.landing_page),
    WebRoute("GET", "/aws_mwaa/aws-console-sso", "SignIn", Access.PUBLIC, pages.sign_in_page),
    WebRoute("GET", "/pluginsv2/aws_mwaa/aws-console-sso", "SignIn", Access.PUBLIC, pages.sign_in_page),
    WebRoute("GET", "/aws_mwaa/sign_in.js", "SignIn", Access.PUBLIC, pages.script),
    WebRoute("GET", "/aws_mwaa/pages.css", "SignIn", Access.PUBLIC, pages.style),
)
REST = WebRoute("*", "/api/v1 and /api/v2", "RestApi", Access.SESSION, rest.ask_cell)


def find_web_route(request: Request) -> WebRoute | None:
    """The route of a request's raw path."""
    if rest.is_api(request.path):
        return REST
    path = request.path.decode("latin-1")
    method = "GET" if request.method == "HEAD" else request.method
    return next((route for route in WEB_ROUTES if (route.method, route.path) == (method, path)), None)
