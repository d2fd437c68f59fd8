"""Operators that call a function in another interpreter: of a virtual environment made for it, or one that is there.

The function travels as its source text, its arguments and its result as pickles in files. It can use nothing of the DAG
file but itself.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.exceptions import AirflowException, AirflowSkipException
from airflow.models.skipmixin import BranchMixIn
from airflow.operators.python import PythonOperator
from airflow.utils import python_virtualenv as venvs

PLAIN_KEYS = frozenset({
    "ds", "ds_nodash", "expanded_ti_count", "inlets", "outlets", "run_id", "task_instance_key_str", "test_mode", "ts",
    "ts_nodash", "ts_nodash_with_tz", "next_ds", "next_ds_nodash", "prev_ds", "prev_ds_nodash", "tomorrow_ds",
    "tomorrow_ds_nodash", "yesterday_ds", "yesterday_ds_nodash", "task_reschedule_count", "try_number", "partition_key",
})  # fmt: skip
"""What of the context any interpreter can read."""
PENDULUM_KEYS = frozenset({
    "data_interval_end", "data_interval_start", "logical_date", "prev_data_interval_end_success",
    "prev_data_interval_start_success", "prev_start_date_success", "prev_end_date_success", "execution_date",
    "next_execution_date", "prev_execution_date", "prev_execution_date_success", "partition_date",
})  # fmt: skip
AIRFLOW_KEYS = frozenset({
    "macros", "conf", "dag", "dag_run", "task", "params", "triggering_asset_events", "triggering_dataset_events",
})  # fmt: skip


class ContextPart(Mapping[str, Any]):
    """Some keys of a context, each still made when it is used."""

    def __init__(self, context: Any, keys: frozenset[str]) -> None:
        self._context, self._keys = context, keys

    def __getitem__(self, name: str) -> Any:
        if name not in self._keys:
            raise KeyError(name)
        return self._context[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._context if name in self._keys)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _BasePythonVirtualenvOperator(PythonOperator):
    """What both have in common. Subclasses say which interpreter (`call_elsewhere`) and what it can read."""

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        use_dill: bool = False,
        string_args: Iterable[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Container[int] | None = None,
        env_vars: dict[str, str] | None = None,
        inherit_env: bool = True,
        use_airflow_context: bool = False,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        if not isinstance(python_callable, types.FunctionType) or python_callable.__name__ == "<lambda>":
            raise ValueError(f"cannot create a {kind}: python_callable must be a function made with def")
        if inspect.isgeneratorfunction(python_callable):
            raise ValueError(f"cannot create a {kind}: python_callable must not use yield")
        super().__init__(python_callable=python_callable, **kwargs)
        self.serializer = serializer or ("dill" if use_dill else "pickle")
        if self.serializer not in venvs.SERIALIZERS:
            raise AirflowException(
                f"cannot create the task {self.task_id!r}: the serializer {self.serializer!r} is not one of "
                f"{', '.join(venvs.SERIALIZERS)}"
            )
        self.string_args = list(string_args or ())
        self.expect_airflow, self.use_airflow_context = expect_airflow, use_airflow_context
        codes = skip_on_exit_code
        self.skip_on_exit_code = codes if isinstance(codes, Container) else [] if codes is None else [codes]
        self.env_vars, self.inherit_env = env_vars, inherit_env
        self._process: subprocess.Popen[bytes] | None = None
        self._readable: Mapping[str, Any] = {}

    def get_python_source(self) -> str:
        """The text of the function."""
        return textwrap.dedent(inspect.getsource(self.python_callable))

    def known_keys(self) -> frozenset[str]:
        """What of the context the interpreter can read."""
        raise NotImplementedError

    def call_elsewhere(self) -> Any:
        """Call the function with `op_args` and `op_kwargs`; its result."""
        raise NotImplementedError

    def execute_callable(self, context: Any) -> Any:
        from collections import ChainMap

        from airflow.utils.operator_helpers import determine_kwargs

        own = dict(self.op_kwargs)
        if self.templates_dict:
            own["templates_dict"] = self.templates_dict
        self._readable = ContextPart(context, self.known_keys())
        available = ChainMap(own, self._readable)  # type: ignore[arg-type]
        wanted = determine_kwargs(self.python_callable, self.op_args, available)
        self.op_kwargs = {**wanted, **dict(self.op_kwargs)}
        return self.call_elsewhere()

    def _run_in(self, python: Path) -> Any:
        """The function's result from that interpreter."""
        with TemporaryDirectory(prefix="venv-call") as folder:
            place = venvs.Files(Path(folder))
            codec = venvs.load_serializer(self.serializer)
            place.arguments.write_bytes(codec.dumps(self._given(codec)))
            place.strings.write_text("\n".join(map(str, self.string_args)))
            place.script.write_text(self._write_script())
            code = self._follow([os.fspath(python), *map(str, place)], self._environment())
            if code != 0:
                raise self._make_error(code, place.error.read_text() if place.error.exists() else "")
            data = place.result.read_bytes()
            return codec.loads(data) if data else None

    def _given(self, codec: Any) -> dict[str, Any]:
        """What travels: the arguments and, if told to, what can be read elsewhere of the context."""
        named = set(inspect.signature(self.python_callable).parameters)
        kwargs = venvs.drop_unreadable(codec, dict(self.op_kwargs), named)
        given: dict[str, Any] = {"args": tuple(self.op_args), "kwargs": kwargs}
        if self.use_airflow_context:
            given["context"] = venvs.drop_unreadable(codec, dict(self._readable), set())
        return given

    def _write_script(self) -> str:
        name = self.python_callable.__name__
        return venvs.write_script(
            self.get_python_source(), name, self.python_callable.__module__, self.serializer
        )

    def _make_error(self, code: int, error: str) -> AirflowException:
        if code in self.skip_on_exit_code:
            return AirflowSkipException(f"Process exited with code {code}. Skipping.")
        return AirflowException(error or f"Process returned non-zero exit status {code}.")

    def _environment(self) -> dict[str, str]:
        own = os.environ if self.inherit_env else {}
        return {**own, "PYTHON_OPERATORS_VIRTUAL_ENV_MODE": "1", **(self.env_vars or {})}

    def _follow(self, command: list[str], env: dict[str, str]) -> int:
        """Run a command to its end, its output in the log; its exit code."""
        self._process = venvs.start(command, env)
        try:
            return venvs.follow(self._process, self.log)
        except BaseException:
            self.on_kill()
            raise

    def on_kill(self) -> None:
        if self._process is not None:
            venvs.end(self._process)


class PythonVirtualenvOperator(_BasePythonVirtualenvOperator):
    """Calls the function in a virtual environment of `requirements`, made for this task or kept in `venv_cache_path`.

    `requirements` is a list, a text in the form of a requirements file, or the name of such a file (.txt, templated).
    `python_version` names another interpreter than the environment's. With `system_site_packages` (True) it sees what
    the environment has installed. `index_urls` and `index_urls_from_connection_ids` say where packages come from.
    """

    template_fields: Sequence[str] = (
        "requirements", "index_urls", "index_urls_from_connection_ids", "venv_cache_path",
        *PythonOperator.template_fields,
    )  # fmt: skip
    template_ext: Sequence[str] = (".txt",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        requirements: Iterable[str] | str | None = None,
        python_version: str | None = None,
        system_site_packages: bool = True,
        pip_install_options: list[str] | None = None,
        index_urls: Collection[str] | str | None = None,
        index_urls_from_connection_ids: Collection[str] | str | None = None,
        venv_cache_path: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if python_version is not None and not isinstance(python_version, str):
            raise AirflowException(f"cannot use {python_version!r} as python_version: it must be text")
        self.requirements: Any = _listed(requirements) or []
        self.python_version, self.system_site_packages = python_version, system_site_packages
        self.pip_install_options = pip_install_options
        self.index_urls, self.index_urls_from_connection_ids = (
            _listed(index_urls),
            _listed(index_urls_from_connection_ids),
        )
        self.venv_cache_path = venv_cache_path
        super().__init__(python_callable=python_callable, **kwargs)

    def known_keys(self) -> frozenset[str]:
        names = {venvs.requirement_name(line) for line in self._lines()}
        if self._shares_ours or "apache-airflow" in names:
            return PLAIN_KEYS | PENDULUM_KEYS | AIRFLOW_KEYS
        return PLAIN_KEYS | PENDULUM_KEYS if "pendulum" in names else PLAIN_KEYS

    def call_elsewhere(self) -> Any:
        recipe = self._recipe()
        if self.venv_cache_path:
            return self._run_in(venvs.find_or_make(Path(self.venv_cache_path), recipe, self._follow))
        with TemporaryDirectory(prefix="venv") as folder:
            return self._run_in(venvs.make(Path(folder), recipe, self._follow))

    @property
    def _shares_ours(self) -> bool:
        return self.system_site_packages and venvs.is_ours(self.python_version)

    def _lines(self) -> list[str]:
        return [line for text in self.requirements for line in str(text).splitlines() if line.strip()]

    def _recipe(self) -> venvs.Recipe:
        from airflow.hooks.package_index import PackageIndexHook

        lines = self._lines()
        library = self.serializer if self.serializer != "pickle" and not self._shares_ours else None
        if library and library not in {venvs.requirement_name(line) for line in lines}:
            lines.append(library)
        urls = list(self.index_urls or ())
        urls += [
            PackageIndexHook(name).get_connection_url() for name in self.index_urls_from_connection_ids or ()
        ]
        named = self.index_urls is not None or bool(urls)
        return venvs.Recipe(
            requirements=tuple(sorted(lines)),
            python=f"python{self.python_version}" if self.python_version else sys.executable,
            system_site_packages=self.system_site_packages,
            options=tuple(self.pip_install_options or ()),
            index_urls=tuple(urls) if named else None,
            shares_ours=self._shares_ours,
        )


class ExternalPythonOperator(_BasePythonVirtualenvOperator):
    """Calls the function in the interpreter `python` (an absolute path, templated), which must be there.

    With `expect_airflow` the function gets what needs Airflow of the context if that interpreter has our version of it.
    """

    template_fields: Sequence[str] = ("python", *PythonOperator.template_fields)

    def __init__(
        self,
        *,
        python: str,
        python_callable: Callable[..., Any],
        expect_pendulum: bool = False,
        **kwargs: Any,
    ) -> None:
        if not python:
            raise ValueError(
                "cannot create an ExternalPythonOperator: python must be the path of an interpreter"
            )
        self.python, self.expect_pendulum = python, expect_pendulum
        super().__init__(python_callable=python_callable, **kwargs)

    def known_keys(self) -> frozenset[str]:
        if self.expect_airflow and self._can_import("airflow"):
            return PLAIN_KEYS | PENDULUM_KEYS | AIRFLOW_KEYS
        return PLAIN_KEYS | PENDULUM_KEYS if self._can_import("pendulum") else PLAIN_KEYS

    def call_elsewhere(self) -> Any:
        return self._run_in(self._find_python())

    def _find_python(self) -> Path:
        """The interpreter. Raises ValueError when it is not there."""
        path = Path(self.python)
        wrong = "absolute" if not path.is_absolute() else "a file that exists" if not path.is_file() else None
        if wrong:
            raise ValueError(f"cannot call the function: the Python path {self.python!r} must be {wrong}")
        return path

    def _can_import(self, module: str) -> bool:
        found = subprocess.run(
            [self._find_python(), "-c", f"import {module}"],
            capture_output=True,
            check=False,
            env=self._environment(),
        )
        return found.returncode == 0


class BranchPythonVirtualenvOperator(PythonVirtualenvOperator, BranchMixIn):
    """The function returns the id (or ids) of what comes next; everything else directly below is skipped."""

    def execute(self, context: Any) -> Any:
        return self.do_branch(context, super().execute(context))


class BranchExternalPythonOperator(ExternalPythonOperator, BranchMixIn):
    """The function returns the id (or ids) of what comes next; everything else directly below is skipped."""

    def execute(self, context: Any) -> Any:
        return self.do_branch(context, super().execute(context))


def _listed(value: Any) -> list[Any] | None:
    """One text or several as a list; None stays."""
    return None if value is None else [value] if isinstance(value, str) else list(value)
