"""A task that does nothing, run where nobody waits so that it is cheaper where somebody does.

The base zygote runs it a few times before it forks: what is loaded, cached or specialised at first use would otherwise
be done again in every child, and every such write copies a page of memory (measured: a fifth less time for each task).
The zygote of a file runs it once more, for what importing the file made stale.
A spare runs it once: the pages that its task will write to are its own by then (a millisecond less to the body).
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow._task import child, comms, fork, gathering, noticing
from airflow._wire import encoding, messages, workload
from airflow._wire.frames import Channel, Message, encode

_TIMES = 16
"""How often something must have run before the interpreter has settled its byte code."""
_SAMPLE = """
import base64, hashlib, pickle, random, uuid  # what DAG files often import, and the base zygote is too small for
from airflow.decorators import dag, task, task_group
from airflow.models import DAG, Variable
from airflow.operators import bash_operator, dummy_operator, python_operator
from airflow.operators.bash import BashOperator
from airflow.operators.dummy import DummyOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import BranchPythonOperator, PythonOperator
from airflow.providers.standard.operators import bash, empty, python
from airflow.sdk import DAG, BaseOperator, chain
from airflow.utils.dates import days_ago
with DAG("rehearsal", schedule="@daily", tags=["rehearsal"]) as dag:
    tasks = [PythonOperator(task_id=f"p{i}", python_callable=int, retries=1) for i in range(4)]
    tasks >> BashOperator(task_id="b", bash_command="true")
"""


def rehearse_parsing() -> None:
    """Parse a file that means nothing, for the same reason: parse children then copy half as many pages."""
    import tempfile

    from airflow._task.parse import parse

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rehearsal.py").write_text(_SAMPLE, encoding="utf-8")
        modules, path = len(sys.modules), sys.path[:]
        for _ in range(_TIMES):
            encode(parse(folder, "rehearsal.py"))
        sys.path[:] = path
        for name in list(sys.modules)[modules:]:
            if getattr(sys.modules[name], "__file__", None) == str(Path(folder, "rehearsal.py")):
                del sys.modules[name]


class Rehearsal:
    """The tasks and their work, made once."""

    def __init__(self, environment: str) -> None:
        from airflow.decorators import task
        from airflow.models.dag import DAG
        from airflow.operators.python import PythonOperator

        with DAG("rehearsal", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)) as dag:
            PythonOperator(task_id="plain", python_callable=_take_one, op_kwargs={"day": "{{ ds }}"})
            task(_take_all)()
        self._imported = child.Imported({"rehearsal": dag})
        plain, whole = (_message(task_id, environment) for task_id in dag.task_ids)
        self._works = [encode({**work, "fds": 1}) for work in (plain, whole)]
        self._alone: Any = _Nowhere(encode(whole))
        self._places: list[noticing.Place] = []
        self._noticed = False

    def settle(self) -> None:
        """Run all until nothing is done for the first time any more, and what they all need lies together."""
        self._run_all(_TIMES)
        self._former = gathering.gather_code(lambda: self._run_all(1))
        self._run_all(_TIMES)
        self._places = noticing.find_places(gathering.list_executed(lambda: self._run_all(1)))

    def refresh(self) -> None:
        """After an import: abstract classes forget what they know whenever one is made, and are asked for every log.

        From here on nothing is rehearsed when what was imported would notice.
        """
        for kind in (type(None), bool, int, float, str, bytes, tuple, list, dict, set):
            issubclass(kind, Mapping)
        self._noticed = noticing.is_noticed(self._places)
        self.run()

    def run(self) -> None:
        """Run one task, in a process whose output goes nowhere and that logs as tasks do (see `logs.configure`)."""
        if self._noticed:
            return
        try:
            channel = Channel(self._alone)
            message, fds = channel.receive() or ({}, [])
            child.do_work(channel, message, fds, self._imported)
        finally:
            _clean_up()

    def _run_all(self, times: int) -> None:
        """Run each task so often, and what happens in a new process before it has one."""
        for _ in range(times):
            fork.rehearse()
        self._run(self._works * times)

    def _run(self, works: list[bytes]) -> None:
        """Run these with everything that an attempt has: a socket, and a pipe for its log. All is as before then."""
        kept = os.dup(1), os.dup(2)
        handlers, level = logging.root.handlers[:], logging.root.level
        ours, its = socket.socketpair()
        try:
            channel = Channel(its)
            for work in works:
                nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
                socket.send_fds(ours, [work], [nowhere])
                os.close(nowhere)
                message, fds = channel.receive() or ({}, [])
                child.do_work(channel, message, fds, self._imported)
                ours.recv(65536)
        finally:
            for fd, place in enumerate(kept, start=1):
                os.dup2(place, fd)
                os.close(place)
            ours.close()
            its.close()
            _clean_up()
            logging.captureWarnings(False)
            logging.root.handlers[:] = handlers
            logging.root.setLevel(level)


class _Nowhere:
    """What a channel needs of a socket: it brings the same work each time, and what is said to it is not heard."""

    def __init__(self, work: bytes) -> None:
        self._work = work

    def recvmsg(self, *_sizes: int) -> tuple[bytes, list[Any], int, None]:
        return self._work, [], 0, None

    def sendall(self, _data: bytes) -> None:
        """Nobody listens."""


def _clean_up() -> None:
    """The process has no task again."""
    comms.set_current(None)
    os.environ.pop("AERODROME_ATTEMPT", None)


def _take_one(day: str, ti: Any) -> None:
    """A plain function that takes what it names: of its own arguments, and of the context."""


def _take_all(**context: Any) -> str:
    """A function that takes the whole context, as many do, and leaves an XCom."""
    return str(context["run_id"])


def _message(task_id: str, environment: str) -> Message:
    """The work of a task, as an agent hands it over."""
    at = encoding.to_plain(datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC")))
    dates = ("logical_date", "data_interval_start", "data_interval_end", "run_after", "start_date")
    run = {**dict.fromkeys(dates, at), "run_type": "manual", "conf": {}, "external_trigger": True}
    version = os.environ.get("AERODROME_AIRFLOW_VERSION", "")
    settings = {
        "log_level": "INFO", "airflow_version": version, "environment": environment, "config": {},
    }  # fmt: skip
    work = workload.Workload("", "rehearsal", "run", task_id, 1, 1, "", "", run)
    return messages.work(work.to_message(), "/", settings)
