"""Operators whose work is a coroutine, and operators that find a remote job of an earlier try again."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from airflow.models.baseoperator import BaseOperator


class BaseAsyncOperator(BaseOperator):
    """Base of operators that define `aexecute`; it runs in an event loop of the task's own process."""

    @property
    def is_async(self) -> bool:
        return True

    async def aexecute(self, context: Any) -> Any:
        """The work. Subclasses define it."""
        raise NotImplementedError(_lacks(self, "aexecute"))

    def execute(self, context: Any) -> Any:
        return asyncio.run(self.aexecute(context))


class ResumableJobMixin:
    """For operators that start a job elsewhere and wait: `execute_resumable` finds the job of an earlier try.

    The job's id is kept in `task_state_store`, where the context has one; without it every try starts a job.
    """

    external_id_key = "remote_job_id"

    def __init__(self, *, durable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.durable = durable

    def execute_resumable(self, context: Any) -> Any:
        """The job's result. A job that is still active is waited for; one that failed is started anew."""
        store = context.get("task_state_store") if self.durable else None
        known = store.get(self.external_id_key) if store is not None else None
        status = self.get_job_status(known, context) if known else ""
        if known and self.is_job_succeeded(status):
            return self.get_job_result(known, context)
        job = known if known and self.is_job_active(status) else self.submit_job(context)
        if store is not None and job != known:
            store.set(self.external_id_key, job)
        self.poll_until_complete(job, context)
        return self.get_job_result(job, context)

    def submit_job(self, context: Any) -> Any:
        """Start the job; its id."""
        raise NotImplementedError(_lacks(self, "submit_job"))

    def get_job_status(self, external_id: Any, context: Any) -> str:
        raise NotImplementedError(_lacks(self, "get_job_status"))

    def is_job_active(self, status: str) -> bool:
        raise NotImplementedError(_lacks(self, "is_job_active"))

    def is_job_succeeded(self, status: str) -> bool:
        raise NotImplementedError(_lacks(self, "is_job_succeeded"))

    def poll_until_complete(self, external_id: Any, context: Any) -> None:
        """Wait for the job. Raises when it fails."""
        raise NotImplementedError(_lacks(self, "poll_until_complete"))

    def get_job_result(self, external_id: Any, context: Any) -> Any:
        return None


def _lacks(operator: object, method: str) -> str:
    return f"cannot run {type(operator).__name__}: it does not define {method}()"


def is_async_callable(func: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine, seen through partials and wrappers."""
    while isinstance(func, partial):
        func = func.func
    if inspect.iscoroutinefunction(func):
        return True
    call = getattr(func, "__call__", None)  # noqa: B004 - its own, to look at
    if not inspect.isfunction(func) and call is not None and inspect.iscoroutinefunction(call):
        return True
    inner = getattr(func, "__wrapped__", None)
    return inner is not None and is_async_callable(inner)
