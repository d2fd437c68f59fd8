"""Virtual environments for single tasks: making them (with uv where it is, else with venv and pip), and using them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.exceptions import AirflowException

SERIALIZERS = ("pickle", "cloudpickle", "dill")
GRACE = 5.0
"""Seconds between asking a process to end and killing it."""
Runner = Callable[[list[str], dict[str, str]], int]
_MARK = "complete.json"
log = logging.getLogger("airflow.task")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a virtual environment is made of. `index_urls` None: where the installer looks by itself."""

    requirements: tuple[str, ...]
    python: str
    system_site_packages: bool
    options: tuple[str, ...] = ()
    index_urls: tuple[str, ...] | None = None
    shares_ours: bool = False
    """It sees what this interpreter has installed."""


class Files:
    """The files of one call, in the order in which the script takes them."""

    def __init__(self, folder: Path) -> None:
        self.script, self.arguments = folder / "script.py", folder / "script.in"
        self.result, self.strings = folder / "script.out", folder / "string_args.txt"
        self.error = folder / "termination.log"

    def __iter__(self) -> Iterator[Path]:
        return iter((self.script, self.arguments, self.result, self.strings, self.error))


# The script is read by interpreters of any version, so it is kept to old and plain Python.
_SCRIPT = """\
from __future__ import annotations
import {library}, sys, types
with open(sys.argv[3]) as _file:
    virtualenv_string_args = [_line.strip() for _line in _file]

{source}

if {module!r}:
    sys.modules[{module!r}] = types.ModuleType({module!r})
    setattr(sys.modules[{module!r}], {name!r}, {name})
with open(sys.argv[1], "rb") as _file:
    _given = {library}.load(_file)
if "context" in _given:
    from airflow._task.context import enter
    enter(_given["context"])
try:
    _result = {name}(*_given["args"], **_given["kwargs"])
except Exception as _error:
    with open(sys.argv[4], "w") as _file:
        _file.write(str(_error))
    raise
with open(sys.argv[2], "wb") as _file:
    if _result is not None:
        {library}.dump(_result, _file)
"""


def write_script(source: str, name: str, module: str, library: str) -> str:
    """The text of a script that calls the function.

    Pickles may name the DAG file's module, which cannot be imported: there it holds the function only.
    """
    own = module if module.startswith("dag_file_") else ""
    return _SCRIPT.format(source=source, name=name, module=own, library=library)


def load_serializer(name: str) -> Any:
    """The module that writes and reads arguments. Raises AirflowException when it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        raise AirflowException(f"cannot use the serializer {name!r}: put it into requirements.txt") from None


def drop_unreadable(codec: Any, kwargs: dict[str, Any], named: set[str]) -> dict[str, Any]:
    """`kwargs` without what cannot be written and only came along because the function takes **kwargs.

    Raises AirflowException for one that the function names.
    """
    kept = {}
    for name, value in kwargs.items():
        try:
            codec.dumps(value)
        except Exception as error:
            if name in named:
                raise AirflowException(
                    f"cannot hand {name!r} to another interpreter: a {type(value).__name__} cannot be pickled "
                    f"({error}); hand over text or numbers of it"
                ) from error
            log.debug("%r stays behind: a %s cannot be pickled (%s)", name, type(value).__name__, error)
            continue
        kept[name] = value
    return kept


def requirement_name(line: str) -> str:
    """The distribution that a line of a requirements file asks for, as indexes write it; "" for an option."""
    found = re.match(r"\s*([A-Za-z0-9][\w.-]*)", line)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""


def is_ours(python_version: str | None) -> bool:
    """Whether that is the version of this interpreter, so that what is installed here can be used there."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return python_version is None or f"{python_version}.".startswith(f"{own}.")


def _share(folder: Path) -> None:
    """Let a virtual environment see this SDK and what is installed beside it, after what it has itself."""
    here = str(Path(__file__).parents[2])
    paths = [here, *(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))]
    for site in folder.glob("lib/python*/site-packages"):
        (site / "environment.pth").write_text("\n".join(paths))


def make(folder: Path, recipe: Recipe, run: Runner) -> Path:
    """A virtual environment in `folder`; its interpreter. Raises AirflowException when a step fails."""
    env, uv = dict(os.environ), _find_uv()
    if recipe.index_urls is not None:
        env |= _index_variables(recipe.index_urls)
    shared = ["--system-site-packages"] if recipe.system_site_packages else []
    if uv:
        _do(
            run,
            [uv, "venv", "--allow-existing", "--seed", "--python", recipe.python, *shared, str(folder)],
            env,
        )
    else:
        _do(run, [recipe.python, "-m", "venv", *shared, str(folder)], env)
    if recipe.shares_ours:
        _share(folder)
    python = folder / "bin" / "python"
    if recipe.requirements:
        listed = folder / "requirements.txt"
        listed.write_text("\n".join(recipe.requirements))
        install = (
            [uv, "pip", "install", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]
        )
        _do(run, [*install, *recipe.options, "-r", str(listed)], env)
    return python


def find_or_make(cache: Path, recipe: Recipe, run: Runner) -> Path:
    """The interpreter of the environment that is kept for this recipe. Tasks that want the same wait for each other."""
    from airflow.models.variable import Variable

    key = str(Variable.get("python_virtualenv_operator_cache_key", default_var=""))
    text = json.dumps({**asdict(recipe), "cache_key": key}, sort_keys=True)
    folder = cache / f"venv-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _MARK).exists():
            log.info("Reusing cached Python virtual environment in %s", folder)
            return folder / "bin" / "python"
        shutil.rmtree(folder, ignore_errors=True)  # one that was not finished
        folder.mkdir()
        python = make(folder, recipe, run)
        (folder / _MARK).write_text(text)
    return python


def start(command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A process in a group of its own, its output in one pipe."""
    log.info("Executing cmd: %s", command)
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, env=env, process_group=0, **pipes)  # type: ignore[call-overload,no-any-return]


def follow(process: subprocess.Popen[bytes], logger: logging.Logger) -> int:
    """Log each line as it comes; the exit code."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    with process.stdout as output:
        for raw in output:
            logger.info("%s", raw.decode(errors="backslashreplace").rstrip())
    return process.wait()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started: TERM, then KILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, number)
            process.wait(GRACE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def _find_uv() -> str | None:
    """uv, if [standard] venv_install_method lets us use it: auto (where it is), uv or pip."""
    method = conf.get("standard", "venv_install_method", fallback="auto").lower()
    if method not in ("auto", "uv"):
        return None
    found = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if method == "uv" and not found:
        raise AirflowException(
            "cannot make a virtual environment: [standard] venv_install_method is uv, and it is not here"
        )
    return found


def _index_variables(urls: tuple[str, ...]) -> dict[str, str]:
    """Where packages come from, for uv and for pip. No address: from nowhere."""
    if not urls:
        return {"PIP_NO_INDEX": "1", "UV_NO_INDEX": "1"}
    rest = " ".join(urls[1:])
    return {
        "PIP_INDEX_URL": urls[0],
        "UV_DEFAULT_INDEX": urls[0],
        "PIP_EXTRA_INDEX_URL": rest,
        "UV_INDEX": rest,
    }


def _do(run: Runner, command: list[str], env: dict[str, str]) -> None:
    if (code := run(command, env)) != 0:
        raise AirflowException(
            f"cannot make the virtual environment: {command[0]} ended with exit code {code}"
        )
