"""Time zones as they are serialised: by IANA name, or as an offset."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})(?::(\d{2}))?$")


def read_zone(name: str) -> dt.tzinfo:
    """A zone by IANA name, or a fixed offset written +05:30. Raises ValueError, KeyError or OSError."""
    match = _OFFSET.match(name)
    if match is None:
        return ZoneInfo(name)
    sign, hours, minutes, seconds = match.groups()
    offset = dt.timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
    return dt.timezone(-offset if sign == "-" else offset)
