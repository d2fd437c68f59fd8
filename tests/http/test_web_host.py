"""Tokens, sign-in, sessions, forgeries and the REST API on a web host, over a real socket."""

from __future__ import annotations

import ast
import base64
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from control_plane.domain.status import Status
from control_plane.iam import tokens
from control_plane.iam.tokens import Grant
from control_plane.operations.service import CellResponse, CellUnreachable
from control_plane.operations.tokens import PURPOSE
from control_plane.operations.visits import csrf_token
from control_plane.store import audit, environments
from control_plane.store.vault import open_vault
from tests.http.serving import ACCOUNT, REGION, Server, code, make, refused
from tests.http.web import Visitor, secret_of

RAN = {"stdout": "hé\n", "stderr": "", "exit_code": 3, "name": "dags list", "status": 200}
ROLES = f"arn:aws:airflow:{REGION}:{ACCOUNT}:role"


@pytest.fixture
def visitor(server: Server, request: pytest.FixtureRequest) -> Visitor:
    """A web host with an environment of its own, whose cell answers everything with {}."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_")).strip("-")
    name = name if len(name) < 60 else f"{name[:40]}{abs(hash(name))}"
    make(server, name)
    server.cells.answer = CellResponse(200, "application/json", b"{}")
    server.cells.asked.clear()
    return Visitor(server, name)


def user_with(server: Server, name: str, *statements: dict) -> object:
    """An MWAA client of a user who may do just this."""
    iam = server.client("iam")
    iam.create_user(UserName=name)
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **part} for part in statements]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return server.client(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def cli(visitor: Visitor, token: str | None = None, command: str = "dags list", **more):
    headers = {"Authorization": f"Bearer {token or visitor.token('cli')}", "Content-Type": "text/plain"}
    return visitor.send("POST", "/aws_mwaa/cli", content=command, headers=headers | more)


# ---- tokens


def test_answers_have_exactly_the_members_of_the_model(visitor):
    client = visitor.server.client()
    made = client.create_cli_token(Name=visitor.name)
    assert made.keys() - {"ResponseMetadata"} == {"CliToken", "WebServerHostname"}
    assert made["WebServerHostname"] == "localhost:8443"
    made = client.create_web_login_token(Name=visitor.name)
    assert made.keys() - {"ResponseMetadata"} == {
        "WebToken",
        "WebServerHostname",
        "IamIdentity",
        "AirflowIdentity",
    }
    assert (made["IamIdentity"], made["AirflowIdentity"]) == ("user/admin", "admin")
    assert visitor.token() != visitor.token()


def test_tokens_are_refused_for_what_is_not_there_or_not_ready(server):
    assert code(refused(server.client().create_cli_token, Name="nobody")) == (
        "ResourceNotFoundException",
        404,
    )
    client = make(server, "unborn", Status.CREATING)
    assert code(refused(client.create_web_login_token, Name="unborn")) == ("ValidationException", 400)
    assert code(refused(client.create_cli_token, Name="1 bad"))[0] == "ValidationException"


def test_role_reached_is_the_role_of_the_session(visitor):
    viewer = user_with(
        visitor.server,
        "watcher",
        {"Action": "airflow:CreateWebLoginToken", "Resource": f"{ROLES}/{visitor.name}/Viewer"},
    )
    secret = secret_of(visitor.login(visitor.token(client=viewer)))
    visitor.send("GET", "/api/v2/dags", secret)
    assert (visitor.server.cells.asked[-1][1].role, visitor.server.cells.asked[-1][1].user) == (
        "Viewer",
        "watcher",
    )
    error = refused(viewer.create_cli_token, Name=visitor.name)
    assert code(error) == ("AccessDeniedException", 403)
    stranger = user_with(visitor.server, "stranger", {"Action": "airflow:GetEnvironment", "Resource": "*"})
    error = refused(stranger.create_web_login_token, Name=visitor.name)
    assert "Airflow role" in str(error)  # what the amazon provider looks for


@pytest.mark.parametrize(
    ("name", "more", "role"),
    [
        ("only", [], "Admin"),
        (
            "rest",
            [{"Action": "airflow:InvokeRestApi", "Resource": "arn:aws:airflow:*:*:role/*/User"}],
            "User",
        ),
        (
            "denied",
            [
                {
                    "Effect": "Deny",
                    "Action": "airflow:InvokeRestApi",
                    "Resource": "arn:aws:airflow:*:*:role/*/Admin",
                }
            ],
            "Op",
        ),
        ("none", [{"Effect": "Deny", "Action": "airflow:InvokeRestApi", "Resource": "*"}], "Public"),
    ],
)
def test_role_of_a_cli_token(visitor, name, more, role):
    visitor.server.cells.answer = CellResponse(200, "application/json", json.dumps(RAN).encode())
    client = user_with(visitor.server, name, {"Action": "airflow:CreateCliToken", "Resource": "*"}, *more)
    assert cli(visitor, visitor.token("cli", client)).status_code == 200
    assert visitor.server.cells.asked[-1][1].role == role


def test_a_cell_that_cannot_run_commands_is_named_with_what_to_do(visitor):
    visitor.server.cells.answer = CellResponse(500, "application/json", b"{}")
    answer = cli(visitor)
    assert answer.status_code == 503
    assert f"Environment {visitor.name} answered 500 to the command: try it again" in answer.text
    assert "`aerodrome status`" in answer.text


def test_conditions_hold_when_a_token_is_used_too(visitor):
    tagged = {"StringEquals": {"aws:ResourceTag/team": "a"}, "IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    actions = ["airflow:CreateCliToken", "airflow:CreateWebLoginToken"]
    client = user_with(visitor.server, "tagged", {"Action": actions, "Resource": "*", "Condition": tagged})
    error = refused(client.create_cli_token, Name=visitor.name)
    assert code(error) == ("AccessDeniedException", 403)
    admin = visitor.server.client()
    arn = admin.get_environment(Name=visitor.name)["Environment"]["Arn"]
    admin.tag_resource(ResourceArn=arn, Tags={"team": "a"})
    visitor.server.cells.answer = CellResponse(200, "application/json", json.dumps(RAN).encode())
    token, secret = visitor.token("cli", client), secret_of(visitor.login(visitor.token(client=client)))
    assert cli(visitor, token).status_code == 200
    assert visitor.send("GET", "/api/v2/dags", secret).status_code == 200
    admin.untag_resource(ResourceArn=arn, tagKeys=["team"])
    assert cli(visitor, token).status_code == 403
    assert visitor.send("GET", "/api/v2/dags", secret).status_code == 401


def test_token_expires_is_signed_and_of_one_kind(visitor, tmp_path):
    now, keys = 1000.0, open_vault(tmp_path / "master.key").derive(PURPOSE)
    grant = Grant("cli", "id", "uid", "AKIA", "Admin", now + tokens.LIFETIME)
    token = tokens.sign(grant, keys[0])
    assert tokens.read(token, "cli", keys, now + 59.9) == grant
    forged = tokens.sign(replace(grant, role="Op"), b"x" * 32)
    for bad, at in (
        (token, now + 60),
        (token[:-2] + "AA", now),
        (forged, now),
        ("", now),
        ("a.b", now),
        ("é.é", now),
    ):
        with pytest.raises(tokens.BadToken):
            tokens.read(bad, "cli", keys, at)
    with pytest.raises(tokens.BadToken):
        tokens.read(token, "web", keys, now)
    assert open_vault(tmp_path / "master.key").derive("else") != keys
    assert visitor.login(visitor.token("cli")).status_code == 403
    assert cli(visitor, visitor.token("web")).status_code == 403


# ---- the CLI endpoint


def test_cli_answer_is_exactly_two_texts_in_base64(visitor):
    visitor.server.cells.answer = CellResponse(200, "application/json", json.dumps(RAN).encode())
    answer = cli(visitor, command="dags list -o json")
    assert answer.status_code == 200 and answer.headers["x-aerodrome-exit-code"] == "3"
    body = ast.literal_eval(answer.text)
    assert body.keys() == {"stdout", "stderr"}
    assert base64.b64decode(body["stdout"]).decode() == "hé\n" and body["stderr"] == ""
    name, asked = visitor.server.cells.asked[-1]
    assert (name, asked.path, json.loads(asked.body)) == (
        visitor.name,
        "/cli",
        {"command": "dags list -o json"},
    )
    token = visitor.token("cli")
    assert [cli(visitor, token).status_code for _ in range(3)] == [200, 200, 200]


def test_cli_command_with_a_nul_is_the_callers_mistake(visitor):
    answer = cli(visitor, command="dags list\0")
    assert (answer.status_code, answer.headers["X-Aerodrome-Exit-Code"]) == (400, "2")
    assert b"no NUL" in base64.b64decode(answer.json()["stderr"])


def test_cli_takes_requests_in_absolute_form(visitor):
    visitor.server.cells.answer = CellResponse(200, "application/json", json.dumps(RAN).encode())
    head = (
        f"POST https://localhost:8443/aws_mwaa/cli HTTP/1.1\r\nHost: localhost:8443\r\nContent-Length: 7\r\n"
        f"Authorization: Bearer {visitor.token('cli')}\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    )
    answer = visitor.server.raw(head.encode() + b"version")
    assert answer.startswith(b"HTTP/1.1 200 ") and b'"stdout"' in answer


def test_cli_refuses_bad_tokens_and_waits_for_nobody_who_is_gone(visitor):
    for header in ("Bearer x.y", "Basic abc", ""):
        assert visitor.send("POST", "/aws_mwaa/cli", headers={"Authorization": header}).status_code == 403
    assert visitor.send("POST", "/aws_mwaa/cli").status_code == 403
    token = visitor.token("cli")
    visitor.server.cells.answer = CellUnreachable(503, "nobody listens")
    assert cli(visitor, token).status_code == 503
    other = Visitor(visitor.server, visitor.name, f"{visitor.name}.web.localhost:8443")
    visitor.server.cells.answer = CellResponse(200, "application/json", json.dumps(RAN).encode())
    assert cli(other, token).status_code == 200
    assert cli(Visitor(visitor.server, "x", "another.web.localhost"), token).status_code == 403


def test_commands_wait_their_turn_instead_of_failing(visitor, monkeypatch):
    gate, running, most, lock = threading.Event(), [0], [0], threading.Lock()

    def slow(*_):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            if running[0] == 4:
                gate.set()
        gate.wait(10)
        with lock:
            running[0] -= 1
        return CellResponse(200, "application/json", json.dumps(RAN).encode())

    monkeypatch.setattr(visitor.server.cells, "call", slow)
    token = visitor.token("cli")
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: cli(visitor, token).status_code, range(20)))
    assert found == [200] * 20 and most[0] == 4


# ---- signing in


@pytest.mark.parametrize("path", ["/aws_mwaa/login", "/pluginsv2/aws_mwaa/login"])
def test_login_answers_200_with_both_cookies_and_their_flags(visitor, path):
    answer = visitor.login(path=path)
    assert answer.status_code == 200 and not answer.history
    cookies = [value for name, value in answer.headers.multi_items() if name == "set-cookie"]
    assert {cookie.partition("=")[0] for cookie in cookies} == {"session", "_token", "__Host-session"}
    for cookie in cookies:
        assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=43200"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


def test_login_token_is_good_once_among_a_hundred_at_once(visitor):
    token = visitor.token()
    with ThreadPoolExecutor(20) as pool:
        found = sorted(pool.map(lambda _: visitor.login(token).status_code, range(100)))
    assert found == [200] + [403] * 99


def test_session_id_is_new_at_every_login_and_never_the_clients(visitor):
    chosen = "chosen-by-somebody-else"
    first = secret_of(visitor.login(headers={"Cookie": f"session={chosen}; _token={chosen}"}))
    second = secret_of(visitor.login(headers={"Cookie": f"session={first}"}))
    assert len({chosen, first, second}) == 3
    assert visitor.send("GET", "/api/v2/dags", chosen).status_code == 401
    assert visitor.send("GET", "/api/v2/dags", first).status_code == 401
    assert visitor.send("GET", "/api/v2/dags", second).status_code == 200
    tossed = {"Cookie": f"session={chosen}; __Host-session={second}"}
    assert visitor.send("GET", "/api/v2/dags", headers=tossed).status_code == 200


def test_session_is_kept_as_a_hash_and_ends_after_an_hour_unused_or_twelve(visitor):
    secret = visitor.sign_in()
    with visitor.server.db.begin() as conn:
        from control_plane.store import web_sessions

        row = web_sessions.find(conn, web_sessions.hash_id(secret))
        assert row.expires_at - row.created_at == 12 * 3600 and secret not in repr(row)
        web_sessions.put_seen(conn, row.id_hash, row.created_at - 3601)
    assert visitor.send("GET", "/api/v2/dags", secret).status_code == 401
    late = visitor.sign_in()
    with visitor.server.db.begin() as conn:
        web_sessions.delete_session(conn, web_sessions.hash_id(late))
        web_sessions.insert_session(
            conn, replace(row, id_hash=web_sessions.hash_id(late), expires_at=row.created_at)
        )
    assert visitor.send("GET", "/api/v2/dags", late).status_code == 401


def test_session_ends_with_logout_key_policy_and_environment(visitor):
    iam = visitor.server.client("iam")
    allow = {"Action": "airflow:CreateWebLoginToken", "Resource": "*"}
    client = user_with(visitor.server, "leaver", allow)
    key = iam.list_access_keys(UserName="leaver")["AccessKeyMetadata"][0]["AccessKeyId"]

    def signed_in() -> str:
        secret = secret_of(visitor.login(visitor.token(client=client)))
        assert visitor.send("GET", "/api/v2/dags", secret).status_code == 200
        return secret

    def is_over(secret: str) -> bool:
        return visitor.send("GET", "/api/v2/dags", secret).status_code == 401

    secret = signed_in()
    form, browser = {"csrf_token": csrf_token(secret)}, {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert visitor.send("POST", "/aws_mwaa/logout", secret, headers=browser).status_code == 403
    assert visitor.send("POST", "/aws_mwaa/logout", secret, headers=browser, data=form).status_code == 303
    assert is_over(secret)
    secret = signed_in()
    iam.update_access_key(UserName="leaver", AccessKeyId=key, Status="Inactive")
    assert is_over(secret)
    iam.update_access_key(UserName="leaver", AccessKeyId=key, Status="Active")
    secret = signed_in()
    iam.delete_user_policy(UserName="leaver", PolicyName="p")
    assert is_over(secret)
    secret = visitor.sign_in()
    visitor.server.set_status(visitor.name, Status.DELETING)
    assert visitor.send("GET", "/api/v2/dags", secret).status_code == 503
    with visitor.server.db.begin() as conn:
        environments.delete(conn, visitor.name)
    assert is_over(secret)


def test_session_of_one_environment_is_nothing_to_another(visitor):
    make(visitor.server, "Other_One")
    secret = visitor.sign_in()
    with visitor.server.db.read() as conn:
        uid, own = environments.get(conn, "Other_One").uid, environments.get(conn, visitor.name).uid
    for host, status in (
        (f"{visitor.name}.web.localhost:8443", 200),
        (f"{visitor.name.upper()}.WEB.example.org", 200),
        (f"0-{own}.web.localhost", 200),
        (f"0-{uid}.web.localhost:8443", 401),
        ("other_one.web.localhost", 401),
        ("nobody.web.localhost", 401),
    ):
        answer = Visitor(visitor.server, visitor.name, host).send("GET", "/api/v2/dags", secret)
        assert (host, answer.status_code) == (host, status)


# ---- forgeries


def test_every_write_by_cookie_is_refused_when_it_is_forged(visitor):
    secret = visitor.sign_in()
    good, host = csrf_token(secret), visitor.host
    visitor.server.cells.asked.clear()
    forgeries = (
        {"Origin": "https://evil.example", "X-CSRF-Token": good},
        {"Origin": f"https://{host}"},
        {"Origin": f"https://{host}", "X-CSRF-Token": "0" * 64},
        {"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": good},
        {"Sec-Fetch-Site": "same-site", "X-CSRF-Token": good},
        {"Origin": "null", "X-CSRF-Token": good},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Origin": f"https://{host}.evil.example", "X-CSRF-Token": good},
    )
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        for headers in forgeries:
            answer = visitor.send(method, "/api/v2/dags/d", secret, headers=headers, content=b"{}")
            assert (method, headers, answer.status_code) == (method, headers, 403)
    assert not visitor.server.cells.asked
    for headers in (
        {"Origin": f"https://{host}", "X-CSRF-Token": good, "Sec-Fetch-Site": "same-origin"},
        {"Content-Type": "application/json"},
    ):
        assert visitor.send("POST", "/api/v2/x", secret, headers=headers, content=b"{}").status_code == 200
    bearer = {"Authorization": f"Bearer {secret}"}
    assert visitor.send("DELETE", "/api/v2/x", headers=bearer).status_code == 200
    assert (
        visitor.send(
            "POST", "/aws_mwaa/logout", secret, headers={"Origin": "https://evil.example"}
        ).status_code
        == 403
    )
    assert visitor.send("GET", "/api/v2/dags", secret).status_code == 200


def test_nobody_is_signed_in_by_a_page_of_another_site(visitor):
    token = visitor.token()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert visitor.login(token, headers=headers).status_code == 403
    spoofed = {
        "X-Forwarded-Host": "evil.example",
        "Origin": "https://evil.example",
        "Forwarded": "host=evil.example",
    }
    assert visitor.login(token, headers=spoofed).status_code == 403
    form = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}  # a browser's, from a page without a referrer
    answer = visitor.send(
        "POST", "/aws_mwaa/login", headers=form, data={"token": token, "page": "//evil.example"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_nothing_is_changed_by_get(visitor):
    secret = visitor.sign_in()
    for path in ("/aws_mwaa/logout", "/aws_mwaa/login", "/pluginsv2/aws_mwaa/login", "/aws_mwaa/cli"):
        assert visitor.send("GET", path, secret).status_code == 404
    assert visitor.send("GET", "/aws_mwaa/session", secret).status_code == 200


# ---- the REST API


def test_rest_api_is_handed_on_with_user_role_and_raw_path(visitor):
    secret = visitor.sign_in()
    visitor.server.cells.answer = CellResponse(409, "application/json", b'{"detail":"no"}')
    path = "/api/v2/dags/a%2Fb/dagRuns/manual__2026-01-01T00:00:00+00:00"
    answer = visitor.send("GET", f"{path}?limit=1&x=a%20b", secret, content=b"{}")
    assert (answer.status_code, answer.json()) == (409, {"detail": "no"})
    name, asked = visitor.server.cells.asked[-1]
    assert (name, asked.path, asked.query) == (visitor.name, path, "limit=1&x=a%20b")
    assert (asked.user, asked.role) == ("admin", "Admin")
    for cookie in ("session", "_token", "__Host-session"):
        assert visitor.send("GET", path, headers={"Cookie": f"{cookie}={secret}"}).status_code == 409
    assert (
        visitor.send("GET", "/api/v1/dags", headers={"Authorization": f"Bearer {secret}"}).status_code == 409
    )


def test_cells_private_paths_are_out_of_reach(visitor):
    secret = visitor.sign_in()
    visitor.server.cells.asked.clear()
    for path in (
        "/api/v2/../../cli",
        "/api/v2/%2e%2e/%2e%2e/cli",
        "/api/v2/..%2f..%2fmetrics",
        "/api/v2/%252e%252e/x",
    ):
        raw = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: session={secret}\r\nConnection: close\r\n\r\n"
        )
        assert visitor.server.raw(raw.encode()).split()[1] == b"400"
    assert visitor.send("GET", "/healthz", secret).status_code == 404
    assert not visitor.server.cells.asked


# ---- pages and traces


def test_pages_are_plain_escaped_and_locked_down(visitor):
    secret = visitor.sign_in()
    for path in (
        "/",
        "/aws_mwaa/aws-console-sso?login=true",
        "/pluginsv2/aws_mwaa/aws-console-sso",
        "/aws_mwaa/sign_in.js",
    ):
        answer = visitor.send("GET", path)
        assert answer.status_code == 200
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == (
            "no-store",
            "nosniff",
        )
        assert answer.headers["referrer-policy"] == "no-referrer"
    landing = visitor.send("GET", "/", secret).text
    assert f"<h1>{visitor.name}</h1>" in landing and csrf_token(secret) in landing and "{{" not in landing
    session = visitor.send("GET", "/aws_mwaa/session", secret).json()
    assert (session["environment"], session["role"], session["user"]) == (visitor.name, "Admin", "admin")
    assert visitor.send("GET", "/aws_mwaa/session").status_code == 401


def test_no_token_or_session_is_ever_written_down(visitor, caplog):
    def ours(record):
        return record.name.startswith(("control_plane", "uvicorn", "aerodrome"))

    caplog.set_level("DEBUG")
    visitor.server.cells.answer = CellResponse(200, "application/json", json.dumps(RAN).encode())
    web, command = visitor.token(), visitor.token("cli")
    secret = secret_of(visitor.login(web))
    cli(visitor, command, "variables set k canary")
    visitor.send("POST", "/api/v2/variables", secret, json={"value": "canary"})
    visitor.login("canary." + web)
    with visitor.server.db.read() as conn:
        rows = [entry for _, entry in audit.list_page(conn, 0, 10_000)]
    written = repr(rows) + "".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records if ours(record)
    )
    for known in (web, command, secret, "canary", web.partition(".")[2]):
        assert known not in written
    actions = [row.action for row in rows if visitor.name in row.resource]
    for action in ("Login", "RunCliCommand", "RestApi"):
        assert f"aerodrome:{action}" in actions
    assert {"airflow:CreateCliToken", "airflow:CreateWebLoginToken"} <= set(actions)


def test_own_hosts_are_given_out_when_there_is_a_domain():
    from control_plane.domain.web_hosts import make_host

    uid = "a" * 32
    assert make_host("localhost:8443", None, "my-env", uid) == "localhost:8443"
    assert make_host("localhost:8443", "example.org", "my-env", uid) == "my-env.web.example.org:8443"
    assert make_host("localhost:8443", "example.org:443", "My_env", uid) == f"0-{uid}.web.example.org"
