"""The CLI of a cell: commands, the texts of both generations, argparse's manners, and roles."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
import yaml

from runner.api.cli.connections import make_uri, read_uri
from runner.api.cli.printing import render
from runner.api.cli.shell import find_route
from runner.api.cli.tree import COMMANDS, REFUSED, find_refusal

BUNDLE = "b" * 64


@dataclass
class Terminal:
    """Runs command lines as a role, and keeps the last answer."""

    cell: object
    role: str = "Admin"
    last: dict = field(default_factory=dict)

    def __call__(self, line: str, code: int = 0) -> str:
        answer = self.cell.http.post(
            "/cli",
            json={"command": line},
            headers={
                "Authorization": "Bearer token",
                "X-Aerodrome-User": "ann",
                "X-Aerodrome-Role": self.role,
            },
        )
        assert answer.status_code == 200, answer.text
        self.last = answer.json()
        assert self.last["exit_code"] == code, self.last
        return self.last["stdout"]

    @property
    def err(self) -> str:
        return self.last["stderr"]


@pytest.fixture
def new(demo):
    return Terminal(demo)


@pytest.fixture
def old(old_demo):
    return Terminal(old_demo)


def test_dags_and_runs_have_the_columns_of_their_generation(new):
    (dag,) = json.loads(new("dags list -o json"))
    assert list(dag) == ["dag_id", "fileloc", "owners", "is_paused", "bundle_name", "bundle_version"]
    assert (dag["fileloc"], dag["is_paused"]) == ("/usr/local/airflow/dags/demo.py", "False")
    assert list(json.loads(new("dags list --columns dag_id,nope -o json"))[0]) == ["dag_id"]
    assert "['nope']" in new.err
    (run,) = json.loads(new("dags list-runs demo -o json"))
    assert list(run) == ["dag_id", "run_id", "state", "run_after", "logical_date", "start_date", "end_date"]
    assert (run["run_id"], run["state"], run["logical_date"][-6:]) == ("r1", "failed", "+00:00")
    assert new("dags list-runs demo --state success -o table") == "No data found\n"
    assert new("tasks list demo") == "a\nb\nc\n"
    assert new("version") == "3.3.1\n"


def test_older_environments_answer_as_their_airflow_did(old):
    (run,) = json.loads(old("dags list-runs -o json -d demo"))  # sqlmesh's own words
    assert list(run) == ["dag_id", "run_id", "state", "execution_date", "start_date", "end_date"]
    (made,) = json.loads(old("""dags trigger demo -r mine --conf '{"a": 1}' -o json"""))
    assert (made["external_trigger"], made["dag_run_id"], made["conf"]) == ("True", "mine", {"a": "1"})
    assert (made["state"], made["logical_date"]) == ("queued", "2026-05-28 20:26:40+00:00")
    assert list(json.loads(old("dags list -o json"))[0]) == ["dag_id", "fileloc", "owners", "is_paused"]


@pytest.mark.parametrize(
    ("version", "paused", "trigger"),
    [
        ("2.5.1", "Dag: demo, paused: False\n", "Created <DagRun demo @ "),
        ("2.8.1", "Dag: demo, paused: False\n", "conf  dag_id"),
        ("2.10.3", "dag_id | is_paused", "conf  dag_id"),
        ("3.3.1", "dag_id | is_paused", "conf  dag_id"),
    ],
)
def test_texts_that_scripts_match_are_those_of_the_version(tmp_path, version, paused, trigger):
    from tests.unit.runner.api.conftest import put_demo, serve

    with serve(tmp_path, f"sqlite:///{tmp_path / 'metadata.db'}", version) as made:
        run = Terminal(put_demo(made))
        run("dags pause demo")
        assert run("dags unpause demo").startswith(paused)
        assert run("dags trigger demo" + " -o plain" * trigger.startswith("conf")).startswith(trigger)


def test_misuse_is_answered_as_argparse_does(new):
    assert "usage: airflow dags trigger" in new("dags trigger", 2)
    assert new.err.endswith("error: the following arguments are required: dag_id, see help above.\n")
    assert "GROUP_OR_COMMAND" in new("frobnicate", 2)
    assert "invalid choice: 'frobnicate'" in new.err
    new("dags list -o csv", 2)
    assert "argument -o/--output: invalid choice: 'csv'" in new.err
    new("", 2)
    assert "required: GROUP_OR_COMMAND" in new.err
    assert new.last["status"] == 200
    for line in ("--help", "dags -h", "dags list --help"):
        assert new(line).startswith("usage: airflow") and not new.err
    new("dags trigger 'demo", 2)
    assert (new.last["status"], new.last["name"]) == (400, "unreadable")
    assert not new("dags trigger demo; touch /tmp/x", 2)[:0]
    assert "unrecognized arguments" in new.err


def test_commands_that_mwaa_does_not_run_are_refused_with_words(new):
    for line in ("users list", "db reset -y", "connections export x", "airflow webserver", "dags test demo"):
        assert new(line, 2) == ""
        assert (new.last["status"], new.last["name"]) == (400, "refused")
        assert new.err.startswith(
            f"cannot run `airflow {' '.join(line.removeprefix('airflow ').split()[:1])}"
        )
    assert not {command.name for command in COMMANDS} & set(REFUSED)
    assert find_refusal(["dags", "list"]) is None


def test_role_decides_by_the_table_of_the_rest_api(demo):
    for command in COMMANDS:
        find_route(*command.route)
    viewer, user, op = (Terminal(demo, role) for role in ("Viewer", "User", "Op"))
    viewer("dags list")
    assert viewer("dags trigger demo", 1) == ""
    assert "needs the Airflow role User, and this token has Viewer" in viewer.err
    user("dags trigger demo")
    user("variables set a b", 1)
    assert "needs the Airflow role Op" in user.err
    op("variables set a b")
    Terminal(demo, "Public")("version")
    Terminal(demo, "nonsense")("dags list", 1)


def test_secrets_are_shown_to_administrators_only(demo):
    admin, op = Terminal(demo), Terminal(demo, "Op")
    assert admin("variables set api_password canary --description x") == "Variable api_password created\n"
    assert admin("variables get api_password") == "canary\n"
    assert op("variables get api_password") == "***\n"
    said = admin("connections add db --conn-uri 'my-sql://u:canary@h:3306/s?a=1'")
    assert "canary" not in said and said.startswith("Successfully added `conn_id`=db : my-sql://u:***@h:3306")
    (shown,) = json.loads(admin("connections get db -o json"))
    assert (shown["conn_type"], shown["password"], shown["extra_dejson"]) == ("my_sql", "canary", {"a": "1"})
    for line in ("connections get db -o json", "connections list -o yaml", "variables export -"):
        assert "canary" in admin(line) and "canary" not in op(line)


def test_variables_come_from_and_go_to_files_there_are(new):
    root = new.cell.context.layout.bundle(BUNDLE)
    (root / "vars.json").write_text(
        json.dumps({"a": "1", "b": {"x": [1]}, "c": {"value": "v", "description": "d"}})
    )
    (root.parent / "outside.json").write_text("{}")
    (root / "link.json").symlink_to(root.parent / "outside.json")
    assert (
        new("variables import /usr/local/airflow/dags/vars.json")
        == "3 of 3 variables successfully updated.\n"
    )
    assert json.loads(new("variables export -")) == {
        "a": 1,
        "b": {"x": [1]},
        "c": {"value": "v", "description": "d"},
    }
    new("variables import vars.json -a fail", 1)
    assert "already exists" in new.err
    for name in ("../outside.json", "link.json", "/etc/passwd", "nope.json"):
        new(f"variables import {name}", 1)
        assert new.err.startswith("Missing variables file")
    new("variables export /tmp/x.json", 1)
    assert "can only write to stdout" in new.err
    assert new("variables delete nope") == "Variable nope deleted\n"
    new("variables get nope", 1)
    assert new.err == "Variable nope does not exist\n"


def test_pools_and_connections_live_and_die(new):
    assert new("pools set p 3 'a pool' --include-deferred") == "Pool p created\n"
    assert new("pools set p 4 'a pool'") == "Pool p created\n"
    assert new("pools set default_pool 64 ''") == "Pool default_pool created\n"
    assert json.loads(new("pools get p -o json")) == [
        {"pool": "p", "slots": "4", "description": "a pool", "include_deferred": "False"}
    ]
    assert "default_pool  64" in new("pools list -o plain")
    assert new("pools delete p") == "Pool p deleted\n"
    new("pools get p", 1)
    assert new.err == "Pool p does not exist\n"
    new("connections add c --conn-type http --conn-host h --conn-port x", 2)
    new("connections add c --conn-type http --conn-host h")
    new("connections add c --conn-type http", 1)
    assert "already exists" in new.err
    assert new("connections delete c") == "Successfully deleted connection with `conn_id`=c\n"
    new("connections delete c", 1)


def test_import_errors_are_listed_and_counted_as_failure(new):
    from runner.store.dag_files import DagFile, put_dag_files

    with new.cell.context.db.begin() as conn:
        put_dag_files(conn, [DagFile("bad.py", "d", BUNDLE, 1.0, 0.1, error="Boom")])
    (row,) = json.loads(new("dags list-import-errors -o json", 1))
    assert (row["filepath"], row["error"]) == ("bad.py", "Boom")
    new("dags list")
    assert "Failed to load all files" in new.err


def test_formats_hold_texts_and_tables_have_airflows_lines():
    rows = [{"a": True, "b": None, "c": [1, "x"]}, {"a": 2, "b": "y", "c": []}]
    assert json.loads(render(rows, "json")) == [
        {"a": "True", "b": None, "c": ["1", "x"]},
        {"a": "2", "b": "y", "c": []},
    ]
    assert yaml.safe_load(render(rows, "yaml"))[0]["a"] == "True"
    lines = render(rows, "table").splitlines()
    assert [line.rstrip() for line in lines[:4]] == [
        "a    | b    | c",
        "=====+======+====",
        "True | None | 1,x",
        "2    | y    |",
    ]
    assert render(rows, "plain").splitlines()[0].split() == ["a", "b", "c"]
    assert render([], "table") == "No data found" and render([], "json") == "[]"


@pytest.mark.parametrize(
    "uri", ["http://h", "my-sql://u:p%40@h:1/s?a=b", "aws://", "x://u@h/s%2Fs?__extra__=%7B%22a%22%3A+1%7D"]
)
def test_uri_means_the_same_when_it_is_written_again(uri):
    members = read_uri(uri)
    assert read_uri(make_uri(members)) == members


def test_event_log_has_what_was_done_by_whom(new):
    new("dags pause demo")
    events = new.cell.call("GET", "/eventLogs?order_by=-event_log_id").json()["event_logs"]
    assert (events[0]["event"], events[0]["owner"]) == ("patch_dag", "ann")
