"""Assets as DAG files write them, and what a running task sees and says of them."""

from __future__ import annotations

from typing import Any

import pytest
from airflow._task.load import load_file
from airflow.assets.definition import Asset, AssetAlias, AssetAll, AssetAny, Dataset
from airflow.assets.uris import sanitise
from airflow.exceptions import AirflowInactiveAssetInInletOrOutletException, AirflowTimetableInvalid
from airflow.timetables.assets import AssetOrTimeSchedule, AssetTriggeredTimetable
from airflow.timetables.choose import timetable_for
from airflow.timetables.trigger import CronTriggerTimetable

from tests.unit.sdk.conftest import Bundle

HEAD = """
from airflow.sdk import DAG, Asset, AssetAlias, Metadata, asset, task
from airflow.operators.empty import EmptyOperator
"""


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("S3://Bucket/key/", "s3://Bucket/key"),
        ("s3://bucket", "s3://bucket/"),
        ("postgres://h:1/db/t?b=2&a=1#x", "postgres://h:1/db/t?a=1&b=2"),
        ("x-mine://A/b/?q#f", "x-mine://A/b/?q#f"),
        ("just a name", "just a name"),
        ("file:///a/b", "file:///a/b"),
    ],
)
def test_uri_has_one_spelling(given: str, clean: str) -> None:
    assert sanitise(given) == clean


def test_password_in_a_uri_is_left_out_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="password"):
        assert Asset("ftp://me:secret@host/f").uri == "ftp://host/f"


@pytest.mark.parametrize(
    "arguments", [{"name": ""}, {"name": "self"}, {"uri": "airflow://x"}, {"name": "n" * 1501}, {"name": " "}]
)
def test_unusable_asset_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot"):
        Asset(**arguments)


def test_asset_without_name_and_uri_is_refused() -> None:
    with pytest.raises(TypeError):
        Asset()


def test_dataset_of_an_older_generation_is_known_by_its_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERODROME_AIRFLOW_VERSION", "2.10.3")
    made = Dataset("s3://b/k/", {"team": "x"})
    assert (made.name, made.uri, made.extra) == ("s3://b/k", "s3://b/k", {"team": "x"})
    assert made == Dataset("s3://b/k") and hash(made) == hash(Dataset("s3://b/k"))


def test_expressions_become_conditions() -> None:
    a, b, c = (Asset(name) for name in "abc")
    assert isinstance(a & b & c, AssetAll) and len((a & b & c).objects) == 3
    assert isinstance(a | (b & c), AssetAny)
    wire = timetable_for([a, b], None).to_wire("UTC")  # type: ignore[arg-type]
    assert wire["kind"] == "asset" and [leaf["name"] for leaf in wire["condition"]["all"]] == ["a", "b"]
    expression = AssetTriggeredTimetable((a & Asset.ref(name="n")) | AssetAlias("al")).to_wire("UTC")[
        "condition"
    ]
    assert expression["any"][0]["all"][1] == {"kind": "ref", "name": "n"}
    assert expression["any"][1] == {"kind": "alias", "name": "al", "group": "asset"}


def test_asset_or_time_holds_both_and_refuses_two_of_a_kind() -> None:
    both = AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 1 * * 3", timezone="UTC"), assets=[Asset("a")]
    )
    wire = both.to_wire("UTC")
    assert (wire["kind"], wire["time"]["expression"]) == ("asset_or_time", "0 1 * * 3")
    assert wire["summary"] == "Asset or 0 1 * * 3"
    with pytest.raises(AirflowTimetableInvalid):
        AssetOrTimeSchedule(timetable=AssetTriggeredTimetable([]), assets=[])
    with pytest.raises(AirflowTimetableInvalid, match="cannot schedule by"):
        timetable_for([Asset("a"), "b"], None)  # type: ignore[arg-type]


def test_inlets_and_outlets_are_serialised_and_need_a_process(bundle: Bundle) -> None:
    dag = bundle.dag(
        HEAD
        + """
with DAG("d", schedule=None) as dag:
    EmptyOperator(task_id="t", outlets=[Asset("a"), Asset("a"), "lineage of old"], inlets=Asset.ref(uri="u"))
"""
    )
    task = dag["tasks"]["t"]
    assert [ref["name"] for ref in task["outlets"]] == ["a"]
    assert task["inlets"] == [{"kind": "ref", "uri": "u"}] and not task["noop"]


PRODUCERS = (
    HEAD
    + """
a, al = Asset("a", uri="x://a", extra={"k": 1}), AssetAlias("al")
with DAG("d", schedule=None):
    @task(outlets=[a])
    def plain():
        return 1

    @task(outlets=[a])
    def by_context(*, outlet_events):
        outlet_events[a].extra = {"rows": 3}

    @task(outlets=[a, al])
    def by_yield():
        yield Metadata(a, {"rows": 4})
        yield Metadata(Asset("b"), {"n": 1}, alias=al)
        yield "what nobody knows"
        return "value"

    @task(outlets=[al])
    def by_alias(outlet_events):
        outlet_events[al].add(Asset("s3://b/c"), extra={"n": 2})

    @task(outlets=[Asset.ref(name="r")])
    def by_ref(outlet_events):
        outlet_events[Asset.ref(name="r")].extra = {"x": 1}

    @task(outlets=[a])
    def fails():
        raise ValueError("no")

    for make in (plain, by_context, by_yield, by_alias, by_ref, fails):
        make()
"""
)


@pytest.mark.parametrize(
    ("task_id", "events"),
    [
        ("plain", [("a", {}, None)]),
        ("by_context", [("a", {"rows": 3}, None)]),
        ("by_yield", [("a", {"rows": 4}, None), ("b", {"n": 1}, "al")]),
        ("by_alias", [("s3://b/c", {"n": 2}, "al")]),
        ("by_ref", [("r", {"x": 1}, None)]),
        ("fails", None),
    ],
)
def test_success_tells_the_events_of_the_outlets(bundle: Bundle, task_id: str, events: Any) -> None:
    word = bundle.run(bundle.load(PRODUCERS), task_id)
    said = word["details"].get("asset_events")
    assert said == events or [(e["asset"]["name"], e["extra"], e["alias"]) for e in said] == events
    if task_id == "by_yield":
        assert word["xcoms"]["return_value"] == "value"


PARTS = (
    HEAD
    + """
a, al = Asset("a", uri="x://a"), AssetAlias("al")
with DAG("d", schedule=None):
    @task(outlets=[a, Asset("b")])
    def names(outlet_events):
        outlet_events[a].add_partitions(["us", "eu"])
        outlet_events[a].add_partitions("us")
        outlet_events[a].extra = {"n": 1}

    @task(outlets=[a])
    def too_long(outlet_events):
        outlet_events[a].add_partitions("k" * 251)

    @task(outlets=[a])
    def empty(outlet_events):
        outlet_events[a].partition_keys = {" "}

    @task(outlets=[al])
    def by_alias(outlet_events):
        outlet_events[al].add_partitions("us")

    @task
    def reads(partition_key, *, dag_run, partition_date=None):
        return [partition_key, dag_run.partition_key, str(partition_date)]

    for make in (names, too_long, empty, by_alias, reads):
        make()
"""
)


def test_task_names_the_partitions_that_it_updated(bundle: Bundle) -> None:
    dags = bundle.load(PARTS)
    events = bundle.run(dags, "names")["details"]["asset_events"]
    found = [(event["asset"]["name"], event.get("partition"), event["extra"]) for event in events]
    assert found == [("a", "eu", {"n": 1}), ("a", "us", {"n": 1}), ("b", None, {})]
    for name, error in (("too_long", "ValueError"), ("empty", "ValueError"), ("by_alias", "TypeError")):
        word = bundle.run(dags, name)
        assert word["state"] == "failed" and error in word["reason"], name


def test_task_of_a_run_without_a_partition_sees_none(bundle: Bundle) -> None:
    word = bundle.run(bundle.load(PARTS), "reads")
    assert word["xcoms"]["return_value"] == [None, None, "None"]


def test_operator_whose_execute_yields_says_more_about_its_outlets(bundle: Bundle) -> None:
    dags = bundle.load(
        HEAD
        + """
from airflow.models import BaseOperator
class Op(BaseOperator):
    def execute(self, context):
        yield Metadata(self.outlets[0], {"rows": 5})
        return 7
with DAG("d", schedule=None):
    Op(task_id="t", outlets=[Asset("a")])
"""
    )
    word = bundle.run(dags, "t")
    assert word["xcoms"] == {"return_value": 7}
    assert word["details"]["asset_events"][0]["extra"] == {"rows": 5}


def test_task_with_an_inactive_asset_fails_before_it_does_anything(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    dags = bundle.load(PRODUCERS)
    asked: list[Any] = []

    def answer(assets: list[Any]) -> list[Any]:
        asked.extend(assets)
        return assets

    monkeypatch.setattr(bundle.comms, "_list_inactive_assets", answer, raising=False)
    word = bundle.run(dags, "plain")
    assert (
        word["state"] == "failed" and AirflowInactiveAssetInInletOrOutletException.__name__ in word["reason"]
    )
    assert [ref["name"] for ref in asked] == ["a"] and word["xcoms"] == {}
    monkeypatch.setenv("AERODROME_AIRFLOW_VERSION", "2.10.3")
    assert bundle.run(dags, "plain")["state"] == "success"


EVENT = {
    "id": 7,
    "timestamp": 0.0,
    "asset": {"name": "a", "uri": "x://a/", "group": "asset", "extra": {}},
    "extra": {"rows": 3},
    "source_dag_id": "p",
    "source_run_id": "r",
    "source_task_id": "t",
    "source_map_index": -1,
    "aliases": ["al"],
}


def test_past_events_reach_the_task(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def list_events(**where: Any) -> list[Any]:
        asked.append(where)
        return [EVENT]

    monkeypatch.setattr(bundle.comms, "_list_asset_events", list_events, raising=False)
    monkeypatch.setattr(bundle.comms, "_list_triggering_events", lambda: [EVENT], raising=False)
    monkeypatch.setattr(
        bundle.comms,
        "_get_dag_run",
        lambda dag_id, run_id: {"found": True, "data_interval_start": None, "run_type": "manual"},
        raising=False,
    )
    dags = bundle.load(
        HEAD
        + """
a = Asset("a", uri="x://a")
with DAG("d", schedule=None):
    @task(inlets=[a, AssetAlias("al")])
    def reads(*, inlet_events, triggering_asset_events, triggering_dataset_events):
        newest = inlet_events[a].after("2024-01-01").limit(1)[-1]
        through = inlet_events[AssetAlias("al")]
        (first,) = triggering_asset_events[a]
        try:
            inlet_events[Asset("stranger")]
        except KeyError:
            known = False
        return [
            newest.extra["rows"], len(through), first.source_dag_run.run_id, first.source_task_instance.task_id,
            list(triggering_dataset_events), [x.uri for x in triggering_asset_events if isinstance(x, Asset)],
            triggering_asset_events.for_asset_alias(name="al")[0].id, known,
        ]
    reads()
"""
    )
    word = bundle.run(dags, "reads")
    assert word["reason"] is None
    assert word["xcoms"]["return_value"] == [3, 1, "r", "t", ["x://a/"], ["x://a/"], 7, False]
    assert asked[0]["after"] == "2024-01-01" and asked[0]["limit"] == 1 and asked[1]["alias"] == "al"


DECORATED = (
    HEAD
    + """
@asset(schedule="@daily", uri="x://one", tags=["t"])
def one(self, context):
    "Docs."
    return [self.uri, context["ti"].task_id]

@asset(schedule=[one])
def two(one, limit=3):
    return [one.name, limit]

@asset.multi(schedule=None, outlets=[Asset("m1"), Asset("m2")], dag_id="several")
def many():
    pass

with DAG("consumer", schedule=many | two):
    EmptyOperator(task_id="t")
"""
)


def test_decorated_function_is_an_asset_and_a_dag(bundle: Bundle) -> None:
    result = bundle.parse(DECORATED)
    assert result["error"] is None, result["error"]
    dags = {dag["dag_id"]: dag for dag in result["dags"]}
    assert sorted(dags) == ["consumer", "one", "several", "two"]
    (task,) = dags["one"]["tasks"]
    assert task["outlets"] == [
        {"kind": "asset", "name": "one", "uri": "x://one/", "group": "asset", "extra": {}}
    ]
    assert dags["two"]["tasks"][0]["inlets"] == [{"kind": "ref", "name": "one"}]
    assert dags["one"]["catchup"] is False and dags["one"]["tags"] == ["t"]
    assert [ref["name"] for ref in dags["several"]["tasks"][0]["outlets"]] == ["m1", "m2"]
    condition = dags["consumer"]["timetable"]["condition"]
    assert [leaf["name"] for leaf in condition["any"][0]["all"]] == ["m1", "m2"]


def test_decorated_function_is_given_the_assets_it_names(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"found": True, "uri": "x://one/", "group": "asset", "extra": {}}
    monkeypatch.setattr(bundle.comms, "_get_asset", lambda name, uri: {**found, "name": name}, raising=False)
    path = bundle.write(DECORATED)
    dags = load_file(str(bundle.path / path), str(bundle.path))
    assert bundle.run({"one": dags["one"]}, "one")["xcoms"]["return_value"] == ["x://one/", "one"]
    assert bundle.run({"two": dags["two"]}, "two")["xcoms"]["return_value"] == ["one", 3]


@pytest.mark.parametrize(
    "body",
    [
        "@asset(schedule=None)\ndef f(*args): pass",
        "@asset(schedule=None, outlets=[1])\ndef f(): pass",
        "@asset.multi(schedule=None, outlets=[])\ndef f(): pass",
        "@asset(schedule=None)\n@task(outlets=[Asset('x')])\ndef f(): pass",
    ],
)
def test_function_that_can_be_no_asset_is_an_import_error(bundle: Bundle, body: str) -> None:
    assert "cannot" in bundle.parse(HEAD + body)["error"]


def test_datasets_of_an_older_generation_parse(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERODROME_AIRFLOW_VERSION", "2.10.3")
    result = bundle.parse(
        """
from airflow import DAG, Dataset
from airflow.datasets import Dataset as D, DatasetAlias, DatasetAll, DatasetAny
from airflow.datasets.metadata import Metadata
from airflow.timetables.datasets import DatasetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable
from datetime import datetime
a, b = Dataset("s3://x/a"), D("s3://x/b", {"k": 1})
with DAG("d1", schedule=[a, b], start_date=datetime(2024, 1, 1)): pass
with DAG("d2", schedule=DatasetAny(a, DatasetAll(b, DatasetAlias("al"))), start_date=datetime(2024, 1, 1)): pass
t = CronTriggerTimetable("0 1 * * 3", timezone="UTC")
with DAG("d3", schedule=DatasetOrTimeSchedule(timetable=t, datasets=(a & b)), start_date=datetime(2024, 1, 1)): pass
"""
    )
    assert result["error"] is None, result["error"]
    assert [dag["timetable"]["kind"] for dag in result["dags"]] == ["asset", "asset", "asset_or_time"]
