"""Whatever is asked, a caller's mistake is never a 5xx, and never a stack trace."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.api.airflow.routes import ROUTES

_HOSTILE = st.sampled_from(
    [
        "",
        "-1",
        "9" * 30,
        "1e400",
        "nan",
        "\x00",
        "%00",
        "..",
        "a/b",
        "é",
        "\ud7ff",
        "'; DROP TABLE dag;--",
        "%",
        "x" * 3000,
        "~",
        "null",
        "[]",
        "2026-01-01T00:00:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "true",
    ]
)
_WORD = st.one_of(_HOSTILE, st.text(max_size=12).filter(lambda text: not re.search("[\ud800-\udfff]", text)))
_NAMES = st.sampled_from(
    """limit offset order_by tags paused dag_id_pattern state run_type start_date_gte duration_lt logical_date_lte
    map_index token full_content try_number version_number update_mask filename dag_version stringify is_alive
    run_after_gt updated_at_gte pool conf_contains""".split()  # noqa: SIM905
)
_MEMBERS = st.sampled_from(
    """dag_run_id logical_date conf note state new_state dry_run task_ids key value name slots connection_id conn_type
    port extra is_paused dag_ids page_limit page_offset order_by states only_failed start_date end_date include_past
    dag_run_id run_after data_interval_start data_interval_end map_index description password""".split()  # noqa: SIM905
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _WORD),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_MEMBERS, inner, max_size=4)),
    max_leaves=6,
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    route=st.sampled_from(ROUTES),
    values=st.lists(st.one_of(st.sampled_from(["demo", "r1", "a", "0", "~"]), _WORD), min_size=5, max_size=5),
    query=st.dictionaries(_NAMES, _WORD, max_size=4),
    body=st.one_of(st.none(), _JSON, st.dictionaries(_MEMBERS, _JSON, max_size=6)),
)
def test_bad_request_is_never_a_server_error(demo, route, values, query, body):
    from urllib.parse import quote

    method, template, _handler, _least = route
    rest = iter(values)
    path = re.sub(r"\{.+?\}", lambda _match: quote(next(rest), safe=""), template)
    import json

    content = None if body is None else json.dumps(body).encode()
    answer = demo.call(method, path, params=query, content=content)
    assert answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"\xff\xfe", 422),
        (b'{"conf": ' + b'{"a":' * 70 + b"1" + b"}" * 71, 422),
        (b"[" * 100_000, 422),
        (b'{"note": "\\u0000"}', 422),
        (b'{"conf": {"a": 1, "a": 2}}', 200),
        (b"x" * (1024 * 1024 + 1), 413),
    ],
)
def test_body_that_cannot_be_read_is_refused(demo, content, status):
    answer = demo.call("POST", "/dags/demo/dagRuns", content=content)
    assert answer.status_code == status
    assert status == 200 or answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status", "loc"),
    [
        ("/dags?limit=x", 422, ["query", "limit"]),
        ("/dags?limit=-1", 422, ["query", "limit"]),
        ("/dags?paused=perhaps", 422, ["query", "paused"]),
        ("/dags/~/dagRuns?start_date_gte=soon", 422, ["query", "start_date_gte"]),
        ("/dags/demo/dagRuns/r1/taskInstances/a/logs/x", 422, ["path", "try_number"]),
    ],
)
def test_parameter_that_does_not_validate_is_named(demo, path, status, loc):
    answer = demo.call("GET", path)
    assert answer.status_code == status
    assert answer.json()["detail"][0]["loc"] == loc


@pytest.mark.parametrize(
    "path", ["/dags", "/dags/~/dagRuns", "/variables", "/pools", "/jobs", "/importErrors"]
)
def test_unknown_order_is_refused(demo, path):
    answer = demo.call("GET", f"{path}?order_by=-nonsense")
    assert answer.status_code == 400
    assert "nonsense" in answer.json()["detail"]


def test_unknown_path_and_method_have_airflows_bodies(demo):
    assert demo.call("GET", "/nowhere").json() == {"detail": "Not Found"}
    answer = demo.call("PUT", "/dags/demo")
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})


def test_fault_of_ours_shows_a_number_and_no_more(demo, monkeypatch):
    def break_down(*_args: object) -> None:
        raise RuntimeError("the inside story")

    monkeypatch.setattr("runner.store.listing_dags.list_dags", break_down)
    answer = demo.call("GET", "/dags")
    assert answer.status_code == 500
    assert answer.json().keys() == {"detail", "correlation"}
    assert "inside story" not in answer.text
