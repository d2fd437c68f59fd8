"""What runs user code: the task child, whether forked from a zygote or fresh, and the parse child.

A child's word is its `finish` frame. All else that can be said of its end (exit code, signal, time-out) the agent
says, so nothing here needs to survive anything.
"""

from __future__ import annotations

import atexit
import gc
import os
import resource
import select
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from airflow._task import fork, importing
from airflow._wire import messages, workload
from airflow._wire.frames import Channel, FrameError, Message

if TYPE_CHECKING:
    from airflow._task.rehearsal import Rehearsal

PARSE_MEMORY = 2 * 1024**3
PARSE_FILE_SIZE = 64 * 1024**2
PARSE_PROCESSES = 4096


@dataclass(frozen=True, slots=True)
class Imported:
    """A DAG file in this process: its DAGs by id, and what it asked for on the way."""

    dags: dict[str, Any]
    answers: list[importing.Answer] = field(default_factory=list)


def import_runtime(environment: str) -> Rehearsal:
    """Import all that a child will need and use it, so that children find it in memory and warm."""
    from airflow._task.preload import preload

    preload()
    from airflow._task.rehearsal import Rehearsal

    rehearsal = Rehearsal(environment)
    rehearsal.settle()
    return rehearsal


def rehearse_parsing() -> None:
    """Make this process one from which parsing is cheap."""
    from airflow._task.rehearsal import rehearse_parsing

    rehearse_parsing()


def load(bundle_path: str, file: str) -> dict[str, Any]:
    """Import one DAG file of a snapshot into this process: its DAGs by id. Raises whatever the file raises."""
    from airflow._task.load import load_file

    enter_bundle(bundle_path)
    return load_file(os.path.join(bundle_path, file), bundle_path)  # noqa: PTH118


def enter_bundle(bundle_path: str) -> None:
    """Make a snapshot the place where this process works and imports from, behind the standard library only.

    A folder of the user's that is called `platform` is no module of the library's, whoever imports that when.
    """
    os.chdir(bundle_path)
    library = os.path.dirname(os.__file__)  # noqa: PTH120
    theirs = [place for place, path in enumerate(sys.path) if path in (library, f"{library}/lib-dynload")]
    sys.path.insert(max(theirs, default=-1) + 1, bundle_path)
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = bundle_path


def describe_import_error(error: BaseException) -> str:
    """An import error as the user should read it: the traceback without our own frames."""
    from airflow._task.tracebacks import text

    return text(error)


def settle() -> None:
    """What a task child does once, before it knows its task."""
    fork.offer_to_oom_killer()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()  # the standard library's generator re-seeds itself after a fork
    gc.enable()


def run_forked(sock: int, imported: Imported, prepare: Callable[[], None]) -> NoReturn:
    """A task child that a file zygote forked. While its work is not there it prepares for it."""
    settle()
    if not select.select([sock], [], [], 0)[0]:
        prepare()
    run(Channel(_socket(sock)), imported)


def take_output(log: int) -> None:
    """Print and log into this pipe from now on."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def run_fresh(sock: int, parent: int) -> NoReturn:
    """A task child in an interpreter of its own. The lock file stays open for as long as it lives."""
    fork.die_with(parent)
    fork.limit(resource.RLIMIT_CORE, 0)
    settle()
    run(Channel(_socket(sock)), None)


def run(channel: Channel, imported: Imported | None) -> NoReturn:
    """Do the work that arrives on the channel, say how it went, and be gone."""
    received = channel.receive()
    if received is None:
        os._exit(0)
    message, fds = received
    about = message["workload"]
    fork.show_title(
        "aerodrome", "task", message["settings"]["environment"], f"{about['dag_id']}.{about['task_id']}"
    )
    _leave(do_work(channel, message, fds, imported))


def do_work(channel: Channel, message: Message, fds: list[int], imported: Imported | None) -> int:
    """The work of one message, and the word on how it went: the exit status of its process."""
    if fds:  # log pipe and lock file, which stays open for as long as it lives; a fresh interpreter has them
        take_output(fds[0])
    work = workload.from_message(message["workload"])
    os.environ["AERODROME_ATTEMPT"] = work.attempt
    me, began = os.getpid(), time.time()
    result = _execute(channel, work, message["bundle_path"], imported, message["settings"])
    _flush()
    if os.getpid() != me:
        os._exit(0)  # a copy that the user's code forked and let return to us
    _say(channel, {**result, "pid": me, "started_at": began})
    return 0 if result["state"] != "failed" else 1


def _execute(
    channel: Channel,
    work: workload.Workload,
    bundle_path: str,
    imported: Imported | None,
    settings: Message,
) -> Message:
    from airflow._task.comms import Comms
    from airflow._task.execute import execute

    comms = Comms(channel)
    if imported is not None and imported.answers and not importing.still_hold(imported.answers, comms):
        importing.forget_modules(bundle_path)
        imported = None
    if imported is None:
        try:
            with importing.asking(comms):
                imported = Imported(load(bundle_path, work.file))
        except BaseException as error:
            return import_failure(work.file, describe_import_error(error))
    return execute(work, imported.dags, comms, settings)


def import_failure(file: str, error: str) -> Message:
    """The finish of an attempt whose DAG file cannot be imported."""
    last = error.rstrip().rpartition("\n")[2]
    return messages.finish("failed", reason=f"cannot import {file}: {last}", details={"import_error": error})


def _say(channel: Channel, finish: Message) -> None:
    try:
        channel.send(finish)
    except FrameError as error:
        channel.send(messages.finish("failed", reason=f"cannot report the result: {error}", pid=os.getpid()))


def _leave(status: int) -> NoReturn:
    """End now, whatever threads the user's code left: exit handlers run, then output is flushed."""
    fork.stop_handling_term()
    try:
        atexit._run_exitfuncs()
        _flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # the user's code closed it: nothing is left to write


def parse(channel: Channel, bundle_path: str, file: str, environment: str) -> None:
    """Parse one DAG file within limits and send the result; in a process that ends with this call."""
    from airflow._task.parse import parse as parse_dag_file

    _try_out(
        channel,
        bundle_path,
        file,
        environment,
        lambda: parse_dag_file(bundle_path, file),
        lambda error: messages.parse_result(
            [], f"cannot hand over what {file} defines: {error}", 0.0, [], []
        ),
    )


def consult(channel: Channel, message: Message, environment: str) -> None:
    """Ask the timetable of a DAG within the same limits; in a process that ends with this call."""
    where = message["bundle_path"], message["file"]

    def ask() -> Message:
        from airflow._task.consult import consult as ask_timetable

        return ask_timetable(*where, message["dag_id"], message["question"])

    _try_out(channel, *where, environment, ask, lambda error: {"answer": None, "error": str(error)})


def _try_out(
    channel: Channel,
    bundle_path: str,
    file: str,
    environment: str,
    work: Callable[[], Message],
    excuse: Callable[[FrameError], Message],
) -> NoReturn:
    """Do what runs a DAG file of which nothing is known, within limits, and say what came of it."""
    from airflow._task.comms import Comms

    fork.show_title("aerodrome", "parse", environment, file)
    fork.silence(1, 2)
    fork.offer_to_oom_killer(700)
    fork.limit(resource.RLIMIT_AS, PARSE_MEMORY)
    fork.limit(resource.RLIMIT_FSIZE, PARSE_FILE_SIZE)
    fork.limit(resource.RLIMIT_NPROC, PARSE_PROCESSES)
    gc.enable()
    enter_bundle(bundle_path)
    me = os.getpid()
    with importing.asking(Comms(channel)):
        result = work()
    if os.getpid() != me:
        os._exit(0)  # a copy that the file forked and let return to us
    try:
        channel.send(result)
    except FrameError as error:
        channel.send(excuse(error))
    os._exit(0)


def _socket(fd: int) -> Any:
    import socket

    return socket.socket(
        socket.AF_UNIX, socket.SOCK_STREAM, 0, fd
    )  # said here, or three calls would find it out
