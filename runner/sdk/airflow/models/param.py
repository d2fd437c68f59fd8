"""Params: values of a DAG or a task that whoever starts a run may change within their schema."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from airflow.exceptions import ParamValidationError

_NO_VALUE = object()
_TYPES: dict[str, Any] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "array": (list, tuple),
    "object": dict,
    "null": type(None),
}


class Param:
    """A value with a description and a JSON schema (`type="integer", minimum=1, enum=[...] ...`).

    Raises ParamValidationError when it is resolved to a value that does not fit.
    """

    def __init__(
        self, default: Any = _NO_VALUE, description: str | None = None, source: Any = None, **schema: Any
    ) -> None:
        self.value = default
        self.description = description
        self.source = source
        self.schema = schema.pop("schema", None) or schema

    @property
    def has_value(self) -> bool:
        return self.value is not _NO_VALUE

    def resolve(self, value: Any = _NO_VALUE, suppress_exception: bool = False) -> Any:
        """The value (a new one, or its own), checked."""
        chosen = self.value if value is _NO_VALUE else value
        try:
            if chosen is _NO_VALUE:
                raise ParamValidationError("cannot resolve a param without a value and without a default")
            _check(chosen, self.schema)
        except ParamValidationError:
            if suppress_exception:
                return None
            raise
        self.value = chosen
        return chosen

    def dump(self) -> dict[str, Any]:
        value = self.value if self.has_value else None
        return {"value": value, "schema": self.schema, "description": self.description}

    def __copy__(self) -> Param:
        twin = Param(self.value, self.description, self.source)
        twin.schema = self.schema
        return twin


class ParamsDict(MutableMapping[str, Any]):
    """Params by name; reading one gives its value, writing one checks it."""

    def __init__(self, values: Any = None, suppress_exception: bool = False) -> None:
        self.suppress_exception = suppress_exception
        self._params: dict[str, Param] = {}
        for name, value in (
            values.items_raw() if isinstance(values, ParamsDict) else dict(values or {}).items()
        ):
            self._params[name] = copy.copy(value) if isinstance(value, Param) else Param(value)

    def items_raw(self) -> Any:
        """The Param objects by name."""
        return self._params.items()

    def get_param(self, name: str) -> Param:
        return self._params[name]

    def __getitem__(self, name: str) -> Any:
        return self._params[name].resolve(suppress_exception=self.suppress_exception)

    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, Param):
            self._params[name] = value
            return
        param = self._params.setdefault(name, Param(value))
        try:
            param.resolve(value, self.suppress_exception)
        except ParamValidationError as error:
            raise ParamValidationError(f"cannot set the param {name!r}: {error}") from None

    def __delitem__(self, name: str) -> None:
        del self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __repr__(self) -> str:
        return repr({name: param.dump()["value"] for name, param in self._params.items()})

    def dump(self) -> dict[str, Any]:
        """The values, each checked."""
        return {name: self[name] for name in self._params}

    def validate(self) -> dict[str, Any]:
        return self.dump()

    def deep_merge(self, values: Any) -> None:
        """Take over other params (objects and all)."""
        for name, value in values.items_raw() if isinstance(values, ParamsDict) else values.items():
            self[name] = copy.copy(value) if isinstance(value, Param) else value


def _check(value: Any, schema: dict[str, Any]) -> None:
    """The keywords of JSON schema that params use. Raises ParamValidationError with the first that is broken."""
    problem = _type_problem(value, schema.get("type")) or _value_problem(value, schema)
    if problem:
        raise ParamValidationError(f"{value!r} {problem}")


def _type_problem(value: Any, kinds: Any) -> str | None:
    if kinds is None:
        return None
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    for name in names:
        if isinstance(value, _TYPES.get(name, object)) and not (
            isinstance(value, bool) and name in ("integer", "number")
        ):
            return None
    return f"is not of type {' or '.join(names)}"


def _value_problem(value: Any, schema: dict[str, Any]) -> str | None:
    if "enum" in schema and value not in schema["enum"]:
        return f"is not one of {schema['enum']!r}"
    if "const" in schema and value != schema["const"]:
        return f"is not {schema['const']!r}"
    if isinstance(value, (int, float)) and not (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
    ):
        return f"is outside of {schema.get('minimum', '')}..{schema.get('maximum', '')}"
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return f"is not {schema.get('minLength', 0)}..{schema.get('maxLength', '')} characters long"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return f"does not match {schema['pattern']!r}"
    return None
