"""Variable: named settings of the environment. Where they are looked for: `airflow.secrets.lookup`."""

from __future__ import annotations

import json
from typing import Any

_UNSET: Any = object()


class Variable:
    """`Variable.get("key")`. Raises KeyError when there is no such variable and no default was given."""

    def __init__(self, key: str | None = None, val: Any = None, description: str | None = None) -> None:
        self.key, self.val, self.description = key, val, description

    @staticmethod
    def get(
        key: str,
        default_var: Any = _UNSET,
        deserialize_json: bool = False,
        *,
        default: Any = _UNSET,
        **_: Any,
    ) -> Any:
        """The value as text, or read as JSON; both names of the default are understood."""
        from airflow.secrets.lookup import find_variable

        text = find_variable(key)
        if text is None:
            chosen = default if default is not _UNSET else default_var
            if chosen is not _UNSET:
                return chosen
            raise KeyError(f"Variable {key} does not exist")
        return json.loads(text) if deserialize_json else text

    @staticmethod
    async def aget(key: str, *args: Any, **kwargs: Any) -> Any:
        """`get`, without holding up an event loop."""
        import asyncio

        return await asyncio.to_thread(Variable.get, key, *args, **kwargs)

    @staticmethod
    async def aset(key: str, value: Any, *args: Any, **kwargs: Any) -> None:
        """`set`, without holding up an event loop."""
        import asyncio

        await asyncio.to_thread(Variable.set, key, value, *args, **kwargs)

    @staticmethod
    def set(
        key: str, value: Any, description: str | None = None, serialize_json: bool = False, **_: Any
    ) -> None:
        """Create or replace it."""
        from airflow._task.comms import required

        text = json.dumps(value, indent=2) if serialize_json else str(value)
        required("set a variable").ask(
            "set_variable", {"key": key, "value": text, "description": description}
        )

    @staticmethod
    def update(key: str, value: Any, serialize_json: bool = False, **_: Any) -> None:
        """Replace it. Raises KeyError when there is no such variable."""
        Variable.get(key)
        Variable.set(key, value, serialize_json=serialize_json)

    @staticmethod
    def delete(key: str, **_: Any) -> None:
        from airflow._task.comms import required

        required("delete a variable").ask("delete_variable", {"key": key})

    @classmethod
    def setdefault(
        cls, key: str, default: Any, description: str | None = None, deserialize_json: bool = False
    ) -> Any:
        """The value; the default is stored first when there is none."""
        found = cls.get(key, default_var=None, deserialize_json=deserialize_json)
        if found is not None:
            return found
        if default is None:
            raise ValueError("cannot set a default of None")
        cls.set(key, default, description, serialize_json=deserialize_json)
        return default
