"""How the priority of a task is computed from its own weight and its relatives'."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


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


class PriorityWeightStrategy:
    """Base of strategies of users' own: `weight_rule=MyStrategy()`. Asked when the file is parsed."""

    def get_weight(self, ti: Any) -> int:
        """The weight of an instance of `ti.task`."""
        raise NotImplementedError(f"cannot weigh: {type(self).__name__} does not define get_weight(ti)")

    def serialize(self) -> dict[str, Any]:
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PriorityWeightStrategy:
        return cls(**data)
