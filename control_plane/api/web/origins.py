"""Did one of our own pages send this? Pure. Asked of every change that a cookie alone would authorise.

A browser says where a request comes from (`Sec-Fetch-Site`, `Origin`); a program says neither. So: what a browser
sends must come from this very host and carry the session's CSRF token; what a program sends must be JSON, which no
page of another host can send without being asked first.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from control_plane.iam.canonical import Request

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"


def find_stranger(request: Request) -> str | None:
    """Why a request is from a page of somebody else; None when it is not."""
    sites, origins = _texts(request, "sec-fetch-site"), _texts(request, "origin")
    if any(site not in ("same-origin", "none") for site in sites):
        return "It was sent by a page of another site"
    if "same-origin" in sites and origins == ["null"]:
        return None  # forms of pages that send no referrer, as ours, have no origin to tell
    if any(urlsplit(origin).netloc.lower() not in hosts_of(request) for origin in origins):
        return "It was sent by a page of another origin"
    return None


def find_forgery(request: Request, csrf_token: str, given: str | None = None) -> str | None:
    """Why a change that is authorised by a cookie must be refused; None when it may be made.

    `given` is the CSRF token of a form, where it is not in the header.
    """
    if request.method in SAFE_METHODS:
        return None
    stranger = find_stranger(request)
    if stranger is not None:
        return stranger
    sent = given or next(iter(_texts(request, CSRF_HEADER)), "")
    if sent:
        matches = hmac.compare_digest(sent.encode(), csrf_token.encode())
        return None if matches else "Its CSRF token is not the session's: load the page again"
    if request.values("origin") or request.values("sec-fetch-site"):
        return f"It has no CSRF token: send the one of GET /aws_mwaa/session in the header {CSRF_HEADER}"
    if request.body and not _is_json(request):
        return "It is authorised by a cookie and has a body that is not JSON: send Content-Type: application/json"
    return None


def hosts_of(request: Request) -> frozenset[str]:
    """The Host that a request was sent to; none when it has several."""
    hosts = _texts(request, "host")
    return frozenset(hosts) if len(hosts) == 1 and hosts[0] else frozenset()


def _is_json(request: Request) -> bool:
    kinds = _texts(request, "content-type")
    return len(kinds) == 1 and kinds[0].partition(";")[0].strip() == "application/json"


def _texts(request: Request, name: str) -> list[str]:
    return [value.decode("latin-1").strip().lower() for value in request.values(name)]
