"""Where variables and connections are looked for: the environment's secrets backend, its process variables, its store.

`[secrets] backend` names the class and `backend_kwargs` (JSON) how it is made; Airflow 3's `[workers] secrets_backend`
comes before it in tasks. A backend that fails is logged and passed over, as a lookup must not depend on one that is
away when the next one knows the answer.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from airflow.exceptions import AirflowConfigException

log = logging.getLogger("airflow.secrets")
_OPTIONS = (
    ("AIRFLOW__WORKERS__SECRETS_BACKEND", "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS"),
    ("AIRFLOW__SECRETS__BACKEND", "AIRFLOW__SECRETS__BACKEND_KWARGS"),
)


def find_variable(key: str) -> str | None:
    """The variable's text, or None. What it must not show is masked from now on."""
    found = _ask_backend(lambda backend: backend.get_variable(key))
    if found is None:
        found = os.environ.get(f"AIRFLOW_VAR_{key.upper()}")
    if found is not None:
        _mask_variable(key, found)
        return str(found)
    answer = _ask_engine("get_variable", {"key": key})
    return answer["value"] if answer["found"] else None


def find_connection(conn_id: str) -> Any:
    """The connection, or None. What it must not show is masked from now on."""
    from airflow.models.connection import Connection

    found = _ask_backend(lambda backend: backend.get_connection(conn_id))
    own = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}") if found is None else None
    if own:
        is_json = own.lstrip().startswith("{")
        found = Connection.from_json(own, conn_id) if is_json else Connection.from_uri(own, conn_id)
    if found is not None:
        _mask_connection(found)
        return found
    answer = _ask_engine("get_connection", {"conn_id": conn_id})
    if not answer["found"]:
        return None
    return Connection(conn_id=conn_id, **{name: answer.get(name) for name in Connection.FIELDS})


def find_backend() -> Any:
    """The backend of the environment, or None. Raises AirflowConfigException for one that cannot be made."""
    for backend, kwargs in _OPTIONS:
        path = os.environ.get(backend)
        if path:
            return _make_backend(path, os.environ.get(kwargs) or "{}")
    return None


@cache
def _make_backend(path: str, kwargs: str) -> Any:
    """Made once in a process: it may hold a client, and an account of what it has read."""
    from airflow.utils.module_loading import import_string

    try:
        arguments = json.loads(kwargs)
    except ValueError as error:
        raise AirflowConfigException(f"cannot read [secrets] backend_kwargs as JSON: {error}") from None
    if not isinstance(arguments, dict):
        raise AirflowConfigException("cannot use [secrets] backend_kwargs: it must be a JSON object")
    return import_string(path)(**arguments)


def _ask_backend(ask: Callable[[Any], Any]) -> Any:
    if not any(name in os.environ for name, _ in _OPTIONS):
        return None
    backend = find_backend()
    try:
        return None if backend is None else ask(backend)
    except NotImplementedError:
        return None  # it does not know of such things
    except Exception:
        log.exception("cannot ask the secrets backend %s; trying what comes after it", type(backend).__name__)
        return None


def _ask_engine(method: str, params: dict[str, Any]) -> dict[str, Any]:
    from airflow._task.comms import current

    comms = current()
    return {"found": False} if comms is None else comms.ask(method, params)


def _mask_variable(key: str, text: Any) -> None:
    from airflow.utils.log.secrets import mask_secret

    mask_secret(text, key)
    try:
        inner = json.loads(text) if isinstance(text, str) and text[:1] in "{[" else None
    except ValueError:
        return
    if isinstance(inner, (dict, list)):
        mask_secret(inner, key)


def _mask_connection(connection: Any) -> None:
    from airflow.utils.log.secrets import mask_secret

    if connection.password:
        mask_secret(connection.password)
    try:
        mask_secret(connection.extra_dejson, "extra")
    except ValueError:
        mask_secret(connection.extra)  # no JSON: nobody knows what in it is secret
