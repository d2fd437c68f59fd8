"""PackageIndexHook: the address of a Python package index, with its credentials, from a connection."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlparse

from airflow.hooks.base import BaseHook


class PackageIndexHook(BaseHook):
    """`host` is the index; `login` and `password` go into its address."""

    conn_name_attr = "pi_conn_id"
    default_conn_name = "package_index_default"
    conn_type = "package_index"
    hook_name = "Package Index (Python)"

    def __init__(self, pi_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pi_conn_id = pi_conn_id

    def get_conn(self) -> str:
        return self.get_connection_url()

    def get_connection_url(self) -> str:
        """Raises ValueError when the connection has no host."""
        conn = self.get_connection(self.pi_conn_id)
        if not conn.host:
            raise ValueError(
                f"cannot use the connection {self.pi_conn_id!r} as a package index: it has no host"
            )
        url = urlparse(conn.host)
        place = url.netloc.rpartition("@")[2]
        if conn.login:
            secret = f":{quote(conn.password, safe='')}" if conn.password else ""
            place = f"{quote(conn.login, safe='')}{secret}@{place}"
        return url._replace(netloc=place).geturl()
