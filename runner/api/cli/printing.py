"""Rows as `-o table`, `json`, `yaml` or `plain`: what scripts of Airflow's users have learnt to read.

In every format a value is its text (true is "True"), lists and objects of JSON and YAML hold texts, null stays null.
"""

from __future__ import annotations

import json
from typing import Any

FORMATS = ("table", "json", "yaml", "plain")
_WIDTH = 200


def render(rows: list[dict[str, Any]], output: str) -> str:
    """The text without its last line end."""
    plain = [{key: _to_text(value, output) for key, value in row.items()} for row in rows]
    if output == "json":
        return json.dumps(plain)
    if output == "yaml":
        import yaml  # loaded by the first who asks

        return str(yaml.dump(plain)).rstrip("\n")
    if not plain:
        return "No data found"
    return _table(plain) if output == "table" else _columns(plain)


def _to_text(value: Any, output: str) -> Any:
    if isinstance(value, list | tuple):
        texts = [_to_text(item, output) for item in value]
        return ",".join(map(str, texts)) if output == "table" else texts
    if isinstance(value, dict) and output != "table":
        return {key: _to_text(item, output) for key, item in value.items()}
    return None if value is None else str(value)


def _table(rows: list[dict[str, Any]]) -> str:
    """At most 200 characters wide: wider cells are folded, by the library that Airflow uses."""
    import io  # with rich, loaded by the first who asks

    from rich.box import ASCII_DOUBLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=ASCII_DOUBLE_HEAD, show_edge=False, pad_edge=False, caption=" ")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(value)) for value in row.values()))
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip("\n")


def _columns(rows: list[dict[str, Any]]) -> str:
    """Columns two spaces apart, nothing else: made for cut and awk."""
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: Any) -> str:
    return "" if value is None else str(value).replace("\n", " ")
