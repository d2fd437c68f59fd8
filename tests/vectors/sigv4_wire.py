"""What boto3 really sends, presigned URLs, and ways to get a signature wrong with the code each gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from control_plane.domain.errors import ServiceError
from control_plane.iam.claim import parse
from control_plane.iam.sigv4 import Rules, SigningKeys, verify
from tests.vectors import sigv4
from tests.vectors.forge import Attempt
from tests.vectors.known import Words, by_words, words_of
from tests.vectors.mutation import Mutation, find_clock
from tests.vectors.report import Report, tally

WINDOWS = (300.0, 900.0)
"""Every mutation is tried with the default clock window and with the widest a service may be set to."""


def run(data: Mapping[str, Any]) -> Report:
    """Judge every request and every mutation of the file."""
    return tally(_outcomes(data))


def _outcomes(data: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    secret = data["credentials"]["secret_key"]
    for case in (*data.get("boto3_mwaa", ()), *data.get("presigned", ())):
        rules = Rules(case.get("region", data["defaults"]["region"]), case.get("service", "airflow"))
        yield case["id"], sigv4.fault_of(case, rules, secret)
    table = by_words()
    for case in data.get("mutations", ()):
        yield case["id"], fault_of_mutation(case, table)


def fault_of_mutation(case: Mapping[str, Any], table: Mapping[Words, Mutation]) -> str | None:
    """How our answer to a mutation differs from the expected one."""
    mutation = table.get(words_of(case["id"])) or find_clock(case.get("change", ""))
    if mutation is None:
        return f"no interpreter for this mutation ({case.get('change')})"
    expected = case["error"] if case["expect"] == "reject" else None
    for window in WINDOWS:
        got = answer(mutation.attempt(window))
        if got != expected:
            return f"expected {expected or 'accept'}, got {got or 'accept'} (window {window:.0f} s)"
    return None


def answer(attempt: Attempt) -> str | None:
    """The error code the service gives; None when it accepts."""
    rules = replace(attempt.rules, skew=attempt.window)
    try:
        claim = parse(attempt.request)
        verify(
            attempt.request, claim, attempt.keys.get(claim.access_key_id), rules, attempt.now, SigningKeys()
        )
    except ServiceError as error:
        return error.code.value
    return None
