"""A DAG file becomes a module, and its DAGs are collected: module globals and whatever `with DAG` or @dag made."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from airflow._task.plugins import apply_policies, load_plugins
from airflow._task.tracebacks import clean
from airflow.exceptions import AirflowDagDuplicatedIdException
from airflow.models import scope
from airflow.models.dag import DAG

try:
    from _sha1 import sha1  # type: ignore[import-not-found, unused-ignore]
except ImportError:  # an interpreter without digests of its own; `hashlib` brings all of OpenSSL
    from hashlib import sha1


def load_file(path: str, bundle_path: str) -> dict[str, DAG]:
    """The DAGs of a file by id. Raises what the file raises, with our frames removed from the traceback.

    Raises AirflowDagCycleException and AirflowDagDuplicatedIdException with file and line.
    """
    if bundle_path not in sys.path:
        sys.path.append(bundle_path)
    load_plugins(bundle_path)
    seen = scope.begin()
    try:
        modules = _import_zip(path) if path.endswith(".zip") else [_execute(path)]
        dags = apply_policies(_collect(modules, seen.registered))
        for dag in dags.values():
            dag.check_cycle()
            dag.validate()
    except BaseException as error:
        raise clean(error)  # noqa: B904 - the same error, its traceback shortened
    return dags


def _execute(path: str) -> ModuleType:
    """Run the file as a module of a name of its own. Its byte code is not kept: a snapshot is never written to."""
    digest = sha1(path.encode(), usedforsecurity=False).hexdigest()
    name = f"dag_file_{digest}_{Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # noqa: S101 - true of any path that ends with .py
    module = importlib.util.module_from_spec(spec)
    code = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    sys.modules[name] = module
    exec(code, module.__dict__)  # noqa: S102 - running the user's file is what this process is for
    return module


def _import_zip(path: str) -> list[ModuleType]:
    from airflow._task.packaged import import_modules

    return import_modules(path)


def _collect(modules: list[ModuleType], registered: list[Any]) -> dict[str, DAG]:
    found: dict[str, DAG] = {}
    own = [value for module in modules for value in vars(module).values() if isinstance(value, DAG)]
    for dag in [*own, *registered]:
        if getattr(dag, "is_subdag", False):
            continue  # its tasks are tasks of the outer DAG
        other = found.setdefault(dag.dag_id, dag)
        if other is not dag:
            places = " and ".join(
                f"{file}:{line}" for file, line in (other.definition_site, dag.definition_site)
            )
            raise AirflowDagDuplicatedIdException(
                f"cannot load the DAG {dag.dag_id!r}: two DAGs have this id, created at {places}"
            )
    return found
