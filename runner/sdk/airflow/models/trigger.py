"""How the end of a trigger that failed is told to the task that waited for it."""

from __future__ import annotations

from enum import StrEnum

TRIGGER_FAIL_REPR = "__fail__"
"""Stands for the method to go on with when the trigger failed or took too long."""


class TriggerFailureReason(StrEnum):
    """Why a task is resumed only to fail."""

    TRIGGER_TIMEOUT = "Trigger timeout"
    TRIGGER_FAILURE = "Trigger failure"
