"""Triggers for tests: one fires at once, one fails at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class SuccessTrigger(BaseTrigger):
    """Fires with True at once."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "airflow.triggers.testing.SuccessTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TriggerEvent(True)


class FailureTrigger(BaseTrigger):
    """Raises at once."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "airflow.triggers.testing.FailureTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        raise ValueError("this trigger fails on purpose")
        yield TriggerEvent(False)
