"""What the bucket has, written down as `newest.json` beside a cell's equipment. Lost, the next look finds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from control_plane.domain.equipment import Source
from control_plane.domain.newest import Newest
from control_plane.private_files import write_private

NEWEST = "newest.json"


def find_newest(home: Path) -> Newest:
    """What was seen last; nothing when it is not written down."""
    try:
        data = json.loads((home / NEWEST).read_text(encoding="utf-8"))
        return Newest(
            _sources(data["sources"]), _sources(data["refused"]), data["refused_at"], data["reason"]
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Newest()


def put_newest(home: Path, newest: Newest) -> None:
    """Write it down, when it says something new."""
    if home.is_dir() and find_newest(home) != newest:
        write_private(home / NEWEST, json.dumps(asdict(newest), indent=1, sort_keys=True))


def _sources(data: Mapping[str, Any]) -> dict[str, Source]:
    return {member: Source(**source) for member, source in data.items()}
