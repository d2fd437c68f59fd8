"""`python -P -m airflow._task`: how the agent starts an interpreter of the environment.

zygote SOCKET PARENT ENVIRONMENT ROOM    the base zygote
run    SOCKET PARENT ENVIRONMENT ROOM    one attempt in a fresh interpreter
trigger SOCKET PARENT ENVIRONMENT ROOM   the triggerer
"""

from __future__ import annotations

import socket
import sys

from airflow._task import child, fork, zygote


def main(role: str, fd: str, parent: str, environment: str) -> None:
    fork.open_output()
    if role == "zygote":
        zygote.run_base(socket.socket(fileno=int(fd)), int(parent), environment)
    elif role == "run":
        child.run_fresh(int(fd), int(parent))
    elif role == "trigger":
        from airflow._task.triggering.host import run_triggerer

        run_triggerer(socket.socket(fileno=int(fd)), int(parent), environment)


if __name__ == "__main__":
    main(*sys.argv[1:5])
