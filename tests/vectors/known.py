"""All mutations, found by the words of their ids: files of expected values differ in how they spell them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.vectors import mutations, mutations_presigned, mutations_target
from tests.vectors.mutation import Mutation

Words = frozenset[str]

_TABLES: tuple[Mapping[str, Mutation], ...] = (
    mutations.SIGNATURE,
    mutations.SCOPES,
    mutations.SIGNED_HEADERS,
    mutations.FORM,
    mutations_target.BODY,
    mutations_target.TARGET,
    mutations_target.TOKENS,
    mutations_presigned.CLOCKS,
    mutations_presigned.PRESIGNED,
)

_SAME = {
    "changed": "tampered flipped flip modified altered edited swapped replaced corrupted",
    "missing": "removed absent no without stripped dropped omitted",
    "duplicate": "duplicated repeated two twice double doubled",
    "wrong": "invalid bad incorrect mismatch mismatched different differs other another",
    "unknown": "unrecognized unrecognised nonexistent",
    "malformed": "garbage",
    "added": "extra appended add",
    "reordered": "order",
    "outside": "beyond",
    "inactive": "disabled revoked deactivated",
    "long": "large big over above",
    "upper": "uppercase",
    "lower": "lowercase",
    "permanent": "term",
    "expires": "expiry",
    "presign": "presigned",
    "temporary": "sts",
    "token": "session",
}
_CANONICAL = {word: chief for chief, words in _SAME.items() for word in words.split()}
_EMPTY = frozenset(
    [
        "a",
        "an",
        "amz",
        "at",
        "bit",
        "byte",
        "by",
        "char",
        "digit",
        "from",
        "has",
        "header",
        "id",
        "in",
        "is",
        "of",
        "on",
        "one",
        "part",
        "the",
        "to",
        "x",
        "with",
    ]
)
"""Words that tell no two mutations apart."""


def by_words() -> dict[Words, Mutation]:
    """Every mutation by the words of its names. Raises ValueError when two rows have the same words."""
    found: dict[Words, Mutation] = {}
    for names, mutation in (row for table in _TABLES for row in table.items()):
        for words in {words_of(name) for name in names.split()}:
            if words in found:
                raise ValueError(
                    f"cannot tell two mutations apart: both are called {' '.join(sorted(words))}"
                )
            found[words] = mutation
    return found


def words_of(name: str) -> Words:
    """The words of an id that count, each in one spelling."""
    plain = name.lower().replace("not_signed", "unsigned").replace("presign_", "presign ")
    words = re.findall(r"[a-z0-9]+", plain)
    return frozenset(_CANONICAL.get(word, word) for word in words if word not in _EMPTY)
