"""The shapes as Dagster does them: dagster_jobs.py SHAPE SIZE NUMBER RECORDS EXECUTOR, DAGSTER_HOME set."""

import os
import sys

from bodies import body, chain_names
from dagster import (
    DagsterInstance,
    In,
    Nothing,
    execute_job,
    in_process_executor,
    job,
    multiprocess_executor,
    op,
    reconstructable,
)

EXECUTORS = {"in-process": in_process_executor, "multiprocess": multiprocess_executor}


def make_step(name, after, number, records):
    @op(name=name, ins={f"after_{parent}": In(Nothing) for parent in after})
    def step():
        body(records, name, number)

    return step


def build():
    """The job that the environment variables describe: child processes build it again."""
    shape, size, number, records, executor = os.environ["BENCH"].split("|")
    names = chain_names(int(size)) if shape == "chain" else chain_names(int(size) - 2)
    if shape == "chain":
        upstream = {name: names[max(0, i - 1) : i] for i, name in enumerate(names)}
    else:
        upstream = {"first": [], **{name: ["first"] for name in names}, "last": names}

    @job(name=shape, executor_def=EXECUTORS[executor])
    def shaped():
        done = {}
        for name, after in upstream.items():
            made = make_step(name, after, int(number), records)
            done[name] = made(**{f"after_{parent}": done[parent] for parent in after})

    return shaped


if __name__ == "__main__":
    os.environ["BENCH"] = "|".join(sys.argv[1:])
    config = {}
    if sys.argv[-1] == "multiprocess":
        method = {"forkserver": {"preload_modules": ["dagster", "dagster_jobs"]}}
        config = {"execution": {"config": {"max_concurrent": 2, "start_method": method}}}
    import dagster_jobs

    with DagsterInstance.get() as instance:
        result = execute_job(reconstructable(dagster_jobs.build), instance=instance, run_config=config)
        sys.exit(0 if result.success else 1)
