"""Condition operators: one function per family, each comparing one value of a policy with one of a request. Pure.

A value that is not of the operator's kind (a word for a number) equals nothing and is before and after nothing.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from control_plane.iam.patterns import Context, literal, matches, matches_arn

Compare = Callable[[str, str, Context, bool], bool]
"""(the policy's value, the request's value, context, whether variables count) -> do they fit. Raises Unresolved."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A comparison, and whether the operator asks for its contrary."""

    compare: Compare
    negated: bool = False


def _equals(wanted: str, given: str, context: Context, variables: bool) -> bool:
    return literal(wanted, context, variables) == given


def _equals_any_case(wanted: str, given: str, context: Context, variables: bool) -> bool:
    return literal(wanted, context, variables).lower() == given.lower()


def _like(wanted: str, given: str, context: Context, variables: bool) -> bool:
    return matches(wanted, given, context, variables)


def _arn_like(wanted: str, given: str, context: Context, variables: bool) -> bool:
    return matches_arn(wanted, given, context, variables)


def _boolean(wanted: str, given: str, context: Context, variables: bool) -> bool:
    text = literal(wanted, context, variables).lower()
    return text in ("true", "false") and text == given.lower()


def _binary(wanted: str, given: str, context: Context, variables: bool) -> bool:
    try:
        return base64.b64decode(wanted, validate=True) == base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return False


def _address(wanted: str, given: str, context: Context, variables: bool) -> bool:
    try:
        network = ipaddress.ip_network(literal(wanted, context, variables), strict=False)
        return ipaddress.ip_address(given) in network
    except ValueError:
        return False


def _ordered(
    read: Callable[[str], Any],
    order: Callable[[Any, Any], bool],
    wanted: str,
    given: str,
    context: Context,
    variables: bool,
) -> bool:
    left, right = read(given), read(literal(wanted, context, variables))
    return left is not None and right is not None and order(left, right)


def find_number(text: str) -> Decimal | None:
    """A finite number."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


_DATE = re.compile(
    r"^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?)?)?$"
)


def find_date(text: str) -> Decimal | None:
    """Epoch seconds of a W3C date, whole or cut short (UTC without a zone), or of epoch seconds."""
    found = _DATE.match(text.strip())
    if found is None or (text.strip().isdigit() and len(text.strip()) != 4):
        return find_number(text)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        at = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return Decimal(int(at.timestamp())) - _offset(zone) + Decimal(f"0.{fraction or 0}")


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return seconds if zone[0] == "+" else -seconds


def _family(prefix: str, read: Callable[[str], Any]) -> dict[str, Operator]:
    return {
        f"{prefix}Equals": Operator(partial(_ordered, read, operator.eq)),
        f"{prefix}NotEquals": Operator(partial(_ordered, read, operator.eq), negated=True),
        f"{prefix}LessThan": Operator(partial(_ordered, read, operator.lt)),
        f"{prefix}LessThanEquals": Operator(partial(_ordered, read, operator.le)),
        f"{prefix}GreaterThan": Operator(partial(_ordered, read, operator.gt)),
        f"{prefix}GreaterThanEquals": Operator(partial(_ordered, read, operator.ge)),
    }


OPERATORS: Mapping[str, Operator] = {
    "StringEquals": Operator(_equals),
    "StringNotEquals": Operator(_equals, negated=True),
    "StringEqualsIgnoreCase": Operator(_equals_any_case),
    "StringNotEqualsIgnoreCase": Operator(_equals_any_case, negated=True),
    "StringLike": Operator(_like),
    "StringNotLike": Operator(_like, negated=True),
    **_family("Numeric", find_number),
    **_family("Date", find_date),
    "Bool": Operator(_boolean),
    "BinaryEquals": Operator(_binary),
    "IpAddress": Operator(_address),
    "NotIpAddress": Operator(_address, negated=True),
    "ArnEquals": Operator(_arn_like),
    "ArnLike": Operator(_arn_like),
    "ArnNotEquals": Operator(_arn_like, negated=True),
    "ArnNotLike": Operator(_arn_like, negated=True),
}
"""`Null` is not among them: it asks for the key, not for its value."""
