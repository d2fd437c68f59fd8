"""Params: values of a DAG or a task that whoever starts a run may change within their schema."""

from __future__ import annotations

import copy
from collections.abc import Iterator, MutableMapping
from typing import Any

from airflow._wire.json_schema import find_problem
from airflow.exceptions import ParamValidationError

_NO_VALUE = object()


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
        self.schema: dict[str, Any] = schema.pop("schema", None) or schema

    @property
    def has_value(self) -> bool:
        return self.value is not _NO_VALUE and self.value is not None

    def resolve(self, value: Any = _NO_VALUE, suppress_exception: bool = False) -> Any:
        """The value (a new one, or its own), checked."""
        chosen = self.value if value is _NO_VALUE else value
        try:
            if chosen is _NO_VALUE:
                raise ParamValidationError("No value passed and Param has no default value")
            problem = find_problem(chosen, self.schema)
            if problem is not None:
                raise ParamValidationError(f"{chosen!r} {problem}")
        except ParamValidationError:
            if suppress_exception:
                return None
            raise
        self.value = chosen
        return chosen

    def dump(self) -> dict[str, Any]:
        """As data, a value that is not there as None."""
        value = None if self.value is _NO_VALUE else self.value
        found = {"value": value, "schema": self.schema, "description": self.description}
        return found if self.source is None else {**found, "source": self.source}

    serialize = dump

    def __copy__(self) -> Param:
        twin = Param(self.value, self.description, self.source)
        twin.schema = self.schema
        return twin


class ParamsDict(MutableMapping[str, Any]):
    """Params by name; reading one gives its value, writing one checks it."""

    def __init__(self, values: Any = None, suppress_exception: bool = False) -> None:
        self.suppress_exception = suppress_exception
        self._params: dict[str, Param] = {}
        for name, value in values.items() if isinstance(values, ParamsDict) else dict(values or {}).items():
            self._params[name] = copy.copy(value) if isinstance(value, Param) else Param(value)

    def items(self) -> Any:
        """The Param objects by name, as in Airflow; `dump` has the values."""
        return self._params.items()

    def values(self) -> Any:
        return self._params.values()

    items_raw = items

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (ParamsDict, dict)) and self.dump() == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> ParamsDict:
        return ParamsDict(self, self.suppress_exception)

    def copy(self) -> ParamsDict:
        return ParamsDict(self, self.suppress_exception)

    def dump(self) -> dict[str, Any]:
        """The values; None for one that does not fit its schema."""
        return {name: param.resolve(suppress_exception=True) for name, param in self._params.items()}

    def validate(self) -> dict[str, Any]:
        """The values. Raises ParamValidationError naming the first that does not fit its schema."""
        found = {}
        for name, param in self._params.items():
            try:
                found[name] = param.resolve(suppress_exception=self.suppress_exception)
            except ParamValidationError as error:
                raise ParamValidationError(f"cannot set the param {name!r}: {error}") from None
        return found

    def deep_merge(self, values: Any) -> None:
        """Take over other params (objects and all)."""
        for name, value in values.items():
            self[name] = copy.copy(value) if isinstance(value, Param) else value
