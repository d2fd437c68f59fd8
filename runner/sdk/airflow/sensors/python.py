"""PythonSensor: waits until a function returns something true."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow.sensors.base import BaseSensorOperator, PokeReturnValue
from airflow.utils.operator_helpers import determine_kwargs


class PythonSensor(BaseSensorOperator):
    """Calls `python_callable(*op_args, **op_kwargs)` with what it names of the context.

    It may return a PokeReturnValue to push an XCom.
    """

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.python_callable = python_callable
        self.op_args: Sequence[Any] = op_args or []
        self.op_kwargs: Mapping[str, Any] = op_kwargs or {}
        self.templates_dict = templates_dict

    def poke(self, context: Any) -> PokeReturnValue:
        available = ChainMap({"templates_dict": self.templates_dict, **self.op_kwargs}, context)
        self.log.info("Poking callable: %s", self.python_callable)
        wanted = determine_kwargs(self.python_callable, self.op_args, available)
        found = self.python_callable(*self.op_args, **wanted)
        return found if isinstance(found, PokeReturnValue) else PokeReturnValue(bool(found))
