"""Every import path of every generation leads to our objects."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from airflow import aliases
from airflow._alias_rows import ROWS
from airflow._alias_rows_core import CORE_ROWS

IMPORTS = """
from airflow import DAG, XComArg, AirflowException, models
from airflow.models import DAG, BaseOperator, Variable, Connection, Param, XCom, TaskInstance, DagRun
from airflow.models.dag import DAG
from airflow.models.baseoperator import BaseOperator, chain, cross_downstream
from airflow.models.param import Param, ParamsDict
from airflow.models.variable import Variable
from airflow.models.xcom_arg import XComArg
from airflow.operators import bash_operator, python_operator, dummy
from airflow.operators.bash_operator import BashOperator
from airflow.operators.python_operator import PythonOperator, BranchPythonOperator, ShortCircuitOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.dummy import DummyOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator, get_current_context
from airflow.operators.latest_only_operator import LatestOnlyOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator, BranchPythonOperator, ShortCircuitOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.decorators import dag, task, task_group, setup, teardown
from airflow.sdk import DAG, dag, task, task_group, Param, Variable, Connection, Label, chain, get_current_context
from airflow.sdk import BaseOperator, BaseHook, TaskGroup, XComArg, timezone, macros, conf, literal
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.bases.operator import BaseOperator, chain, cross_downstream
from airflow.sdk.exceptions import AirflowSkipException, AirflowFailException
from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.hooks.base import BaseHook
from airflow.hooks.base_hook import BaseHook
from airflow.utils.dates import days_ago
from airflow.utils.trigger_rule import TriggerRule
from airflow.utils.task_group import TaskGroup
from airflow.utils.state import State, DagRunState, TaskInstanceState
from airflow.utils.edgemodifier import Label
from airflow.utils.timezone import datetime, utcnow
from airflow.utils.helpers import chain
from airflow.utils.decorators import apply_defaults
from airflow.utils.weekday import WeekDay
from airflow.utils.context import Context
from airflow.utils.log.logging_mixin import LoggingMixin
from airflow.utils.module_loading import import_string
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.notifications.basenotifier import BaseNotifier
from airflow.configuration import conf
from airflow.version import version
from airflow import macros, __version__
""".strip().splitlines()


ALL_ROWS = (*ROWS, *CORE_ROWS)


@pytest.mark.parametrize("path, target, names", ALL_ROWS, ids=[f"{row[0]}:{row[1]}" for row in ALL_ROWS])
def test_every_row_imports(path: str, target: str, names: str) -> None:
    if target == "airflow.io.path":
        pytest.importorskip("upath")
    module = importlib.import_module(path)
    holder = importlib.import_module(target)
    for name in [n for n in vars(holder) if not n.startswith("_")] if names == "*" else names.split():
        old, renamed, new = name.partition("=")
        expected = holder if renamed and not new else getattr(holder, new or old)
        assert getattr(module, old) is expected


def test_what_dag_files_import_resolves() -> None:
    script = "\n".join(["import warnings", "warnings.simplefilter('error')", *IMPORTS])
    exec(compile(script, "imports", "exec"), {})


NAMES = {
    "airflow.sdk.exceptions": [
        "AirflowException",
        "AirflowSensorTimeout",
        "AirflowSkipException",
        "TaskDeferred",
    ],
    "airflow.providers.standard.operators.python": ["PythonOperator", "BranchPythonOperator"],
}


@pytest.mark.parametrize("module", NAMES)
def test_star_import_of_a_path_without_a_file_brings_what_a_plain_import_does(module: str) -> None:
    program = f"""
names = {{}}
exec("from {module} import *", names)
import {module} as module
from airflow._names.placeholders import is_placeholder
brought = {{name for name, value in names.items() if not is_placeholder(value)}}
assert brought >= set({NAMES[module]}), brought
assert all(names[name] is getattr(module, name) for name in brought - {{"__builtins__"}})
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_star_import_brings_the_objects() -> None:
    names: dict[str, object] = {}
    exec("from airflow.operators.python_operator import *", names)
    assert names["PythonOperator"].__name__ == "PythonOperator"  # type: ignore[attr-defined]


def test_unknown_name_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="NoSuchThing"):
        exec("from airflow.operators.bash_operator import NoSuchThing", {})
    with pytest.raises(ModuleNotFoundError, match=r"airflow\.no_such_module"):
        importlib.import_module("airflow.no_such_module")


def test_providers_stay_open_for_other_distributions() -> None:
    import airflow.providers

    assert getattr(airflow.providers, "__file__", None) is None, "airflow.providers must be a namespace"


def test_no_row_hides_a_file() -> None:
    root, found = Path(aliases.__file__).parent, 0
    for path in sorted(aliases.row_paths() - {"airflow", aliases.PROVIDERS}):
        place = root.joinpath(*path.split(".")[1:])
        files = [file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()]
        finder = aliases.ProviderFinder if path.startswith("airflow.providers.") else aliases.OwnFinder
        spec = finder.find_spec(path)
        assert spec is not None
        assert spec.origin == (str(files[0]) if files else "airflow.aliases")
        found += bool(files)
    assert found > 5


def test_importing_airflow_is_light() -> None:
    code = (
        "import sys, airflow; airflow.DAG;"
        "print([m for m in ('jinja2', 'pendulum', 'asyncio', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
