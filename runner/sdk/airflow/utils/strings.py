"""Texts: truth values and random ones."""

from __future__ import annotations

import secrets
import string
from typing import Any

TRUE_LIKE_VALUES = frozenset({"on", "t", "true", "y", "yes", "1"})


def to_boolean(astring: Any) -> bool:
    """Whether a text means yes; None and everything else mean no."""
    return astring is not None and str(astring).lower() in TRUE_LIKE_VALUES


def get_random_string(length: int = 8, choices: str = string.ascii_letters + string.digits) -> str:
    return "".join(secrets.choice(choices) for _ in range(length))
