"""Dynamic task mapping: what the engine is told, and what an instance gets."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Bundle

HEAD = """
from airflow import DAG
from airflow.decorators import dag, task, task_group
from airflow.exceptions import AirflowSkipException
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator
from airflow.utils.task_group import TaskGroup
"""


def values(run: Any, comms: Any, task_id: str) -> dict[int, Any]:
    """What the instances of a task left, by map index."""
    return {
        index: value
        for (name, index, key), value in comms.xcoms.items()
        if name == task_id and key == "return_value"
    }


class Tried:
    """A DAG that was run here."""

    def __init__(self, bundle: Bundle, source: str, **options: Any) -> None:
        from airflow._task import local
        from airflow._task.local_comms import LocalComms

        seen: list[LocalComms] = []

        class Recorded(LocalComms):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                seen.append(self)

        before, local.LocalComms = local.LocalComms, Recorded
        try:
            (self.dag,) = bundle.load(HEAD + source).values()
            self.run = self.dag.test(**options)
        finally:
            local.LocalComms = before
        self.comms = seen[0]
        self.states = self.run.states

    def of(self, task_id: str) -> list[Any]:
        return [value for _, value in sorted(values(self.run, self.comms, task_id).items())]


def test_last_argument_counts_fastest(bundle: Bundle) -> None:
    tried = Tried(
        bundle,
        """
with DAG("d"):
    @task
    def pair(a, b, c=0, ti=None): return [ti.map_index, a, b, c]
    pair.partial(c=9).expand(a=[1, 2], b={"x": 3, "y": 4, "z": 5})
""",
    )
    assert tried.of("pair") == [
        [index, a, {"__type": "tuple", "__var": b}, 9]
        for index, (a, b) in enumerate((a, b) for a in (1, 2) for b in (["x", 3], ["y", 4], ["z", 5]))
    ]


def test_lengths_are_told_to_the_engine(bundle: Bundle) -> None:
    dag = bundle.dag(
        HEAD
        + """
with DAG("d"):
    @task
    def f(*args, **kwargs): ...
    @task
    def one(x, y=None): ...
    a, b = f.override(task_id="a")(), f.override(task_id="b")()
    one.override(task_id="plain").expand(x=a, y=[1, 2])
    one.override(task_id="mapped").expand(x=a.map(str).map(len))
    one.override(task_id="zipped").expand(x=a.zip(b), y=a.zip(b, fillvalue=0))
    one.override(task_id="joined").expand(x=a.concat(b).concat(a))
    one.override(task_id="dicts").expand_kwargs([{"x": 1}, {"x": 2}])
    one.override(task_id="given").expand_kwargs(b)
    BashOperator.partial(task_id="bash", retries=4, pool="p", bash_command="x").expand(env=a)
    f.override(task_id="single")()
"""
    )["tasks"]
    a, b = ({"xcom": name, "key": "return_value"} for name in "ab")
    assert {name: task["mapped"] for name, task in dag.items() if task["mapped"]} == {
        "plain": {"arguments": ["x", "y"], "lengths": [a, {"literal": 2}]},
        "mapped": {"arguments": ["x"], "lengths": [a]},
        "zipped": {
            "arguments": ["x", "y"],
            "lengths": [{"zip": [a, b], "longest": False}, {"zip": [a, b], "longest": True}],
        },
        "joined": {"arguments": ["x"], "lengths": [{"concat": [a, b, a]}]},
        "dicts": {"arguments": [], "lengths": [{"literal": 2}]},
        "given": {"arguments": [], "lengths": [b]},
        "bash": {"arguments": ["env"], "lengths": [a]},
    }
    assert dag["zipped"]["upstream"] == ["a", "b"] and dag["plain"]["upstream"] == ["a"]
    bash = dag["bash"]
    assert (bash["operator"], bash["retries"], bash["pool"], bash["noop"]) == ("BashOperator", 4, "p", False)


def test_functions_of_map_run_for_their_own_item_only(bundle: Bundle) -> None:
    tried = Tried(
        bundle,
        """
seen = []
def odd(x):
    seen.append(x)
    if x % 2 == 0:
        raise AirflowSkipException("even")
    return x * 10
with DAG("d") as d:
    @task
    def numbers(): return [1, 2, 3]
    @task
    def take(x): return x
    @task(trigger_rule="none_failed")
    def all(xs): return [len(xs), xs[-1], list(xs), xs]
    all(take.expand(x=numbers().map(odd)))
d.seen = seen
""",
    )
    assert tried.states == {
        "numbers": "success", "take[0]": "success", "take[1]": "skipped", "take[2]": "success", "all": "success",
    }  # fmt: skip
    assert tried.of("all") == [[2, 30, [10, 30], [10, 30]]]
    assert tried.dag.seen == [1, 2, 3]


def test_zip_concat_and_a_mapped_task_over_a_mapped_one(bundle: Bundle) -> None:
    tried = Tried(
        bundle,
        """
with DAG("d"):
    @task
    def short(): return [1, 2]
    @task
    def long(): return ["a", "b", "c"]
    @task
    def show(x): return x
    s, l = short(), long()
    show.override(task_id="least").expand(x=s.zip(l))
    show.override(task_id="most").expand(x=s.zip(l, fillvalue="-"))
    both = show.override(task_id="both").expand(x=s.concat(l))
    show.override(task_id="again").expand(x=both.map(lambda x: x * 2))
""",
    )
    tag = [{"__type": "tuple", "__var": pair} for pair in ([1, "a"], [2, "b"], ["-", "c"])]
    assert (tried.of("least"), tried.of("most")) == (tag[:2], tag)
    assert tried.of("again") == [2, 4, "aa", "bb", "cc"]


def test_classic_operator_renders_literals_and_keeps_results(bundle: Bundle) -> None:
    tried = Tried(
        bundle,
        """
with DAG("d", default_args={"retries": 2}, params={"p": "dag"}) as d:
    @task
    def commands(): return ["echo '{{ ds }}'"]
    BashOperator.partial(task_id="given", params={"p": "task"}).expand(
        bash_command=["echo {{ ti.map_index }} {{ params.p }}", "echo {{ task.retries }}"])
    BashOperator.partial(task_id="found").expand(bash_command=commands())
    BashOperator.partial(task_id="dicts").expand_kwargs(
        [{"bash_command": "echo $X", "env": {"X": "1"}}, {"bash_command": "echo {{ params.p }}", "params": {"p": 7}}])
""",
    )
    assert tried.of("given") == ["0 task", "2"]
    assert tried.of("found") == ["{{ ds }}"]
    assert tried.of("dicts") == ["1", "7"]


def test_mapped_group_meets_index_by_index(bundle: Bundle) -> None:
    source = """
with DAG("d"):
    @task
    def rows(): return [10, 20, 30]
    @task
    def double(x):
        if x == 20: raise ValueError
        return 2 * x
    @task
    def sum_up(x, y, add=1, ti=None, expanded_ti_count=None): return [x + y + add, ti.map_index, expanded_ti_count]
    @task_group
    def g(x, add):
        "What it does."
        with TaskGroup("inner"):
            return sum_up(double(x), x, add=add)
    @task(trigger_rule="all_done")
    def end(xs): return xs
    end(g.partial(add=5).expand(x=rows()))
"""
    group = bundle.dag(HEAD + source)["task_groups"]["g"]
    assert group["mapped"] == {"arguments": ["x"], "lengths": [{"xcom": "rows", "key": "return_value"}]}
    assert group["tooltip"] == "What it does."
    tried = Tried(bundle, source)
    assert tried.dag.get_task("g.inner.double").upstream_task_ids == {"rows"}
    assert [tried.states[f"g.inner.{name}"] for name in ("double[1]", "sum_up[1]", "sum_up[2]")] == [
        "failed", "upstream_failed", "success",
    ]  # fmt: skip
    assert tried.of("end") == [[[35, 0, 3], [95, 2, 3]]]


def test_group_over_dicts_and_defaults_of_its_function(bundle: Bundle) -> None:
    tried = Tried(
        bundle,
        """
with DAG("d"):
    @task
    def show(a, b): return [a, b]
    @task_group
    def g(a, b=7): show(a, b)
    g.expand_kwargs([{"a": 1}, {"a": 2, "b": 3}])
""",
    )
    assert tried.of("g.show") == [[1, 7], [2, 3]]


@pytest.mark.parametrize(
    "body, state, rest",
    [
        ("return []", "success", {"take": "skipped", "after": "skipped"}),
        ("return None", "failed", {"take": "upstream_failed", "after": "upstream_failed"}),
        ("return 'text'", "failed", {"take": "upstream_failed", "after": "upstream_failed"}),
        ("return list(range(1025))", "failed", {"take": "upstream_failed", "after": "upstream_failed"}),
        ("raise AirflowSkipException", "skipped", {"take": "skipped", "after": "skipped"}),
    ],
)
def test_what_cannot_be_mapped_over_has_no_instances(
    bundle: Bundle, body: str, state: str, rest: dict[str, str]
) -> None:
    tried = Tried(
        bundle,
        f"""
with DAG("d"):
    @task
    def source(): {body}
    @task
    def take(x): return x
    @task
    def after(x): return x
    after(take.expand(x=source()))
""",
    )
    assert tried.states == {"source": state, **rest}


@pytest.mark.parametrize(
    "call, error, words",
    [
        ("f.expand()", TypeError, "no arguments"),
        ("f.expand(y=[1])", TypeError, "unexpected arguments y"),
        ("f.expand(x=3)", ValueError, "a int has no items"),
        ("f.expand(x={1})", ValueError, "a set has no items"),
        ("f.expand(ti=[1])", ValueError, "the context of the run gives that"),
        ("f.partial(x=1).partial(x=2)", TypeError, "twice"),
        ("f.expand(x=g()['k'])", ValueError, "only over return values"),
        ("f.expand(x=g().map(f))", ValueError, "plain function"),
        ("f.expand_kwargs(3)", TypeError, "an output or a list of dicts"),
        ("f.expand_kwargs([3])", TypeError, "an output or a list of dicts"),
        ("BashOperator.partial(task_id='a').expand(task_id=['b'])", TypeError, "already specified"),
        ("BashOperator.partial(task_id='a', nope=1)", TypeError, "unexpected arguments nope"),
        ("BashOperator.partial(task_id='a').expand(bash_command='x')", ValueError, "a str has no items"),
        ("BashOperator.partial(task_id='a', env={}).expand(env=[{}])", TypeError, "already specified"),
        ("tg.expand(x=[1])", NotImplementedError, "in a group that is mapped itself"),
        ("tg.expand(z=[1])", TypeError, "unexpected arguments z"),
        ("task(trigger_rule='always')(f.function).expand(x=g())", ValueError, "would not wait"),
        ("list(g())", TypeError, "cannot iterate"),
    ],
)
def test_mapping_that_cannot_work_is_refused(
    bundle: Bundle, call: str, error: type[Exception], words: str
) -> None:
    source = f"""
with DAG("d"):
    @task
    def f(x): ...
    @task
    def g(): ...
    @task_group
    def tg(x): f.expand(x=x)
    {call}
"""
    with pytest.raises(error, match=words):
        bundle.load(HEAD + source)


def test_instances_are_named_after_their_work(bundle: Bundle) -> None:
    dags = bundle.load(
        HEAD
        + """
from airflow.operators.python import get_current_context
with DAG("d"):
    @task(map_index_template="{{ name }} {{ ti.map_index }}")
    def f(x):
        get_current_context()["name"] = f"item {x}"
        if x == 2: raise ValueError("two")
    f.expand(x=[1, 2])
"""
    )
    words = [bundle.run(dags, "f", map_index=index) for index in (0, 1)]
    assert [word["details"]["map_index_label"] for word in words] == ["item 1 0", "item 2 1"]
    assert words[1]["state"] == "failed" and "two" in words[1]["reason"]


@pytest.mark.parametrize("version, single", [("2.10.3", [0]), ("3.3.2", 0)])
def test_pulling_from_a_mapped_task(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, version: str, single: Any
) -> None:
    monkeypatch.setenv("AERODROME_AIRFLOW_VERSION", version)
    tried = Tried(
        bundle,
        """
with DAG("d", schedule=None):
    @task
    def f(x): return x
    @task
    def pull(ti=None):
        return [ti.xcom_pull("three"), ti.xcom_pull("three", map_indexes=1), ti.xcom_pull("three", map_indexes=[2, 0]),
                ti.xcom_pull(["three", "alone"]), ti.xcom_pull("one"), ti.xcom_pull("alone"), ti.xcom_pull("nobody")]
    three = f.override(task_id="three").expand(x=[0, 10, 20])
    one = f.override(task_id="one").expand(x=[0])
    [three, one, f.override(task_id="alone")(5)] >> pull()
""",
    )
    assert tried.of("pull") == [[[0, 10, 20], 10, [20, 0], [0, 10, 20, 5], single, 5, None]]


def test_setup_and_teardown_can_be_mapped_over(bundle: Bundle) -> None:
    tried = Tried(
        bundle,
        """
from airflow.decorators import setup, teardown
with DAG("d"):
    @setup
    def make(): return ["a", "b"]
    @task
    def use(x):
        if x == "b": raise ValueError
    @teardown
    def remove(x): return x
    @task
    def never(): ...
    made = make()
    used = use.expand(x=made)
    made >> used >> remove.expand(x=made)
    used >> never()
""",
    )
    assert tried.states == {
        "make": "success", "use[0]": "success", "use[1]": "failed", "never": "upstream_failed",
        "remove[0]": "success", "remove[1]": "success",
    }  # fmt: skip
    assert tried.run.state == "failed"


def test_mapped_task_answers_like_a_task(bundle: Bundle) -> None:
    (one,) = bundle.load(
        HEAD
        + """
with DAG("d", default_args={"owner": "me", "bash_command": "default"}) as d:
    @task
    def source(): ...
    s = source()
    mapped = BashOperator.partial(task_id="m", cwd="/", pool="p").expand(env=s)
    mapped >> BashOperator(task_id="last", bash_command=f"{mapped.output}")
"""
    ).values()
    mapped = one.get_task("m")
    assert mapped.is_mapped and mapped.operator_class.__name__ == mapped.task_type == "BashOperator"
    assert mapped.partial_kwargs["cwd"] == mapped.cwd == "/"
    assert (mapped.owner, mapped.pool, mapped.template_fields) == (
        "me",
        "p",
        mapped.operator_class.template_fields,
    )
    assert [up.task_id for up in mapped.iter_mapped_dependencies()] == ["source"]
    assert [down.task_id for down in one.get_task("source").iter_mapped_dependants()] == ["m"]
    assert mapped.downstream_task_ids == {"last"} and mapped.upstream_list == [one.get_task("source")]
    with pytest.raises(AttributeError):
        mapped.execute  # noqa: B018
