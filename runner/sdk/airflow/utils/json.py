"""JSON of XComs, as XCom backends of providers and users write it."""

from __future__ import annotations

import json
from typing import Any

from airflow.models.xcom import from_plain, to_plain


class XComEncoder(json.JSONEncoder):
    """Writes whatever an XCom may hold."""

    def encode(self, o: Any) -> str:
        return super().encode(to_plain(o))

    def iterencode(self, o: Any, _one_shot: bool = False) -> Any:
        return super().iterencode(to_plain(o), _one_shot)


class XComDecoder(json.JSONDecoder):
    """Reads what XComEncoder wrote."""

    def decode(self, s: str, *args: Any) -> Any:
        return from_plain(super().decode(s, *args))


class AirflowJsonEncoder(XComEncoder):
    """Its name in 1.10 and 2.x."""


WebEncoder = AirflowJsonEncoder
