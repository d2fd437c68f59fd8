"""A statement's Condition against a request: every operator and key of it must hold. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.iam.operators import OPERATORS, Operator
from control_plane.iam.patterns import Context, Unresolved

NULL = "Null"
IF_EXISTS = "IfExists"
SETS = ("ForAllValues", "ForAnyValue")


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator: `{"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": [...]}}`."""

    operator: str
    """Without prefix and suffix."""
    key: str
    values: tuple[str, ...]
    over: str = ""
    """ForAllValues, ForAnyValue or nothing."""
    if_exists: bool = False

    def __str__(self) -> str:
        prefix = f"{self.over}:" if self.over else ""
        return f"{prefix}{self.operator}{IF_EXISTS if self.if_exists else ''} {self.key}"


def find_operator(name: str) -> tuple[str, str, bool] | None:
    """(set word, operator, IfExists) of an operator's name; None for one there is not."""
    over, colon, rest = name.rpartition(":")
    bare = rest.removesuffix(IF_EXISTS)
    if (colon and over not in SETS) or (bare not in OPERATORS and rest != NULL):
        return None
    return over, bare, rest != bare


def holds(condition: Condition, context: Context, variables: bool, allows: bool) -> bool:
    """Whether a request meets a condition. A key without a value is a key that is not there.

    A key with several values is to be asked about with a set word. Without one there is no telling which value is
    meant: that allows nothing, and denies as soon as one is what it says.
    """
    given = context.get(condition.key.lower(), ())
    if condition.operator == NULL:
        return any(value.lower() == ("false" if given else "true") for value in condition.values)
    operator = OPERATORS[condition.operator]
    if not given:
        return _holds_without(condition, operator)
    fits = [_fits(operator, condition.values, value, context, variables) for value in given]
    if not condition.over and allows and len(fits) > 1:
        return False
    if condition.over == "ForAllValues" or (not condition.over and operator.negated):
        return all(fits)
    return any(fits)


def _holds_without(condition: Condition, operator: Operator) -> bool:
    if condition.if_exists or condition.over == "ForAllValues":
        return True
    return operator.negated and not condition.over


def _fits(operator: Operator, wanted: tuple[str, ...], given: str, context: Context, variables: bool) -> bool:
    """One of the policy's values is enough; for a contrary operator none of them may be it."""
    return operator.negated != any(_compare(operator, one, given, context, variables) for one in wanted)


def _compare(operator: Operator, wanted: str, given: str, context: Context, variables: bool) -> bool:
    try:
        return operator.compare(wanted, given, context, variables)
    except Unresolved:
        return False
