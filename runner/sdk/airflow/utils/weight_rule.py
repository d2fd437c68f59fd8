"""How the priority of a task is computed from its own weight and its relatives'."""

from __future__ import annotations

from enum import StrEnum


class WeightRule(StrEnum):
    """Names of the built-in rules."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"

    @classmethod
    def all_weight_rules(cls) -> set[str]:
        return {rule.value for rule in cls}

    @classmethod
    def is_valid(cls, weight_rule: str) -> bool:
        return weight_rule in cls.all_weight_rules()
