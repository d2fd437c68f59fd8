"""The same body every engine runs: two lines in the record file around fib(number)."""

import os
import time


def fibonacci(n):
    return n if n <= 1 else fibonacci(n - 1) + fibonacci(n - 2)


def body(records, task, number):
    _append(records, "S", task)
    if number:
        fibonacci(number)
    _append(records, "E", task)


def chain_names(length):
    return [f"t{index:04d}" for index in range(length)]


def _append(path, event, task):
    line = f"{event} {task} 1 {os.getpid()} {time.time_ns()}\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, line.encode())
    os.close(file)
