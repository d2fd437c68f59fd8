"""The shapes as Prefect 3 does them: prefect_flows.py SHAPE SIZE NUMBER RECORDS RUNNER."""

import sys

from bodies import body, chain_names
from prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner


@task
def step(records, name, number):
    body(records, name, number)


@flow
def chain(records, size, number):
    previous = []
    for name in chain_names(size):
        previous = [step.submit(records, name, number, wait_for=previous)]
    previous[0].result()


@flow
def fan(records, size, number):
    first = step.submit(records, "first", number)
    middle = [step.submit(records, name, number, wait_for=[first]) for name in chain_names(size - 2)]
    step.submit(records, "last", number, wait_for=middle).result()


if __name__ == "__main__":
    shape, size, number, records, runner = sys.argv[1:]
    runners = {"threads": ThreadPoolTaskRunner, "processes": ProcessPoolTaskRunner}
    workers = 16 if runner == "threads" else 2
    chosen = {"chain": chain, "fan": fan}[shape].with_options(
        task_runner=runners[runner](max_workers=workers)
    )
    chosen(records, int(size), int(number))
