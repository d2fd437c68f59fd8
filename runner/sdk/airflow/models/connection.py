"""Connection: how to reach a system, by id. Where they are looked for: `airflow.secrets.lookup`."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from airflow.exceptions import AirflowException, AirflowNotFoundException

_FIELDS = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")


class Connection:
    """Fields of a connection, from single values or from a URI. `extra` is JSON text, `extra_dejson` its value."""

    FIELDS = _FIELDS

    def __init__(
        self,
        conn_id: str | None = None,
        conn_type: str | None = None,
        description: str | None = None,
        host: str | None = None,
        login: str | None = None,
        password: str | None = None,
        schema: str | None = None,
        port: int | None = None,
        extra: Any = None,
        uri: str | None = None,
    ) -> None:
        if uri and any((conn_type, host, login, password, schema, port)):
            raise AirflowException("cannot create a connection from a URI and single fields at once")
        self.conn_id, self.description = conn_id, description
        self.conn_type, self.host, self.login, self.password = conn_type, host, login, password
        self.schema, self.port = schema, port
        self.extra = json.dumps(extra) if isinstance(extra, dict) else extra
        if uri:
            self._read_uri(uri)

    def _read_uri(self, uri: str) -> None:
        kind, _, rest = uri.partition("://")
        self.conn_type = {"postgresql": "postgres"}.get(kind, kind.replace("-", "_"))
        protocol, inner, _ = rest.partition("://")
        with_protocol = bool(inner) and "/" not in protocol and "?" not in protocol
        parts = urlsplit(rest if with_protocol else f"//{rest}")
        host = unquote(parts.hostname or "")
        self.host = f"{protocol}://{host}" if with_protocol else host
        self.schema = unquote(parts.path[1:])
        self.login = unquote(parts.username) if parts.username else parts.username
        self.password = unquote(parts.password) if parts.password else parts.password
        self.port = parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if query:
            self.extra = query["__extra__"] if "__extra__" in query else json.dumps(query)

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """`extra` as a dict; empty when there is none. Raises ValueError for text that is not JSON."""
        return self.get_extra_dejson()

    def get_extra_dejson(self, nested: bool = False) -> dict[str, Any]:
        found = json.loads(self.extra) if self.extra else {}
        if nested:
            return {key: _maybe_json(value) for key, value in found.items()}
        return found if isinstance(found, dict) else {}

    def get_password(self) -> str | None:
        return self.password

    def get_extra(self) -> str | None:
        return self.extra

    def get_uri(self) -> str:
        """The connection as one URI, which `from_uri` (and Airflow) reads back."""
        kind = (self.conn_type or "").lower().replace("_", "-")
        text, login = f"{kind}://", ""
        if self.login is not None or self.password is not None:
            secret = f":{quote(self.password, safe='')}" if self.password is not None else ""
            login = f"{quote(self.login or '', safe='')}{secret}@"
        protocol, inner, host = (self.host or "").rpartition("://")
        text = text + protocol + inner + login + quote(host, safe="")
        if self.port is not None:
            text += f":{self.port}"
        text += f"/{quote(self.schema, safe='')}" if self.schema else "/" if self.extra else ""
        return text + self._query()

    def _query(self) -> str:
        if not self.extra:
            return ""
        extra = self.extra_dejson
        flat = bool(extra) and all(isinstance(value, str) for value in extra.values())
        return "?" + (urlencode(extra) if flat else urlencode({"__extra__": self.extra}))

    def as_json(self) -> str:
        return json.dumps({name: getattr(self, name) for name in _FIELDS if getattr(self, name) is not None})

    @classmethod
    def from_uri(cls, uri: str, conn_id: str | None = None) -> Connection:
        return cls(conn_id, uri=uri)

    @classmethod
    def from_json(cls, value: str, conn_id: str | None = None) -> Connection:
        """From Airflow's JSON form; `login`, `schema` and `conn_type` may have their URI names."""
        data = dict(json.loads(value))
        port = data.pop("port", None)
        return cls(
            conn_id=conn_id,
            port=int(port) if port else None,
            **{k: v for k, v in data.items() if k in _FIELDS},
        )

    @classmethod
    def get_connection_from_secrets(cls, conn_id: str) -> Connection:
        """Raises AirflowNotFoundException."""
        return get_connection(conn_id)

    get = get_connection_from_secrets

    @classmethod
    async def async_get(cls, conn_id: str) -> Connection:
        """`get`, without holding up an event loop."""
        import asyncio

        return await asyncio.to_thread(get_connection, conn_id)

    def get_hook(self, *, hook_params: dict[str, Any] | None = None) -> Any:
        """The hook that an installed provider package has for this type. Raises AirflowException without one."""
        from airflow.providers_manager import ProvidersManager
        from airflow.utils.module_loading import import_string

        info = ProvidersManager().hooks.get(self.conn_type or "")
        if info is None:
            raise AirflowException(
                f"cannot find a hook for connections of type {self.conn_type!r}: no installed package has one; "
                "name the hook class itself, or add the package to requirements.txt"
            )
        arguments = {info.connection_id_attribute_name: self.conn_id, **(hook_params or {})}
        return import_string(info.hook_class_name)(**arguments)

    def test_connection(self) -> tuple[bool, str]:
        """Whether its hook reaches what it leads to, and the hook's words."""
        try:
            hook = self.get_hook()
            if not hasattr(hook, "test_connection"):
                return False, f"cannot test it: {type(hook).__name__} has no test_connection()"
            status, message = hook.test_connection()
        except Exception as error:
            return False, str(error)
        return bool(status), str(message)

    def __repr__(self) -> str:
        return f"Connection({self.conn_id!r}, conn_type={self.conn_type!r}, host={self.host!r})"


def get_connection(conn_id: str) -> Connection:
    """The connection of that id. Raises AirflowNotFoundException."""
    from airflow.secrets.lookup import find_connection

    found: Connection | None = find_connection(conn_id)
    if found is not None:
        return found
    from airflow.secrets.default_connections import find_default_connection

    default = find_default_connection(conn_id)
    if default is None:
        raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")
    return Connection(conn_id=conn_id, **default)


def _maybe_json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
