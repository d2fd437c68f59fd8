"""Sessions on the metadata database: the names, and what says that there are none when one is used.

DAG files and plugins name these at module level; a task has no way into the database. A session can be made, passed on
and closed; asking it anything raises NotAvailable, which names the REST API.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from airflow._names.placeholders import NotAvailable

INSTEAD = (
    "tasks have no access to the metadata database; ask the REST API instead (GET /api/v2/dags/{dag_id}/dagRuns, "
    ".../taskInstances, .../xcomEntries; the package apache-airflow-client wraps it), or use DagRun.find, "
    "ti.get_dagrun() and Variable, Connection and XCom by their own methods"
)

NEW_SESSION: Any = None


class NoSession:
    """What a function gets as its session. `commit`, `rollback`, `close` and the like do nothing, having no work."""

    def __enter__(self) -> NoSession:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, *_: Any, **__: Any) -> NoSession:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("begin", "begin_nested"):
            return self
        if name in ("commit", "rollback", "close", "flush", "expunge_all", "remove", "expire_all"):
            return lambda *_, **__: None
        raise NotAvailable(f"cannot use session.{name}: {INSTEAD}")


@contextlib.contextmanager
def create_session(scoped: bool = True) -> Iterator[Any]:
    """`with create_session() as session`: a session that says what to use instead (see NoSession)."""
    yield NoSession()


def provide_session(func: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: `session` is filled in where the caller passes none.

    Raises ValueError for a function without that argument.
    """
    at = find_session_idx(func)

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if "session" in kwargs or at < len(args):
            return func(*args, **kwargs)
        return func(*args, session=NoSession(), **kwargs)

    return wrapper


def find_session_idx(func: Callable[..., Any]) -> int:
    """The position of the argument `session`. Raises ValueError when there is none."""
    names = list(inspect.signature(func).parameters)
    if "session" not in names:
        raise ValueError(
            f"cannot provide {func.__qualname__} with a session: it has no argument of that name"
        )
    return names.index("session")
