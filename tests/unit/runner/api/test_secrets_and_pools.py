"""Variables, connections, pools: encrypted where they lie, masked where they are shown."""

from __future__ import annotations

import json

import pytest

from runner.api.airflow.masking import mask_extra, mask_text
from runner.store.secrets import SecretUnreadable, open_box

CANARY = "c4n4ry-secret"


def test_secrets_are_neither_in_the_database_nor_in_any_answer(cell):
    extra = json.dumps({"token": CANARY, "deep": [{"a": {"b": {"api_key": CANARY}}}], "host": "h"})
    connection = {
        "connection_id": "db",
        "conn_type": "postgres",
        "host": f"https://u:{CANARY}@h",
        "password": CANARY,
        "extra": extra,
    }
    answers = [cell.call("POST", "/connections", json=connection)]
    for key, value in (
        ("my_secret", CANARY),
        ("json", json.dumps({"password": CANARY})),
        ("url", f"a://u:{CANARY}@h"),
    ):
        answers.append(cell.call("POST", "/variables", json={"key": key, "value": value}))
    assert [answer.status_code for answer in answers] == [201] * 4
    for path in ("/connections", "/connections/db", "/variables", "/variables/my_secret", "/variables/json"):
        answers.append(cell.call("GET", path))
        assert answers[-1].status_code == 200
    assert not [answer.url for answer in answers if CANARY in answer.text]
    files = [path for path in cell.context.layout.home.rglob("*") if path.is_file()]
    stored = {path.name for path in files if CANARY.encode() in path.read_bytes()}
    shown = json.loads(cell.call("GET", "/connections/db").json()["extra"])
    assert shown == {"token": "***", "deep": [{"a": {"b": {"api_key": "***"}}}], "host": "h"}
    assert stored <= {"metadata.db", "metadata.db-wal"}  # the host column only, checked next
    with cell.context.db.read() as conn:
        from runner.store.schema import connection as table

        row = conn.execute(table.select()).one()
    assert CANARY not in f"{row.password}{row.extra}"


def test_masked_connection_sent_back_keeps_its_secrets(cell):
    extra = json.dumps({"token": CANARY, "region": "a"})
    body = {"connection_id": "c", "conn_type": "aws", "password": CANARY, "extra": extra}
    cell.call("POST", "/connections", json=body)
    shown = cell.call("GET", "/connections/c").json()
    shown["extra"] = shown["extra"].replace('"a"', '"b"')
    assert cell.call("PATCH", "/connections/c", json=shown).status_code == 200
    from runner.store.connections import find_connection

    with cell.context.db.read() as conn:
        kept = find_connection(conn, cell.context.box, "c")
    assert kept.password == CANARY
    assert json.loads(kept.extra) == {"token": CANARY, "region": "b"}


def test_patch_changes_only_what_the_mask_names(cell):
    cell.call("POST", "/variables", json={"key": "k", "value": "1", "description": "d"})
    cell.call("PATCH", "/variables/k?update_mask=value", json={"key": "k", "value": {"a": 1}})
    body = cell.call("GET", "/variables/k").json()
    assert (body["value"], body["description"], body["is_encrypted"]) == ('{"a":1}', "d", True)
    assert cell.call("PATCH", "/variables/k", json={"key": "other", "value": "1"}).status_code == 400
    assert cell.call("POST", "/variables", json={"key": "k", "value": "1"}).status_code == 409
    assert cell.call("DELETE", "/variables/k").status_code == 204
    assert cell.call("GET", "/variables/k").status_code == 404


@pytest.mark.parametrize(
    ("text", "name", "shown"),
    [
        ("plain", "k", "plain"),
        ("x", "DB-PASSWORD", "***"),
        ("", "password", ""),
        ('{"secret": ""}', "k", '{"secret":""}'),
        ("[" * 3 + '{"token":1}' + "]" * 3, "k", '[[[{"token":"***"}]]]'),
        ("{not json", "k", "{not json"),
    ],
)
def test_text_is_masked_by_name_and_by_member(text, name, shown):
    assert mask_text(text, name) == shown


def test_extra_that_is_not_an_object_is_masked_whole():
    assert [mask_extra(text) for text in ("hello", '"hello"', "", None)] == ["***", "***", "", None]


def test_secret_box_reads_what_an_older_key_wrote(tmp_path):
    path = tmp_path / "keys"
    old = open_box(path)
    sealed = old.seal("hello")
    assert "hello" not in sealed
    assert open_box(path).open(sealed) == "hello"
    other = tmp_path / "other"
    open_box(other)
    path.write_text(other.read_text() + path.read_text())
    rotated = open_box(path)
    assert rotated.open(sealed) == "hello"
    assert rotated.seal("x").partition(":")[0] != sealed.partition(":")[0]
    with pytest.raises(SecretUnreadable, match="key"):
        open_box(other).open(sealed)
    with pytest.raises(SecretUnreadable):
        old.open(sealed[:-4] + "AAAA")


def test_pools_count_what_is_taken(demo):
    default = demo.call("GET", "/pools/default_pool").json()
    assert (default["slots"], default["open_slots"]) == (10_000, 10_000)
    run = demo.put_run("demo", "r2")
    demo.set_task(run, "a", state="running", attempt="a" * 32, pool="p", pool_slots=2)
    demo.set_task(run, "b", state="queued", attempt="b" * 32, pool="p")
    demo.set_task(run, "c", state="deferred", pool="p")
    made = demo.call("POST", "/pools", json={"name": "p", "slots": 5})
    assert made.status_code == 201
    body = made.json()
    assert [body[f"{name}_slots"] for name in ("running", "queued", "deferred", "occupied", "open")] == [
        2,
        1,
        1,
        3,
        2,
    ]
    body = demo.call("PATCH", "/pools/p", json={"include_deferred": True, "slots": -1}).json()
    assert (body["occupied_slots"], body["open_slots"]) == (4, -1)
    assert demo.call("GET", "/pools").json()["total_entries"] == 2
    assert demo.call("POST", "/pools", json={"name": "p", "slots": 5}).status_code == 409
    assert demo.call("DELETE", "/pools/p").status_code == 204
    assert demo.call("DELETE", "/pools/default_pool").status_code == 400
    assert demo.call("POST", "/pools", json={"name": "q", "slots": -2}).status_code == 422
