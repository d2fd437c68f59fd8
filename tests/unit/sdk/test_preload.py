"""What zygotes hold ready: the base what all tasks need and no more, a file's what its own tasks need besides."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow._task.preload import needs_jinja

from .conftest import Bundle

HEAD = """
from airflow import DAG
from airflow.decorators import task
from airflow.notifications.basenotifier import BaseNotifier
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator
from airflow.utils.template import literal
class Inner:
    template_fields = ("text",)
    def __init__(self, text): self.text = text
class Note(BaseNotifier):
    template_fields = ("text",)
    def __init__(self, text): self.text = text
    def notify(self, context): pass
class Closed(Note):
    text = property(lambda self: 1 / 0)
    def __init__(self): pass
def work(*args, **kwargs): pass
def call(*args, **options): PythonOperator(task_id="t", python_callable=work, op_args=args, **options)
def bash(command): BashOperator(task_id="t", bash_command=command)
"""

NEEDS_JINJA = {
    "call(1, 'text', None)": False,
    "call('{{ ds }} {{ run_id }}')": False,
    "call('{{ ti }}')": True,
    "call('{{ ds + 1 }}')": True,
    "call({'a': [('{% if 1 %}x{% endif %}',)]})": True,
    "call(Inner('{{ params.x }}'))": True,
    "call(literal('{{ params.x }}'))": False,
    "call(on_failure_callback=Note('{{ ds }}'))": False,
    "call(on_failure_callback=[Note('{{ ti.task_id }}')])": True,
    "call('query.sql', templates_exts=['.sql'])": True,
    "bash('echo {{ ds }}')": False,
    "bash('run.sh')": True,
    "bash('run.sh ')": False,
    "task(work)().operator.task_id": False,
    "task.bash(work)()": True,
    "PythonOperator.partial(task_id='t', python_callable=work).expand(op_args=[['a'], ['b']])": False,
    "PythonOperator.partial(task_id='t', python_callable=work).expand(op_args=[['{{ ti.x }}']])": True,
    "BashOperator.partial(task_id='t', env={'A': '{{ ti.x }}'}).expand(bash_command=['a'])": True,
    "BashOperator.partial(task_id='t').expand_kwargs([{'bash_command': 'run.sh'}])": True,
    "call(on_failure_callback=Closed())": True,
}


@pytest.mark.parametrize("source", NEEDS_JINJA)
def test_need_of_jinja_when_a_task_is_looked_at(bundle: Bundle, source: str) -> None:
    dags = bundle.load(f"{HEAD}with DAG('d', schedule=None):\n    {source}")
    (task,) = dags["d"].tasks
    assert needs_jinja(task) is NEEDS_JINJA[source]


@pytest.mark.parametrize(
    "option", ["render_template_as_native_obj=True", "jinja_environment_kwargs={'trim_blocks': True}"]
)
def test_need_of_jinja_when_the_dag_has_all_texts_rendered(bundle: Bundle, option: str) -> None:
    dags = bundle.load(f"{HEAD}with DAG('d', schedule=None, {option}):\n    call('text')")
    assert needs_jinja(dags["d"].get_task("t"))


# ---- zygotes ------------------------------------------------------------------------------------------------

HEAVY = (
    "jinja2", "markupsafe", "pickle", "tempfile", "shutil", "random", "hashlib", "_hashlib", "ssl", "subprocess",
    "argparse", "uuid", "platform", "base64", "lzma", "bz2", "airflow.operators.bash", "airflow._task.local",
    "airflow._task.parse", "airflow._names.options", "asyncio", "email", "zipfile", "importlib.metadata",
)  # fmt: skip

ZYGOTES = """
import json, os, socket, sys
from airflow._task import child, zygote
from airflow._task.execute import execute
from airflow._task.local_comms import LocalComms, manual_run
from airflow._wire.workload import Workload
from airflow.utils.timezone import utc_epoch

folder, heavy, *files = sys.argv[1:]
rehearsal = child.import_runtime("test")
known = {"base": [name for name in heavy.split(",") if name in sys.modules]}

def serve(zygote):
    before = set(sys.modules)
    comms = LocalComms("run", {})
    facts = manual_run(utc_epoch(), {})
    workload = Workload("a", "d", "run", "t", 1, 1, "b", "f.py", facts)
    (dag,) = (module.dag for name, module in sys.modules.items() if name.startswith("dag_file_"))
    word = execute(workload, {"d": dag}, comms, {"log_here": True})
    new = sorted(set(sys.modules) - before)
    found = {"jinja": "jinja2" in before, "new": new, "state": word["state"], "xcoms": word["xcoms"]}
    os.write(answer, json.dumps(found).encode())

zygote.Zygote.serve = serve
for file in files:
    ours, theirs = socket.socketpair()
    answers, answer = os.pipe()
    if os.fork() == 0:
        zygote.run_file(theirs, folder, file, "test", rehearsal)
        os._exit(0)
    os.close(answer)
    os.wait()
    known[file] = json.loads(os.read(answers, 65536) or b"null")
print(json.dumps(known))
"""

FILES = {
    "plain": "def work(**context): return context['run_id']\ncall()",
    "dates": (
        "def work(ds, logical_date, macros):\n"
        "    later = logical_date.add(days=1).in_timezone('UTC').to_date_string()\n"
        "    return [ds, later, datetime.strptime(ds, '%Y-%m-%d').year, macros.ds_add(ds, 2)]\n"
        "call()"
    ),
    "words": "def work(logical_date): return logical_date.format('D MMM YYYY')\ncall()",
    "library": (  # beside a folder of the bundle that has the name of a module of the standard library
        "import uuid\ndef work(): return str(uuid.UUID(int=1))\ncall()"
    ),
    "inside": (
        "def work():\n"
        "    import hashlib\n"
        "    from tempfile import gettempdir\n"
        "    return hashlib.md5(b'').hexdigest()\n"
        "call()"
    ),
    "flow": (
        "from airflow.decorators import task\n"
        "@task(task_id='t')\n"
        "def work(given, ti=None):\n"
        "    ti.xcom_push('key', {'a': datetime(2024, 1, 1)})\n"
        "    return {'given': given}\n"
        "with dag: work('{{ ds }}')"
    ),
    "shell": (
        "from airflow.operators.bash import BashOperator\n"
        "BashOperator(task_id='t', bash_command='echo {{ macros.ds_add(ds, 1) }}', dag=dag)"
    ),
}
START = """
from datetime import datetime
from airflow import DAG
from airflow.operators.python import PythonOperator
dag = DAG("d", schedule=None, start_date=datetime(2024, 1, 1))
def call(): PythonOperator(task_id="t", python_callable=work, dag=dag)
"""


@pytest.fixture(scope="module")
def zygotes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each process had imported: real zygotes of files, forked from a real base, that run their task at once."""
    folder: Path = tmp_path_factory.mktemp("bundle")
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(START + text)
    (folder / "platform").mkdir()
    (folder / "platform" / "__init__.py").write_text("raise RuntimeError('not the library')")
    command = [
        sys.executable,
        "-P",
        "-c",
        ZYGOTES,
        str(folder),
        ",".join(HEAVY),
        *(f"{name}.py" for name in FILES),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_base_zygote_has_nothing_that_only_some_tasks_need(zygotes: dict[str, Any]) -> None:
    assert zygotes["base"] == []


def test_jinja_is_there_before_the_first_fork_when_a_task_of_the_file_needs_it(
    zygotes: dict[str, Any],
) -> None:
    assert {name: zygotes[f"{name}.py"]["jinja"] for name in FILES} == {
        "plain": False, "dates": False, "words": False, "library": False, "inside": False, "flow": False, "shell": True,
    }  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_task_imports_nothing_when_it_runs(zygotes: dict[str, Any], name: str) -> None:
    found = zygotes[f"{name}.py"]
    assert (found["state"], found["new"]) == ("success", [])


def test_values_are_those_of_any_run_when_modules_come_late(zygotes: dict[str, Any]) -> None:
    values = {name: zygotes[f"{name}.py"]["xcoms"].get("return_value") for name in FILES}
    assert values == {
        "plain": "run",
        "dates": ["1970-01-01", "1970-01-02", 1970, "1970-01-03"],
        "words": "1 Jan 1970",
        "library": "00000000-0000-0000-0000-000000000001",
        "inside": "d41d8cd98f00b204e9800998ecf8427e",
        "flow": {"given": "1970-01-01"},
        "shell": "1970-01-02",
    }


PARSE = """
import json, os, sys
from airflow._task import child
from airflow._task.parse import parse
child.import_runtime("test")
child.rehearse_parsing()
found = {}
for file in sys.argv[2:]:
    before = set(sys.modules)
    result = parse(sys.argv[1], file)
    new = [name for name in sys.modules if name not in before and not name.startswith("dag_file_")]
    found[file] = [new, result["error"], len(result["dags"])]
print(json.dumps(found))
"""
GENERATIONS = {
    "one.py": """
from airflow.models import DAG, Variable
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import BranchPythonOperator, PythonOperator
from airflow.utils.dates import days_ago
""",
    "two.py": """
from airflow import DAG
from airflow.decorators import dag, task, task_group
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.utils.task_group import TaskGroup
""",
    "three.py": """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Variable, chain, dag, task
""",
}


def test_parsing_a_file_of_any_generation_imports_nothing_but_the_file(tmp_path: Path) -> None:
    for name, text in GENERATIONS.items():
        more = "\nwith DAG('d', start_date=datetime(2024, 1, 1)):\n    BashOperator(task_id='b', bash_command='true')\n"
        (tmp_path / name).write_text(f"from datetime import datetime\n{text}{more}")
    command = [sys.executable, "-P", "-c", PARSE, str(tmp_path), *GENERATIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {name: [[], None, 1] for name in GENERATIONS}
