"""Things that tasks read and write, for documentation: a file, a table, its columns, their owners."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(kw_only=True)
class File:
    """A file by address."""

    url: str
    type_hint: str | None = None
    template_fields: ClassVar[tuple[str, ...]] = ("url",)


@dataclass(kw_only=True)
class User:
    """A person."""

    email: str
    first_name: str | None = None
    last_name: str | None = None
    template_fields: ClassVar[tuple[str, ...]] = ("email", "first_name", "last_name")


@dataclass(kw_only=True)
class Tag:
    """A label."""

    tag_name: str
    template_fields: ClassVar[tuple[str, ...]] = ("tag_name",)


@dataclass(kw_only=True)
class Column:
    """A column of a table."""

    name: str
    description: str | None = None
    data_type: str = ""
    tags: list[Tag] = field(default_factory=list)
    template_fields: ClassVar[tuple[str, ...]] = ("name", "description", "data_type", "tags")


@dataclass(kw_only=True)
class Table:
    """A table of a database in a cluster."""

    database: str
    cluster: str
    name: str
    tags: list[Tag] = field(default_factory=list)
    description: str | None = None
    columns: list[Column] = field(default_factory=list)
    owners: list[User] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    type_hint: str | None = None
    template_fields: ClassVar[tuple[str, ...]] = (
        "database", "cluster", "name", "tags", "description", "columns", "owners", "extra",
    )  # fmt: skip
