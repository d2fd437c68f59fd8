"""`task`: the decorator of Python functions, and the home of its variants `task.branch`, `task.bash` and so on.

A variant with an operator of its own module is imported when it is first used; a name that is not ours is looked for
among the installed providers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.decorators import decorated
from airflow.decorators.task import task_decorator_factory


class TaskDecoratorCollection:
    """`@task` and `@task.variant`, each bare or called with arguments of the task."""

    def __call__(
        self, python_callable: Any = None, multiple_outputs: bool | None = None, **options: Any
    ) -> Any:
        return self.python(python_callable, multiple_outputs, **options)

    def python(
        self, python_callable: Any = None, multiple_outputs: bool | None = None, **options: Any
    ) -> Any:
        """A function as a task; with a dict as return annotation (or `multiple_outputs`) one XCom for each key."""
        return _decorate(
            decorated.PythonDecoratedOperator, python_callable, multiple_outputs=multiple_outputs, **options
        )

    def branch(self, python_callable: Any = None, **options: Any) -> Any:
        """The function returns the id or ids of what comes next."""
        return _decorate(decorated.BranchDecoratedOperator, python_callable, **options)

    def short_circuit(self, python_callable: Any = None, **options: Any) -> Any:
        """When the function returns something false, what comes after is skipped."""
        return _decorate(decorated.ShortCircuitDecoratedOperator, python_callable, **options)

    def bash(self, python_callable: Any = None, **options: Any) -> Any:
        """The function returns a bash command to run."""
        from airflow.decorators.bash import BashDecoratedOperator

        options.setdefault("multiple_outputs", False)
        return _decorate(BashDecoratedOperator, python_callable, **options)

    def stub(self, python_callable: Any = None, **options: Any) -> Any:
        """An empty function: a worker of another language runs the task."""
        return _decorate(decorated.StubDecoratedOperator, python_callable, **options)

    def sensor(self, python_callable: Any = None, **options: Any) -> Any:
        """The function is asked until it returns something true, or a PokeReturnValue that says so."""
        from airflow.decorators.sensor import SensorDecoratedOperator

        return _decorate(SensorDecoratedOperator, python_callable, multiple_outputs=False, **options)

    def virtualenv(self, python_callable: Any = None, **options: Any) -> Any:
        """The function runs in a virtual environment made for it from `requirements`."""
        from airflow.decorators import isolated

        return _decorate(isolated.VirtualenvDecoratedOperator, python_callable, **options)

    def external_python(self, python_callable: Any = None, **options: Any) -> Any:
        """The function runs under the interpreter `python`."""
        from airflow.decorators import isolated

        return _decorate(isolated.ExternalPythonDecoratedOperator, python_callable, **options)

    def branch_virtualenv(self, python_callable: Any = None, **options: Any) -> Any:
        """As `branch`, in a virtual environment."""
        from airflow.decorators import isolated

        return _decorate(isolated.BranchVirtualenvDecoratedOperator, python_callable, **options)

    def branch_external_python(self, python_callable: Any = None, **options: Any) -> Any:
        """As `branch`, under another interpreter."""
        from airflow.decorators import isolated

        return _decorate(isolated.BranchExternalPythonDecoratedOperator, python_callable, **options)

    def run_if(self, condition: Callable[[Any], Any], skip_message: str | None = None) -> Any:
        """Above a @task: it runs only when `condition(context)` is true, else it is skipped."""
        from airflow.decorators.conditions import run_if

        return run_if(condition, skip_message)

    def skip_if(self, condition: Callable[[Any], Any], skip_message: str | None = None) -> Any:
        """Above a @task: it is skipped when `condition(context)` is true."""
        from airflow.decorators.conditions import skip_if

        return skip_if(condition, skip_message)

    def setup(self, function: Any) -> Any:
        """See `airflow.decorators.setup`."""
        from airflow.decorators.setup_teardown import setup

        return setup(function)

    def teardown(self, function: Any = None, **options: Any) -> Any:
        """See `airflow.decorators.teardown`."""
        from airflow.decorators.setup_teardown import teardown

        return teardown(function, **options)

    def __getattr__(self, name: str) -> Any:
        """The decorator of a provider that is installed. Raises AttributeError naming the package that has it."""
        if name.startswith("_"):
            raise AttributeError(name)
        from airflow.decorators.provided import get_decorator

        return get_decorator(name)


def _decorate(operator: type, python_callable: Any, **options: Any) -> Any:
    return task_decorator_factory(python_callable, decorated_operator_class=operator, **options)


task = TaskDecoratorCollection()
