"""@asset: a function that makes an asset, and the DAG of one task that runs it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow.assets.definition import Asset, AssetAll, BaseAsset
from airflow.assets.wire import from_ref
from airflow.decorators.task import TaskFunction
from airflow.exceptions import AirflowNotFoundException
from airflow.models import scope
from airflow.models.dag import DAG
from airflow.operators.python import PythonOperator

_GIVEN = ("self", "context", "outlet_events")
_OF_ASSET = ("name", "uri", "group", "extra", "watchers", "access_control")
_OF_DAG = (
    "schedule", "is_paused_upon_creation", "dag_id", "dag_display_name", "description", "params",
    "on_success_callback", "on_failure_callback", "owner_links", "tags",
)  # fmt: skip


class AssetDefinition(Asset):
    """The asset that a decorated function makes: usable wherever an asset is."""

    @property
    def outlets(self) -> tuple[BaseAsset, ...]:
        return (self,)


class MultiAssetDefinition(AssetAll):
    """The assets that a decorated function makes: usable in a schedule, where all of them must be updated."""

    def __init__(self, name: str, outlets: tuple[BaseAsset, ...]) -> None:
        super().__init__(*outlets)
        self.name = name

    @property
    def outlets(self) -> tuple[BaseAsset, ...]:
        return tuple(self.objects)


class AssetOperator(PythonOperator):
    """Runs a decorated function: what its parameters name (`self`, `context`, other assets) is handed to it."""

    custom_operator_name = "@asset"

    def __init__(self, *, definition_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._definition_name = definition_name

    def determine_kwargs(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        return dict(self._arguments(context))

    def _arguments(self, context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, parameter in inspect.signature(self.python_callable).parameters.items():
            if parameter.default is not parameter.empty:
                yield name, parameter.default
            elif name in ("context", "outlet_events"):
                yield name, context if name == "context" else context["outlet_events"]
            else:
                yield name, fetch_asset(self._definition_name if name == "self" else name)


def fetch_asset(name: str) -> Asset:
    """The active asset of a name. Raises AirflowNotFoundException."""
    from airflow._task.comms import required

    answer = required("look up an asset").ask("get_asset", {"name": name, "uri": None})
    if not answer["found"]:
        raise AirflowNotFoundException(f"cannot find the asset {name!r}: no DAG defines it")
    return from_ref(answer)


class asset:
    """`@asset(schedule=...)` on a function: an asset of its name, updated whenever the DAG of that name runs.

    Takes `name`, `uri`, `group`, `extra` and `watchers` of the asset, and the DAG's arguments. The function's
    parameters name assets it reads; `self` is its own asset, `context` the run's context. Raises TypeError for
    arguments that nothing knows, ValueError for a nested function.
    """

    def __init__(self, *, schedule: Any, **options: Any) -> None:
        self._options = _check({"schedule": schedule, **options}, (*_OF_ASSET, *_OF_DAG))

    def __call__(self, function: Callable[..., Any]) -> AssetDefinition:
        options = {key: value for key, value in self._options.items() if key in _OF_ASSET}
        name = options.pop("name", None) or _name_of(function)
        definition = AssetDefinition(name, options.pop("uri", None), **options)
        _build(self._options, name, name, function, definition.outlets)
        return definition

    class multi:
        """`@asset.multi(outlets=[...], schedule=...)`: one function that updates several assets."""

        def __init__(self, *, outlets: Any, schedule: Any, **options: Any) -> None:
            self._options = _check({"schedule": schedule, **options}, _OF_DAG)
            self._outlets = tuple(outlets)

        def __call__(self, function: Callable[..., Any]) -> MultiAssetDefinition:
            name = _name_of(function)
            if not self._outlets:
                raise ValueError(f"cannot make the assets of {name}: it has no outlets")
            definition = MultiAssetDefinition(name, self._outlets)
            _build(self._options, name, name, function, definition.outlets)
            return definition


def _build(
    options: dict[str, Any], dag_id: str, name: str, function: Any, outlets: tuple[BaseAsset, ...]
) -> None:
    """The DAG and its task."""
    where = scope.site()
    given = {key: value for key, value in options.items() if key in _OF_DAG and key != "dag_id"}
    dag = DAG(options.get("dag_id") or dag_id, catchup=False, **given)
    dag.definition_site, dag.fileloc = where, where[0]
    with dag:
        if isinstance(function, TaskFunction):
            if "outlets" in function.kwargs:
                raise TypeError(f"cannot make an asset of {name}: its @task has outlets of its own")
            function.override(outlets=list(outlets))()
            return
        AssetOperator(
            task_id=_name_of(function),
            inlets=_list_inlets(function),
            outlets=list(outlets),
            python_callable=function,
            definition_name=name,
        )


def _list_inlets(function: Callable[..., Any]) -> list[Any]:
    """References to the assets that the parameters name. Raises TypeError for parameters nothing can be given to."""
    inlets = []
    for name, parameter in inspect.signature(function).parameters.items():
        required = parameter.default is parameter.empty
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or (
            required and parameter.kind is parameter.POSITIONAL_ONLY
        ):
            raise TypeError(
                f"cannot use the parameter {parameter} of an @asset function: nothing is given to it"
            )
        if required and name not in _GIVEN:
            inlets.append(Asset.ref(name=name))
    return inlets


def _name_of(function: Any) -> str:
    if function.__name__ != function.__qualname__:
        raise ValueError(f"cannot make an asset of {function.__qualname__}: the function is nested")
    return str(function.__name__)


def _check(options: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    strange = sorted(options.keys() - set(known))
    if strange:
        raise TypeError(f"cannot make an asset: @asset does not take {', '.join(strange)}")
    return options
