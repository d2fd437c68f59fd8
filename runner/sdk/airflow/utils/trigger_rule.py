"""Trigger rules by name."""

from __future__ import annotations

from enum import StrEnum

from airflow.exceptions import AirflowException


class TriggerRule(StrEnum):
    """When a task may start, seen from its direct upstream tasks."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    ALL_SKIPPED = "all_skipped"
    # spellings of earlier generations
    DUMMY = "always"
    NONE_FAILED_OR_SKIPPED = "none_failed_min_one_success"

    @classmethod
    def is_valid(cls, trigger_rule: str) -> bool:
        return trigger_rule in cls.all_triggers() or trigger_rule in _OLDER

    @classmethod
    def all_triggers(cls) -> set[str]:
        return {rule.value for rule in cls}


_OLDER = {"dummy": "always", "none_failed_or_skipped": "none_failed_min_one_success"}


def trigger_rule(value: str) -> TriggerRule:
    """The rule that `value` names, in any generation's spelling. Raises AirflowException."""
    text = str(getattr(value, "value", value)).lower()
    try:
        return TriggerRule(_OLDER.get(text, text))
    except ValueError:
        known = ", ".join(sorted(TriggerRule.all_triggers()))
        raise AirflowException(f"cannot use the trigger rule {value!r}; the rules are {known}") from None
