"""How the environment's interpreter is started: its command line, and the few variables it may see."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow._task.fork import ROOM
from airflow._wire.cell import CellSpec
from airflow._wire.components import WORKER, describe_environment

_PASSED_ON = ("LANG", "LC_ALL", "TZ", "TMPDIR")
_SOCKET, _LOCK = 3, 4
_LATE = re.compile(
    r"LD_.*|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_.*|NIS_PATH|NLSPATH"
    r"|RES_OPTIONS|RESOLV_HOST_CONF|TZDIR"
)
TASK_USER = "AERODROME_TASK_USER"
"""Set by provisioners that give a cell a second user, whom its files and keys are closed to."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The environment's interpreter, ready to be started from the agent's working directory."""

    python: str
    environment: str
    variables: dict[str, str]
    become: tuple[str, ...] = ()
    """The command that makes what follows it the tasks' own user, where the cell has one."""

    def spawn(self, role: str, sock: int, output: int, lock: int | None = None) -> int:
        """Start `airflow._task ROLE` in a session of its own; its pid. Raises OSError when it cannot be started."""
        parent = os.getpid()
        outer, inner = _split(self.variables) if self.become else (self.variables, ())
        argv = [
            *self.become,
            *inner,
            self.python,
            "-P",
            "-m",
            "airflow._task",
            role,
            str(_SOCKET),
            str(parent),
            self.environment,
            ROOM,
        ]
        actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
            (os.POSIX_SPAWN_DUP2, sock, _SOCKET),
        ]
        if lock is not None:
            actions.append((os.POSIX_SPAWN_DUP2, lock, _LOCK))
        return os.posix_spawn(argv[0], argv, outer, file_actions=actions, setsid=True)


def of_spec(spec: CellSpec, work: Path, outer: Mapping[str, str], component: str = WORKER) -> Interpreter:
    """The interpreter of an environment. `work` is its home; of our own variables only harmless ones are seen.

    Later ones win, as on MWAA: defaults, the role's credentials, the startup script's exports,
    AirflowConfigurationOptions, our own.
    """
    variables = {
        "LANG": "C.UTF-8",
        **{name: outer[name] for name in _PASSED_ON if name in outer},
        "PATH": outer.get("PATH", os.defpath),
        "HOME": str(work),
        **spec.identity,
        "AIRFLOW__CORE__PLUGINS_FOLDER": spec.plugins or str(work / "plugins"),
        **spec.exports.get(component, {}),
    }
    # What BashOperator finds first is the environment's own, wherever a startup script has put its folders.
    variables["PATH"] = f"{Path(spec.python).parent}:{variables['PATH']}"
    for option, value in spec.config.items():
        section, _dot, key = option.partition(".")
        variables[f"AIRFLOW__{section.upper().replace('-', '_')}__{key.upper()}"] = value
    ours = {
        **describe_environment(spec.environment, spec.airflow_version, spec.region, spec.account, component),
        "PYTHONPATH": spec.sdk,
        "AIRFLOW_HOME": str(work),
        "AERODROME_AIRFLOW_VERSION": spec.airflow_version,
    }
    return Interpreter(spec.python, spec.environment, variables | ours, become(find_task_user(outer)))


def list_differences(one: Interpreter, other: Interpreter) -> dict[str, str | None]:
    """What to change in the variables of `one` to have those of `other`: name -> value, None for one that goes."""
    gone = dict.fromkeys(one.variables.keys() - other.variables.keys())
    new = {name: value for name, value in other.variables.items() if one.variables.get(name) != value}
    return {**gone, **new}


def find_task_user(outer: Mapping[str, str]) -> int | None:
    """The user, and group, that user code runs as; None where it runs as the agent does."""
    user = outer.get(TASK_USER, "")
    return int(user) if user.isdigit() else None


def become(user: int | None) -> tuple[str, ...]:
    """The command line before a command that is to run as that user, with none of the agent's powers."""
    if user is None:
        return ()
    who = (f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs")
    setpriv = shutil.which("setpriv") or "/usr/bin/setpriv"  # by our own PATH, never by that of user code
    return (setpriv, *who, "--inh-caps=-all", "--ambient-caps=-all", "--")


def _split(variables: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What may be set before the powers are gone, and the command that sets the rest afterwards.

    The loader and the C library act on some variables before a program's first line: those are for user code only.
    """
    late = {name: value for name, value in variables.items() if _LATE.fullmatch(name)}
    early = {name: value for name, value in variables.items() if name not in late}
    env = shutil.which("env") or "/usr/bin/env"
    return early, (env, *(f"{name}={value}" for name, value in late.items())) if late else ()
