"""The shapes as Luigi does them: luigi_tasks.py SHAPE SIZE NUMBER RECORDS WORKERS WAIT_INTERVAL."""

import sys

import luigi
from bodies import body, chain_names


class Step(luigi.Task):
    """One task of the shape. Its target is a small file beside the records, as Luigi wants one."""

    name = luigi.Parameter()
    after = luigi.TupleParameter(default=())

    def requires(self):
        return [STEPS[name] for name in self.after]

    def output(self):
        return luigi.LocalTarget(f"{RECORDS}.{self.name}")

    def run(self):
        body(RECORDS, self.name, NUMBER)
        with self.output().open("w") as target:
            target.write("done")


def steps(shape, size):
    if shape == "chain":
        names = chain_names(size)
        return {n: Step(name=n, after=(names[i - 1],) if i else ()) for i, n in enumerate(names)}, names[-1]
    middle = chain_names(size - 2)
    found = {"first": Step(name="first")} | {n: Step(name=n, after=("first",)) for n in middle}
    return {**found, "last": Step(name="last", after=tuple(middle))}, "last"


SHAPE, SIZE, NUMBER, RECORDS, WORKERS, WAIT = sys.argv[1:]
NUMBER = int(NUMBER)
STEPS, LAST = steps(SHAPE, int(SIZE))

if __name__ == "__main__":
    luigi.configuration.get_config().set("worker", "wait_interval", WAIT)
    done = luigi.build([STEPS[LAST]], workers=int(WORKERS), local_scheduler=True, log_level="WARNING")
    sys.exit(0 if done else 1)
