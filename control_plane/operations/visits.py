"""Who visits an environment's web host, by a token or a session: known anew at every request.

A token or session names an access key. Whether that key is still there and active, and what its principal may do
today, is asked each time: a detached policy or a deactivated key ends them at once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from control_plane.domain.environment import Environment
from control_plane.domain.errors import Code, ServiceError
from control_plane.domain.web_hosts import Named
from control_plane.iam import tokens
from control_plane.iam.authorize import AIRFLOW_ROLES, Caller, decide, reach_role
from control_plane.iam.tokens import BadToken, Grant, Kind
from control_plane.operations.access import PolicyReader, make_caller
from control_plane.operations.service import Service
from control_plane.operations.tokens import PURPOSE, airflow_identity
from control_plane.store import environments, web_sessions
from control_plane.store.keys import find_key
from control_plane.store.web_sessions import WebSession

ABSOLUTE, IDLE = 12 * 3600.0, 3600.0
"""Seconds a session lives at most, and unused."""
_SEEN_STEP = 60.0
ContextOf = Callable[[Caller, Mapping[str, str]], Mapping[str, object]]
"""What policies may ask about a request: of its caller, and of the environment's tags."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may be here, and as what."""

    environment: Environment
    caller: Caller
    role: str
    """Airflow's role."""
    session: WebSession | None = None

    @property
    def user(self) -> str:
        """The caller's name in Airflow."""
        return airflow_identity(self.caller)


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Lets visitors in. `named` is the environment that the host names, if it names one."""

    service: Service
    reader: PolicyReader

    def identify_cli(self, token: str, named: Named | None, context_of: ContextOf) -> Visitor:
        """The holder of a CLI token. Raises ServiceError(ACCESS_DENIED)."""
        grant = self._read(token, "cli")
        with self.service.db.read() as conn:
            environment = _find_environment(conn, grant.environment, named)
            caller = self._find_caller(conn, grant.access_key_id)
        context = context_of(caller, environment.spec["Tags"])
        if not decide(caller, "airflow:CreateCliToken", [environment.arn], context).allowed:
            raise _refused("Its owner may no longer create CLI tokens for this environment")
        return Visitor(environment, caller, reach_role(caller, self._roles(environment), context))

    def login(
        self, token: str, named: Named | None, former: str | None, context_of: ContextOf
    ) -> tuple[Visitor, str]:
        """Exchange a login token for a session: its holder, and the session's secret, which is always a new one.

        `former` is the secret of a session that ends with this. Raises ServiceError(ACCESS_DENIED).
        """
        grant = self._read(token, "web")
        now = self.service.clock()
        secret = secrets.token_urlsafe(32)
        session = WebSession(
            web_sessions.hash_id(secret),
            grant.environment,
            grant.access_key_id,
            grant.role,
            now,
            now + ABSOLUTE,
            now,
        )
        visitor = self._admit(session, named, context_of)
        with self.service.db.begin() as conn:
            web_sessions.delete_old(conn, now, now - IDLE)
            if not web_sessions.spend(conn, grant.id, grant.expires_at):
                raise _refused("The token was used before: a login token is good once")
            if former is not None:
                web_sessions.delete_session(conn, web_sessions.hash_id(former))
            web_sessions.insert_session(conn, session)
        return visitor, secret

    def find_visitor(self, secret: str, named: Named | None, context_of: ContextOf) -> Visitor | None:
        """Whose session this is; None when it is nobody's any more, or of another environment than the host's."""
        id_hash, now = web_sessions.hash_id(secret), self.service.clock()
        with self.service.db.read() as conn:
            session = web_sessions.find(conn, id_hash)
        if session is None or now >= session.expires_at or now - session.seen_at >= IDLE:
            return None
        try:
            visitor = self._admit(session, named, context_of)
        except ServiceError:
            return None
        if now - session.seen_at >= _SEEN_STEP:
            with self.service.db.begin() as conn:
                web_sessions.put_seen(conn, id_hash, now)
        return visitor

    def logout(self, secret: str) -> None:
        """End a session."""
        with self.service.db.begin() as conn:
            web_sessions.delete_session(conn, web_sessions.hash_id(secret))

    def _read(self, token: str, kind: Kind) -> Grant:
        try:
            return tokens.read(token, kind, self.service.vault.derive(PURPOSE), self.service.clock())
        except BadToken as error:
            raise _refused(str(error)) from None

    def _admit(self, session: WebSession, named: Named | None, context_of: ContextOf) -> Visitor:
        """Raises ServiceError(ACCESS_DENIED) when the session's role is no longer its owner's."""
        with self.service.db.read() as conn:
            environment = _find_environment(conn, session.environment, named)
            caller = self._find_caller(conn, session.access_key_id)
        (resource,) = (arn for arn in self._roles(environment) if arn.endswith(f"/{session.role}"))
        context = context_of(caller, environment.spec["Tags"])
        ruling = decide(caller, "airflow:CreateWebLoginToken", [resource], context)
        if not ruling.allowed:
            raise _refused(f"Its owner no longer reaches the Airflow role {session.role}")
        return Visitor(environment, caller, session.role, session)

    def _find_caller(self, conn: Connection, access_key_id: str) -> Caller:
        """The owner of a key that is active; a temporary one may have ended since, its session goes on."""
        key = find_key(conn, self.service.vault, access_key_id)
        if key is None or not key.active:
            raise _refused("The access key it was created with is gone or inactive")
        return make_caller(conn, self.reader, key)

    def _roles(self, environment: Environment) -> list[str]:
        prefix = environment.arn.replace(":environment/", ":role/", 1)
        return [f"{prefix}/{role}" for role in AIRFLOW_ROLES]


def csrf_token(secret: str) -> str:
    """What a page must send with a change, besides the session's cookie, which no script can read."""
    return hashlib.sha256(f"csrf:{secret}".encode()).hexdigest()


def _find_environment(conn: Connection, uid: str, named: Named | None) -> Environment:
    found = environments.find_by_uid(conn, uid)
    if found is None:
        raise _refused("The environment it was made for is gone")
    if named is not None and named not in (Named(name=found.name), Named(uid=found.uid)):
        raise _refused("It is for another environment than this host")
    return found


def _refused(reason: str) -> ServiceError:
    return ServiceError(Code.ACCESS_DENIED, reason)
