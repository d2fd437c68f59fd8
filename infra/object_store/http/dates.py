"""Times as S3 writes and reads them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime


def to_http(at: float) -> str:
    """`Sat, 21 Nov 2026 09:32:35 GMT`."""
    return formatdate(at, usegmt=True)


def to_iso(at: float) -> str:
    """`2026-11-21T09:32:35.250Z`, cut to milliseconds."""
    millis = int(at * 1000)
    text = datetime.fromtimestamp(millis // 1000, UTC).isoformat()
    return f"{text[:19]}.{millis % 1000:03d}Z"


def read_http(text: str) -> float | None:
    """The time of a header; None when it is none, which a condition ignores."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
