"""Packages, plugins, startup script and options of an environment, changed while its tasks run: nobody is harmed."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.customer import BUCKET, Customer
from tests.e2e.conftest import Stopwatch
from tests.running import RunningService, until
from tests.wheels import make_wheel

pytestmark = pytest.mark.timeout(600)

STARTUP = """
echo "starting as $MWAA_AIRFLOW_COMPONENT"
export GREETING="hello $MWAA_AIRFLOW_COMPONENT"
export AWS_REGION=nowhere
"""
REQUIREMENTS = "--find-links /usr/local/airflow/plugins\n--no-index\ntoy=={version}\n"
PLUGIN = """
from airflow.plugins_manager import AirflowPlugin

def shout(text):
    return text.upper() + '!'

class Shouting(AirflowPlugin):
    name = 'shouting'
    macros = [shout]
"""
LIBRARY = """
import os
from airflow.models import Variable
from airflow.secrets import BaseSecretsBackend
from airflow.triggers.base import BaseTrigger, TriggerEvent

class Look(BaseTrigger):
    def serialize(self):
        return 'library.Look', {}

    async def run(self):
        word = Variable.get('word', default_var='none')
        yield TriggerEvent(f"{os.environ.get('GREETING')} {word}")

class Vault(BaseSecretsBackend):
    def __init__(self, name):
        self.name = name

    def get_variable(self, key, **_):
        return f'{key} of {self.name}' if key == 'word' else None

    def get_conn_value(self, conn_id, **_):
        return 'http://someone:hush-hush@example.org' if conn_id == 'kept' else None
"""
DAG = """
import os
from datetime import datetime
from pathlib import Path

import toy
from library import Look
from airflow import DAG
from airflow.configuration import conf
from airflow.decorators import task
from airflow.exceptions import AirflowNotFoundException
from airflow.hooks.base import BaseHook
from airflow.models import Variable
from airflow.models.baseoperator import BaseOperator
from airflow.operators.bash import BashOperator

def login():
    try:
        return BaseHook.get_connection('kept').login
    except AirflowNotFoundException:
        return None

class Wait(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Look(), method_name='go_on')

    def go_on(self, context, event):
        return event

with DAG('seen', schedule=None, start_date=datetime(2024, 1, 1), is_paused_upon_creation=False,
         description=f"{os.environ['GREETING']} toy {toy.VERSION} {Variable.get('word', default_var='none')}") as dag:
    @task
    def look():
        home = Path(os.environ['AIRFLOW_HOME'])
        return {
            'toy': toy.VERSION, 'greeting': os.environ['GREETING'], 'region': os.environ['AWS_REGION'],
            'word': Variable.get('word', default_var='none'), 'login': login(),
            'option': conf.get('core', 'my_option', fallback=''), 'dags': (home / 'dags' / 'seen.py').is_file(),
            'plugins': (home / 'plugins' / 'shouting.py').is_file(),
        }
    look()
    Wait(task_id='wait')
    BashOperator(task_id='shout', bash_command="echo {{ macros.shouting.shout('quiet') }}")

with DAG('long', schedule=None, start_date=datetime(2024, 1, 1), is_paused_upon_creation=False, max_active_tasks=64):
    @task
    def hold(number):
        import time
        before = toy.VERSION
        while not Path('@GO@').exists():
            time.sleep(0.05)
        from toy import later
        return [before, later.VERSION]
    hold.expand(number=list(range(20)))

with DAG('short', schedule=None, start_date=datetime(2024, 1, 1), is_paused_upon_creation=False, max_active_runs=99):
    @task
    def quick():
        return toy.VERSION
    quick()
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    root = tmp_path_factory.mktemp("living")
    service = RunningService(root / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    try:
        service.up("--follow-interval", "0.3")
        service.client("s3").create_bucket(Bucket=BUCKET)
        yield service
    finally:
        service.close()


def plugins_zip(tmp_path: Path, *versions: str, **more: str) -> bytes:
    """The plugin, and wheels of `toy` in these versions."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("shouting.py", PLUGIN)
        archive.writestr("library.py", LIBRARY)
        for version in versions:
            code = f"VERSION = {version!r}\n"
            wheel = make_wheel(tmp_path, "toy", version, {"toy/__init__.py": code, "toy/later.py": code})
            archive.write(wheel, wheel.name)
    return data.getvalue()


@pytest.fixture(scope="module")
def customer(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    folder = tmp_path_factory.mktemp("parts")
    customer = Customer(service, "living")
    customer.upload("dags/seen.py", DAG.replace("@GO@", str(service.home / "go")))
    customer.upload("plugins.zip", plugins_zip(folder, "1.0", "2.0"))
    customer.upload("startup.sh", STARTUP)
    customer.upload("requirements.txt", REQUIREMENTS.format(version="1.0"))
    customer.create(
        PluginsS3Path="plugins.zip",
        StartupScriptS3Path="startup.sh",
        RequirementsS3Path="requirements.txt",
        EnvironmentClass="mw1.large",
    )
    customer.wait_for_dags("seen", "long", "short")
    yield customer
    customer.delete()


def returned(customer: Customer, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
    return customer.rest("GET", path, map_index=map_index)["value"]


def last_update(customer: Customer) -> dict[str, Any]:
    found: dict[str, Any] = customer.mwaa.get_environment(Name="living")["Environment"]
    return {"Status": found["Status"], **{f"Last{key}": value for key, value in found["LastUpdate"].items()}}


def ask_code(customer: Customer) -> dict[str, Any]:
    """GET /environments/living/code, which no client knows of."""
    env = customer.service.env()
    url = f"{env['AWS_ENDPOINT_URL_MWAA']}/environments/living/code"
    request = AWSRequest("GET", url)
    keys = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(keys, "airflow", env["AWS_DEFAULT_REGION"]).add_auth(request)
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(request.headers))) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def revision(customer: Customer) -> int:
    (entry,) = [e for e in customer.service.status()["environments"] if e["name"] == "living"]
    return int(entry["health"]["revision"])


def test_plugins_exports_and_packages_are_seen_by_parse_task_and_trigger(customer: Customer) -> None:
    assert customer.rest("GET", "/dags/seen")["description"] == "hello scheduler toy 1.0 none"
    customer.trigger("seen", "first")
    customer.wait_for_run("seen", "first")
    seen = returned(customer, "seen", "first", "look")
    assert seen == {
        "toy": "1.0", "greeting": "hello worker", "region": "us-east-1", "option": "", "word": "none", "login": None,
        "dags": True, "plugins": True,
    }  # fmt: skip
    assert returned(customer, "seen", "first", "wait") == "hello scheduler none"
    assert returned(customer, "seen", "first", "shout") == "QUIET!"
    log = customer.read_parts("Worker/startup_script_execution.log").decode()
    assert log.splitlines() == [
        "starting as worker", "AWS_REGION is the service's own: what the script set is ignored",
    ]  # fmt: skip


def test_new_options_and_packages_are_for_new_tasks_and_running_ones_finish_on_the_old(
    customer: Customer, stopwatch: Stopwatch
) -> None:
    def running() -> list[dict[str, Any]]:
        found = customer.rest("GET", "/dags/long/dagRuns/r/taskInstances", limit=100)["task_instances"]
        return [task for task in found if task["state"] == "running"]

    customer.trigger("long", "r")
    until(lambda: len(running()) == 20, 60, "twenty tasks run")
    pids = {role: customer.pid(role) for role in ("engine", "agent")}
    with stopwatch("an option changed, 20 tasks running"):
        customer.mwaa.update_environment(Name="living", AirflowConfigurationOptions={"core.my_option": "new"})
        until(lambda: last_update(customer)["Status"] == "AVAILABLE", 30, "the option is in force")
    customer.trigger("seen", "option")
    customer.wait_for_run("seen", "option")
    assert returned(customer, "seen", "option", "look")["option"] == "new"

    customer.upload("requirements.txt", REQUIREMENTS.format(version="2.0"))
    started = 0
    with stopwatch("newer requirements in force"):
        while "the newest is in force" not in last_update(customer).get("LastSource", ""):
            assert last_update(customer)["Status"] == "AVAILABLE"
            customer.trigger("short", f"s{started}")
            started += 1
            time.sleep(0.1)
    until(lambda: "toy 2.0" in customer.rest("GET", "/dags/seen")["description"], 30, "it is parsed again")
    customer.trigger("seen", "second")
    customer.wait_for_run("seen", "second")
    assert returned(customer, "seen", "second", "look")["toy"] == "2.0"
    for number in range(started):
        customer.wait_for_run("short", f"s{number}")
    assert {returned(customer, "short", f"s{number}", "quick") for number in range(started)} <= {"1.0", "2.0"}
    assert len(running()) == 20
    (customer.service.home / "go").touch()
    customer.wait_for_run("long", "r")
    assert {tuple(returned(customer, "long", "r", "hold", n)) for n in range(20)} == {("1.0", "1.0")}
    assert {role: customer.pid(role) for role in ("engine", "agent")} == pids, "nothing was restarted"


def test_requirements_and_plugins_that_are_broken_leave_all_as_it_was(customer: Customer) -> None:
    before = revision(customer)
    customer.upload("requirements.txt", REQUIREMENTS.format(version="9.9"))
    until(lambda: last_update(customer)["LastStatus"] == "FAILED", 60, "the failure is told")
    found = last_update(customer)
    assert found["Status"] == "AVAILABLE"
    assert "toy==9.9" in found["LastError"]["ErrorMessage"]
    code = ask_code(customer)["Code"]["RequirementsS3Path"]
    assert code["Applied"]["ETag"] != code["Newest"]["ETag"]
    assert not code["UpToDate"]
    assert "toy==9.9" in code["Refused"]
    (entry,) = [e for e in customer.service.status()["environments"] if e["name"] == "living"]
    assert entry["code"]["Code"]["RequirementsS3Path"] == code
    customer.upload("requirements.txt", REQUIREMENTS.format(version="2.0"))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("../../outside.py", "")
    customer.upload("plugins.zip", data.getvalue())
    until(lambda: "outside.py" in str(last_update(customer).get("LastError")), 60, "the archive is refused")
    assert last_update(customer)["Status"] == "AVAILABLE"
    assert revision(customer) == before
    customer.trigger("seen", "third")
    customer.wait_for_run("seen", "third")
    assert returned(customer, "seen", "third", "look")["toy"] == "2.0"


def test_a_secrets_backend_of_plugins_zip_answers_parse_task_and_trigger_as_soon_as_it_is_named(
    customer: Customer,
) -> None:
    options = {
        "secrets.backend": "library.Vault",
        "secrets.backend_kwargs": json.dumps({"name": "the vault"}),
    }
    customer.mwaa.update_environment(Name="living", AirflowConfigurationOptions=options)
    until(
        lambda: "word of the vault" in customer.rest("GET", "/dags/seen")["description"],
        60,
        "it is parsed again",
    )
    customer.trigger("seen", "vault")
    customer.wait_for_run("seen", "vault")
    seen = returned(customer, "seen", "vault", "look")
    assert (seen["word"], seen["login"], seen["option"]) == ("word of the vault", "someone", "")
    assert returned(customer, "seen", "vault", "wait") == "hello scheduler word of the vault"
