"""Signing in with a login token, signing out, and what a session is."""

from __future__ import annotations

from control_plane.api.aws.errors import Answer
from control_plane.api.web.cookies import drop_session, find_secret, set_session
from control_plane.api.web.origins import find_forgery, find_stranger
from control_plane.api.web.visit import Visit, json_answer
from control_plane.domain.errors import Code, ServiceError
from control_plane.operations.visits import ABSOLUTE, csrf_token


def login(visit: Visit) -> Answer:
    """POST token=...: 200 with the cookies, for programs; from our own form 303 to the landing page."""
    stranger = find_stranger(visit.request)
    if stranger is not None:
        raise ServiceError(Code.ACCESS_DENIED, stranger)
    visit.throttle.check("Login", visit.trace.source_ip or "")
    form = visit.form()
    token = form.get("token", "").strip()
    if not token:
        raise ServiceError(Code.ACCESS_DENIED, "The form has no token: send token=<WebToken>")
    visitor, secret = visit.keeper.login(token, visit.named, find_secret(visit.request), visit.context_of)
    visit.note(visitor)
    visit.keep(visitor, "Login", "")
    cookies = set_session(secret, ABSOLUTE)
    if form.get("page"):
        return Answer(303, b"", {"Location": "/"}, cookies=cookies)
    return Answer(200, b"{}", cookies=cookies)


def logout(visit: Visit) -> Answer:
    """POST: the session ends here and now, its cookies with it."""
    secret = find_secret(visit.request)
    visitor = visit.find_visitor(secret)
    if secret is None or visitor is None:
        return Answer(303, b"", {"Location": "/"}, cookies=drop_session())
    forgery = find_forgery(visit.request, csrf_token(secret), visit.form().get("csrf_token"))
    if forgery is not None:
        raise ServiceError(Code.ACCESS_DENIED, forgery)
    visit.keeper.logout(secret)
    visit.keep(visitor, "Logout", "")
    return Answer(303, b"", {"Location": "/"}, cookies=drop_session())


def show_session(visit: Visit) -> Answer:
    """GET: who is signed in, where, as what, and the token that changes must carry."""
    secret = find_secret(visit.request)
    visitor = visit.find_visitor(secret)
    if secret is None or visitor is None or visitor.session is None:
        return json_answer({"detail": "Not authenticated"}, 401)
    return json_answer(
        {
            "environment": visitor.environment.name,
            "airflow_version": visitor.environment.spec["AirflowVersion"],
            "user": visitor.user,
            "identity": visitor.caller.arn.split(":", 5)[-1],
            "role": visitor.role,
            "expires_at": visitor.session.expires_at,
            "csrf_token": csrf_token(secret),
        }
    )
