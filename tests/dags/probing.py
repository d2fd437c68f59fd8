"""A DAG that tries whatever it can think of against its neighbours, its own cell's keys and the service."""

import ctypes
import errno
import json
import os
import socket
from datetime import datetime
from pathlib import Path

from airflow import DAG
from airflow.operators.python import PythonOperator

PTRACE_ATTACH = 16


def attempt(name, act, found, tried):
    tried.append(name)
    try:
        value = act()
    except (OSError, ValueError):
        return
    if value is not False:
        found.append(name)


def connect(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)


def attach(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, pid, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def probe(**context):
    conf, found, tried = context["dag_run"].conf, [], []
    for path in conf["files"]:
        attempt(f"read {path}", lambda path=path: Path(path).read_bytes(), found, tried)
    for path in conf["folders"]:
        # Of what leads to its own home, a container has empty directories.
        attempt(f"list {path}", lambda path=path: os.listdir(path) not in ([], ["one"]), found, tried)
        attempt(f"write {path}", lambda path=path: Path(path, "planted").write_text("x"), found, tried)
    for path in conf["sockets"]:
        attempt(f"connect {path}", lambda path=path: connect(path), found, tried)
    mine = os.getuid()
    others = [int(p) for p in os.listdir("/proc") if p.isdigit() and os.stat(f"/proc/{p}").st_uid != mine]
    for pid in others:
        for name in ("environ", "mem", "maps"):
            attempt(f"{name} of {pid}", lambda: Path(f"/proc/{pid}/{name}").open("rb").read(1), found, tried)  # noqa: B023
        attempt(f"files of {pid}", lambda: os.listdir(f"/proc/{pid}/fd"), found, tried)  # noqa: B023
        attempt(f"root of {pid}", lambda: os.listdir(f"/proc/{pid}/root"), found, tried)  # noqa: B023
        attempt(f"signal {pid}", lambda: os.kill(pid, 0), found, tried)  # noqa: B023
        if b"aerodrome" in Path(f"/proc/{pid}/cmdline").read_bytes():
            attempt(f"trace {pid}", lambda: attach(pid), found, tried)  # noqa: B023
    attempt("become root", lambda: os.setuid(0), found, tried)
    status = Path("/proc/self/status").read_text()
    powers = {line.split()[1] for line in status.splitlines() if line.startswith(("CapEff", "CapPrm", "CapInh", "CapAmb"))}
    text = json.dumps(dict(os.environ))
    leaks = [word for word in conf["secrets"] if word in text]
    print("PROBED", json.dumps({"uid": mine, "others": len(others), "tried": len(tried), "found": found}))
    assert not found, found
    assert powers == {"0" * 16}, powers
    assert not leaks, "secrets in the environment"


with DAG("probing", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, is_paused_upon_creation=False):
    PythonOperator(task_id="probe", python_callable=probe)
