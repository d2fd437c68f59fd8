"""Pages by cursor: a list that is asked with `cursor` tells where its next page and the one before begin.

A cursor is opaque to callers, and an offset to us.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runner.api.errors import ApiError
from runner.api.query import Query
from runner.store.listing_page import Page, Window

NO_CURSOR: Mapping[str, Any] = {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None}
"""What a list has beside its rows when it was not asked with a cursor."""
_COUNTED = 50_000
"""Airflow counts no further when it is asked with a cursor; we do, and say the same."""


def read_window(query: Query) -> Window:
    """The page asked for, by offset or by cursor. Raises ApiError (invalid)."""
    window, cursor = query.window(), query.text("cursor")
    return replace(window, offset=_read(cursor)) if cursor else window


def describe(query: Query, window: Window, page: Page) -> Mapping[str, Any]:
    """Where the pages around this one begin."""
    if "cursor" not in query:
        return NO_CURSOR
    after = window.offset + len(page.rows)
    more = page.rows and after < page.total
    return {
        "total_entries_limit": _COUNTED,
        "next_cursor": _write(after) if more else None,
        "previous_cursor": _write(max(window.offset - window.limit, 0)) if window.offset else None,
    }


def _write(offset: int) -> str:
    return base64.urlsafe_b64encode(f"at:{offset}".encode()).decode().rstrip("=")


def _read(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    number = text.removeprefix("at:")
    if text == number or not number.isdecimal() or len(number) > 9:
        raise ApiError("invalid", "cannot read this cursor: only those that this API gave out are valid")
    return int(number)
