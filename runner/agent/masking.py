"""Secrets are replaced before a log line reaches the disk.

Short values (below five characters) are left alone: masking them would tear up ordinary text and protect nothing.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

SHORTEST = 5
MASK = "***"
_SENSITIVE = (
    "access_token", "api_key", "apikey", "authorization", "credential", "passphrase", "passwd", "password",
    "private_key", "secret", "token", "keyfile_dict", "service_account",
)  # fmt: skip
_MANY = 5000


def is_sensitive(key: str) -> bool:
    """Whether the name of a variable or a field says that its value is a secret."""
    plain = key.lower().replace("-", "_")
    return any(word in plain for word in _SENSITIVE)


def forms(value: str) -> set[str]:
    """The spellings under which a secret may turn up: as it is, quoted, escaped, encoded, line by line."""
    found = set()
    for text in {value, *value.splitlines()}:
        if len(text) < SHORTEST:
            continue
        found |= {text, quote(text, safe=""), quote(text), quote_plus(text)}
        found |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
        found.add(base64.b64encode(text.encode()).decode().rstrip("="))
    return {form for form in found if len(form) >= SHORTEST}


def secrets_in_connection(answer: dict[str, Any]) -> list[str]:
    """What in a connection must not be seen: its password, and the sensitive fields of its extra."""
    found = [answer.get("password")]
    extra = answer.get("extra")
    if isinstance(extra, str):
        try:
            extra = json.loads(extra)
        except ValueError:
            found.append(extra)
    found += list(_sensitive_values(extra))
    return [value for value in found if isinstance(value, str) and value]


def _sensitive_values(value: Any, sensitive: bool = False) -> Iterable[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _sensitive_values(item, sensitive or is_sensitive(str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _sensitive_values(item, sensitive)
    elif sensitive and isinstance(value, str):
        yield value


class Masker:
    """The secrets of one attempt."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.longest = 0
        """Bytes of the longest form: how much of a cut line must be held back."""

    def add(self, values: Iterable[Any]) -> None:
        """Mask these from now on."""
        new = {form for value in values if isinstance(value, str) for form in forms(value)} - self._forms
        if new and len(self._forms) < _MANY:
            self._forms |= new
            self._pattern = re.compile("|".join(map(re.escape, sorted(self._forms, key=len, reverse=True))))
            self.longest = max(len(form.encode()) for form in self._forms)

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str) -> str:
        """The text with every secret replaced."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def value(self, value: Any) -> Any:
        """A JSON value with every secret in its texts replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def cut_before(self, line: bytes, cut: int) -> int:
        """Where to cut a line at or before `cut` so that no secret is cut in two."""
        for form in (form.encode() for form in self._forms):
            at = line.find(form, max(0, cut - len(form) + 1), cut + len(form) - 1)
            if 0 < at < cut:
                return self.cut_before(line, at)
        return cut


def secrets_in_answer(question: dict[str, Any], result: Any) -> list[str]:
    """What in the answer to a child's question must be masked from then on."""
    if not isinstance(result, dict) or not result.get("found"):
        return []
    if question["method"] == "get_connection":
        return secrets_in_connection(result)
    if question["method"] == "get_variable" and is_sensitive(str(question["params"].get("key", ""))):
        return secrets_in_text(result.get("value"))
    return []


def secrets_in_text(value: Any) -> list[str]:
    """A secret text, and the texts within it when it is JSON."""
    if not isinstance(value, str):
        return []
    try:
        inner = json.loads(value)
    except ValueError:
        return [value]
    return [value, *_sensitive_values(inner, sensitive=True)]
