"""@task.sensor: a function that is asked until what it waits for is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.decorators.decorated import DecoratedOperator
from airflow.sensors.base import BaseSensorOperator, PokeReturnValue
from airflow.utils.operator_helpers import determine_kwargs


class SensorDecoratedOperator(DecoratedOperator, BaseSensorOperator):
    """The function returns a bool, or a PokeReturnValue with the value to push."""

    custom_operator_name = "@task.sensor"
    template_fields: Sequence[str] = ("op_args", "op_kwargs")

    def poke(self, context: Any) -> PokeReturnValue:
        """Ask the function."""
        given = {
            **self.op_kwargs,
            **determine_kwargs(self.python_callable, self.op_args, {**context, **self.op_kwargs}),
        }
        answer = self.python_callable(*self.op_args, **given)
        return answer if isinstance(answer, PokeReturnValue) else PokeReturnValue(bool(answer))
