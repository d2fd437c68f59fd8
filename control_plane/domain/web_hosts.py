"""How a web host names its environment. Pure; why so: `control_plane/adr/0001-web-hosts.md`.

The environment's own host is `<label>.web.<any domain>`; a host without `web` as its second label is shared, and the
token or session of a request says which environment is meant. The label is the environment's name where a DNS
label can hold it (lower case: host names have no case), else `0-<uid>`, which no name can be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_OF_UID = re.compile(r"0-([0-9a-f]{32})")
_MARK = "web"


@dataclass(frozen=True, slots=True)
class Named:
    """What a label says: a name or a uid, never both."""

    name: str | None = None
    uid: str | None = None


def make_label(name: str, uid: str) -> str:
    """The first label of an environment's own host."""
    return name if _LABEL.fullmatch(name) else f"0-{uid}"


def make_host(shared: str, domain: str | None, name: str, uid: str) -> str:
    """host[:port] to give to clients: the environment's own below `domain`, without one the shared host."""
    if not domain:
        return shared
    host, _, port = domain.partition(":")
    port = port or shared.rpartition(":")[2]
    return f"{make_label(name, uid)}.{_MARK}.{host}" + ("" if port == "443" else f":{port}")


def find_named(host: str) -> Named | None:
    """The environment that a Host header names; None for a shared host."""
    labels = host.lower().partition(":")[0].split(".")
    if len(labels) < 3 or labels[1] != _MARK:
        return None
    by_uid = _OF_UID.fullmatch(labels[0])
    return Named(uid=by_uid[1]) if by_uid else Named(name=labels[0])
