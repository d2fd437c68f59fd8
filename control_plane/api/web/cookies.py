"""The session's cookies. Pure.

Clients look for `session` (Airflow 2) or `_token` (Airflow 3); both hold the same secret, for all of the host. Browsers
get a third, `__Host-session`, which no neighbouring host can set: where it is sent, only it counts.
"""

from __future__ import annotations

from control_plane.iam.canonical import Request

HOST_ONLY = "__Host-session"
NAMES = (HOST_ONLY, "session", "_token")
_FLAGS = "Path=/; HttpOnly; Secure; SameSite=Lax"


def find_secret(request: Request) -> str | None:
    """The session's secret that a request's cookies hold."""
    found: dict[str, str] = {}
    for header in request.values("cookie"):
        for pair in header.decode("latin-1").split(";"):
            name, _, value = pair.strip().partition("=")
            found.setdefault(name, value.strip('"'))
    return next((found[name] for name in NAMES if found.get(name)), None)


def find_bearer(request: Request) -> str | None:
    """The token of a request's Authorization header."""
    values = request.values("authorization")
    scheme, _, token = (
        values[0].decode("latin-1").strip().partition(" ") if len(values) == 1 else ("", "", "")
    )
    return token.strip() or None if scheme.lower() == "bearer" else None


def set_session(secret: str, seconds: float) -> tuple[str, ...]:
    """Set-Cookie headers of a new session."""
    return tuple(f"{name}={secret}; Max-Age={int(seconds)}; {_FLAGS}" for name in NAMES)


def drop_session() -> tuple[str, ...]:
    """Set-Cookie headers that end it in the browser."""
    return set_session("", 0)
