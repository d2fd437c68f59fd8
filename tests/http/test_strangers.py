"""Calls that nobody known has signed: refused, kept in the audit trail, and unable to fill it."""

from __future__ import annotations

import http.client
import time
from contextlib import closing

from control_plane.store import audit
from tests.http.serving import Server, code, refused


def rows(server: Server) -> list[audit.Entry]:
    server.trail.flush()
    with server.db.read() as conn:
        return [one for _, one in audit.list_page(conn, 0, 100_000) if one.caller == "-"]


def test_refused_signature_leaves_a_row_with_the_key_it_named(server: Server) -> None:
    for service, key in (("mwaa", "AKIAWRONGSECRET00000"), ("iam", "AKIAWRONGSECRET00001")):
        client = server.client(service, aws_access_key_id=key, aws_secret_access_key="s" * 40)
        error = refused(client.list_environments if service == "mwaa" else client.list_users)
        assert code(error)[1] == 403
        (row,) = [one for one in rows(server) if one.access_key_id == key]
        assert row.request_id == error.response["ResponseMetadata"]["RequestId"]
        assert row.action == ("airflow:ListEnvironments" if service == "mwaa" else "iam:*")
        assert (row.decision, row.source_ip) == ("deny", "127.0.0.1")
        assert row.reason == "UnrecognizedClientException"


def test_flood_of_strangers_leaves_a_few_rows(server: Server) -> None:
    before, began = len(rows(server)), time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        for _ in range(300):
            connection.request("GET", "/environments")
            assert connection.getresponse().read()
    most = 100 + 5 * (time.monotonic() - began) + 1
    assert 50 < len(rows(server)) - before <= most
