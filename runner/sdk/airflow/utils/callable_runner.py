"""Running a function that may yield asset metadata before it returns."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any


class CallableRunner:
    """`run(*args, **kwargs)` of one function; metadata that it yields goes to its outlet events."""

    def __init__(self, func: Callable[..., Any], outlet_events: Any, *, logger: Any = None) -> None:
        self._func, self._events = func, outlet_events
        self._log = logger or logging.getLogger(__name__)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        if not inspect.isgeneratorfunction(self._func):
            return self._func(*args, **kwargs)
        produced = self._func(*args, **kwargs)
        while True:
            try:
                self._take(next(produced))
            except StopIteration as end:
                return end.value

    def _take(self, metadata: Any) -> None:
        if not hasattr(metadata, "asset"):
            self._log.warning("A task yielded a %s, which is no asset metadata", type(metadata).__name__)
            return
        self._events[metadata.asset].extra.update(metadata.extra)
        if getattr(metadata, "alias", None):
            self._events[metadata.alias].add(metadata.asset, extra=metadata.extra)


class AsyncCallableRunner(CallableRunner):
    """The same for coroutine functions and async generators, whose values come back as a list."""

    async def run(self, *args: Any, **kwargs: Any) -> Any:
        if not inspect.isasyncgenfunction(self._func):
            return await self._func(*args, **kwargs)
        values = []
        async for value in self._func(*args, **kwargs):
            if hasattr(value, "asset"):
                self._take(value)
            values.append(value)
        return values


create_executable_runner = CallableRunner
create_async_executable_runner = AsyncCallableRunner
