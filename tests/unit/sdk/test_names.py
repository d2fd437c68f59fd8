"""Every name of three generations can be imported, or says what to do instead."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from airflow._names import packages, search, tables
from airflow._names.notes import list_notes
from airflow._names.placeholders import NotAvailable, is_placeholder

from tests.names.scan import public_names, scan

OPTIONAL = "upath"
"""A library that the environments' interpreter has, and this one may lack."""


def read_table(file: str) -> dict[str, str]:
    """What stands before the first tab of each line -> the rest of it."""
    lines = Path(tables.__file__).with_name(file).read_text(encoding="utf-8").splitlines()
    return {place: rest for place, _, rest in (line.partition("\t") for line in lines) if place}


def list_lost_names() -> list[tuple[str, str]]:
    """The (module, name) pairs that have a successor."""
    places = [place for place, rest in read_table("by_hand.txt").items() if rest.startswith("is\t")]
    return [(place.partition(":")[0], place.partition(":")[2]) for place in places]


@pytest.mark.parametrize("group", range(8))
def test_every_name_resolves_or_says_what_to_do(group: int) -> None:
    for module in list(read_table("public.txt"))[group::8]:
        for name in tables.names_of(module):
            check(module, name)


@pytest.mark.parametrize("module, name", list_lost_names())
def test_lost_names_lead_somewhere(module: str, name: str) -> None:
    check(module, name)
    for generation in (2, 3):
        notes = list_notes(ast.parse(f"from {module} import {name}"), "f.py", generation)
        assert not any("nothing took its place" in note for note in notes), notes


def check(module: str, name: str) -> None:
    """The name is an object, a placeholder that explains itself, or an ImportError that does."""
    try:
        value = getattr(importlib.import_module(module), name)
    except (packages.ProviderMissing, search.NameGone) as error:
        assert str(error).startswith(f"cannot import {module}.{name}: ")
        assert isinstance(error, search.NameGone) or "requirements.txt" in str(error)
    except ModuleNotFoundError as error:
        assert error.name == OPTIONAL
        assert find_spec(OPTIONAL) is None
    else:
        if is_placeholder(value):
            with pytest.raises(NotAvailable, match=r"cannot use airflow\.\S+: \w"):
                value()


@pytest.mark.parametrize("version", ["1.10.15", "2.11.0", "3.3.2"])
def test_the_table_has_what_the_real_packages_have(version: str) -> None:
    variable = f"AIRFLOW_{version[0]}_PACKAGES"
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} does not name the folder of an unpacked Airflow {version}")
    missing = [
        f"{module}.{name}"
        for module, found in scan(Path(folder)).items()
        if not module.startswith("airflow.providers.") or module.startswith("airflow.providers.standard")
        for name in public_names(found)
        if name not in tables.names_of(module)
    ]
    print(*missing, sep="\n")
    assert missing == []


IMPORTS = {
    "import airflow.operators.bash_operator as x; x.BashOperator": "BashOperator",
    "from airflow.operators import bash_operator; bash_operator.BashOperator": "BashOperator",
    "import airflow; airflow.operators.python.PythonOperator": "PythonOperator",
    "from airflow import models; models.DAG": "DAG",
    "import airflow.models; airflow.models.dag.DAG": "DAG",
    "from airflow.exceptions import AirflowClusterPolicyViolation as x; x": "AirflowClusterPolicyViolation",
    "from airflow.utils.db import provide_session as x; x": "provide_session",
    "from airflow.contrib.sensors.bash_sensor import NoSuchName": ImportError,
    "from airflow.operators.mysql_operator import *": packages.ProviderMissing,
    "from airflow.contrib.operators.qubole_operator import QuboleOperator": search.NameGone,
    "from airflow.settings import Session as x; x": "Session",
    "from airflow.jobs.job import Job as x; x": "Job",
}


@pytest.mark.parametrize("source", IMPORTS)
def test_every_way_to_import(source: str) -> None:
    *statements, last = source.split("; ")
    names: dict[str, Any] = {}
    if not isinstance(IMPORTS[source], str):
        with pytest.raises(IMPORTS[source]):  # type: ignore[arg-type]
            exec(source, names)
        return
    exec("; ".join(statements), names)
    assert eval(last, names).__name__ == IMPORTS[source]


def test_a_placeholder_can_be_subclassed_and_named_but_not_used() -> None:
    from airflow.executors.base_executor import BaseExecutor
    from airflow.models import DagModel, TaskInstance

    class Mine(BaseExecutor):
        def __init__(self, size: int = 3) -> None:
            self.size = size

    assert Mine(4).size == 4
    assert (DagModel | None) is not None
    with pytest.raises(NotAvailable, match="GET /api/v2/dags"):
        DagModel.dag_id  # noqa: B018
    with pytest.raises(NotAvailable, match="ask the REST API"):
        TaskInstance.state  # noqa: B018
    assert not hasattr(TaskInstance, "_sa_registry")


def test_a_session_says_what_to_use_only_when_it_is_asked() -> None:
    from airflow.settings import Session
    from airflow.utils.session import NEW_SESSION, create_session, provide_session

    @provide_session
    def count(session: Any = NEW_SESSION) -> Any:
        return session.query("x")

    with create_session() as session:
        session.commit()
    for use in (count, lambda: session.scalars("x"), Session):
        with pytest.raises(NotAvailable, match="GET /api/v2"):
            use()
    assert count.__name__ == "count"
    with pytest.raises(ValueError, match="no argument of that name"):
        provide_session(lambda: None)


NOTES = [
    (
        "2.11",
        "from airflow.operators.bash_operator import BashOperator",
        "airflow.operators.bash import BashOperator",
    ),
    (
        "3.3",
        "from airflow.operators.bash_operator import BashOperator",
        "airflow.providers.standard.operators.bash",
    ),
    (
        "3.3",
        "import airflow.operators.python as p\n\np.PythonOperator",
        "airflow.providers.standard.operators.python",
    ),
    ("3.3", "from airflow.utils.dates import days_ago", "pendulum.today"),
    ("3.3", "from airflow.decorators import task", "`from airflow.sdk import task`"),
    ("3.3", "from airflow.datasets import Dataset", "`from airflow.sdk import Asset`"),
    ("2.11", "from airflow.decorators import task", None),
    ("1.10.12", "from airflow.operators.bash_operator import BashOperator", None),
    ("3.3", "from airflow.sdk import DAG\nfrom airflow.models import Variable", None),
    ("2.11", "from airflow.hooks.S3_hook import S3Hook", "(package apache-airflow-providers-amazon)"),
    (
        "3.3",
        "try:\n    import airflow.sdk\nexcept ImportError:\n    from airflow.decorators import task",
        None,
    ),
]


@pytest.mark.parametrize("version, source, said", NOTES)
def test_notes_say_what_to_write_in_this_generation(version: str, source: str, said: str | None) -> None:
    notes = list_notes(ast.parse(source), "dags/a.py", int(version[0]))
    assert len(notes) == (said is not None)
    for note in notes:
        line = source.count("\n") + 1
        assert note.startswith(f"dags/a.py:{line}: airflow.")
        assert said is not None and said in note


def test_parsing_tells_old_names_once_and_by_file(bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERODROME_AIRFLOW_VERSION", "3.3.2")
    (bundle.path / "names_helper.py").write_text("from airflow.utils.dates import days_ago\n")
    source = "from airflow.operators.bash_operator import BashOperator\nimport names_helper\n"
    result = bundle.parse(
        source
        + "from airflow import DAG\nwith DAG('d', schedule=None):\n    BashOperator('t', bash_command='x')\n"
    )
    assert result["error"] is None
    texts = [text.partition(": write")[0] for text in result["warnings"]]
    assert texts[1:] == ["names_helper.py:1: airflow.utils.dates.days_ago is of 2.x"]
    assert texts[0].endswith(":1: airflow.operators.bash_operator.BashOperator is of 1.10")


def test_a_missing_provider_is_named_in_the_import_error(bundle: Any) -> None:
    result = bundle.parse("from airflow.providers.samba.hooks.samba import SambaHook")
    assert "add it to requirements.txt" in result["error"]
    assert "apache-airflow-providers-samba" in result["error"]


def test_the_version_depends_on_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERODROME_AIRFLOW_VERSION", "2.10.3")
    code = "from airflow import __version__\nfrom airflow.version import version\nimport importlib.metadata as m\n"
    code += "found = (__version__, version, m.version('apache-airflow'))"
    for name, file, expected in (
        ("dag_file", "/bundles/x/dag.py", "2.10.3"),
        (
            "airflow.providers.http",
            "/venv/lib/python3.11/site-packages/airflow/providers/http/__init__.py",
            "3.3.2",
        ),
        ("cosmos", "/venv/lib/python3.11/site-packages/cosmos/__init__.py", "3.3.2"),
    ):
        module = ModuleType(name)
        module.__file__ = file
        exec(code, module.__dict__)
        assert module.found == (expected,) * 3
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("apache-airflow-ctl")


def test_a_real_provider_comes_before_ours(tmp_path: Path) -> None:
    """In a venv with the standard provider, its modules are its own; what it lacks is still ours."""
    place = tmp_path / "site-packages" / "airflow" / "providers" / "standard"
    (place / "operators").mkdir(parents=True)
    for folder in (place, place / "operators"):
        (folder / "__init__.py").write_text("")
    (place / "operators" / "bash.py").write_text(
        "from airflow.sdk import BaseOperator\nclass BashOperator(BaseOperator):\n    real = True\n"
    )
    code = textwrap.dedent("""
        from airflow.providers.standard.operators.bash import BashOperator as real
        from airflow.operators.bash_operator import BashOperator as ours
        from airflow.providers.standard.operators.python import PythonOperator
        print(real.real, ours is real, PythonOperator.__module__)
    """)
    paths = os.pathsep.join((str(Path(packages.__file__).parents[2]), str(place.parents[2])))
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False", "airflow.operators.python"], done.stderr


def test_old_names_cost_nothing_until_one_is_used() -> None:
    code = (
        "import sys, airflow.sdk\nfrom airflow.sdk import DAG, task\nfrom airflow.operators.bash import BashOperator\n"
        "print([m for m in sys.modules if m.startswith('airflow._names')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("statement", "package"),
    [
        ("from airflow.providers.http.operators.http import HttpOperator", "http"),
        ("from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator", "common-sql"),
        ("import airflow.providers.apache.kafka.hooks.base as kafka", "apache-kafka"),
    ],
)
def test_missing_package_is_named_however_it_is_imported(bundle: Any, statement: str, package: str) -> None:
    error = bundle.parse(f"from airflow import DAG\n{statement}\n")["error"]
    assert f"apache-airflow-providers-{package} is not installed; add it to requirements.txt" in error


def test_names_that_files_take_from_where_they_only_happened_to_be(bundle: Any) -> None:
    lines = (
        "from airflow import DAG",
        "from airflow.utils.dates import datetime, timedelta, days_ago",
        "from airflow.cli.commands.db_command import all_tables",
        "dag = DAG(dag_id='_'.join(t for t in all_tables if 'run' in t), start_date=datetime(2024, 1, 1))",
    )
    result = bundle.parse("\n".join(lines))
    assert (result["error"], [dag["dag_id"] for dag in result["dags"]]) == (None, ["dag_run"])
