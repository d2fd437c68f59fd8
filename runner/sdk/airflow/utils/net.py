"""Names and addresses of this machine."""

from __future__ import annotations

import socket
from functools import cache


@cache
def _fully_qualified() -> str:
    return socket.getfqdn()


def getfqdn(name: str = "") -> str:
    """The full name of this machine, or of the one named."""
    return socket.getfqdn(name) if name else _fully_qualified()


def get_host_ip_address() -> str:
    return socket.gethostbyname(getfqdn())


def get_hostname() -> str:
    """The name this machine goes by; [core] hostname_callable may be the path of a function that says it."""
    from airflow.configuration import conf
    from airflow.utils.module_loading import import_string

    wanted = conf.get("core", "hostname_callable", fallback="") or ""
    if not wanted or wanted == "airflow.utils.net.getfqdn":
        return getfqdn()
    return str(import_string(wanted)())
