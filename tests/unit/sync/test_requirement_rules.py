"""What a requirements.txt may ask for, and where MWAA's places are here."""

from __future__ import annotations

import pytest

from sync.requirement_rules import (
    DAGS,
    PLUGINS,
    BadRequirements,
    Rules,
    list_named_files,
    mask,
    prepare_requirements,
)
from sync.requirements import plan_requirements

RULES = Rules(places={PLUGINS: "/p/1", DAGS: "/d/2"}, variables={"TOKEN": "sesame1"})
DENY = Rules(indexes=False, places=RULES.places)
AIRFLOW = "https://raw.example/apache/airflow/constraints-2.10.3/constraints-3.11.txt"


@pytest.mark.parametrize(
    ("line", "prepared"),
    [
        ("pandas[x]==2.2.0 ; python_version > '3'  # ours", "pandas[x]==2.2.0 ; python_version > '3'"),
        ("six==1.16 \\\n--hash=sha256:00", "six==1.16  --hash=sha256:00"),
        (f"--find-links {PLUGINS}", "--find-links /p/1"),
        (f"--find-links={PLUGINS}/wheels", "--find-links /p/1/wheels"),
        (f"-f {PLUGINS}", "-f /p/1"),
        ("--no-index", "--no-index"),
        (f'-c "{DAGS}/constraints-3.11-updated.txt"', "-c /d/2/constraints-3.11-updated.txt"),
        (f"toy @ file://{PLUGINS}/toy-1.whl", "toy @ file:///p/1/toy-1.whl"),
        (f"{PLUGINS}/toy-1.whl", "/p/1/toy-1.whl"),
        ("https://files.example/toy-1.whl", "https://files.example/toy-1.whl"),
        ("git+https://code.example/toy.git@v1", "git+https://code.example/toy.git@v1"),
        ("--extra-index-url https://me:${TOKEN}@h/simple", "--extra-index-url https://me:sesame1@h/simple"),
        (f"--constraint {AIRFLOW}", f"--constraint {AIRFLOW}"),
        ("# -r anything", "# -r anything"),
    ],
)
def test_a_line_is_mapped_to_where_its_files_lie(line: str, prepared: str) -> None:
    assert prepare_requirements(line, RULES).text == f"{prepared}\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-r other.txt", "the option -r is not allowed; put those lines into this file"),
        ("-e .", "the option -e is not allowed; build a wheel"),
        ("--install-option=x", "the option --install-option is not allowed"),
        ("-c /etc/passwd", "only files below"),
        ("-cconstraints.txt", "only files below"),
        ("--find-links /etc", "only files below"),
        ("./toy.whl", "only files below"),
        ("toy.whl", "only files below"),
        ("wheels/toy", "only files below"),
        ("toy @ file:///etc/passwd", "only files below"),
        ("toy @ ${TOKEN}", "only files below"),
        (f"{PLUGINS}/../../etc/toy.whl", "its path leads out"),
        (f"{PLUGINS}-other/toy.whl", "only files below"),
        ("--index-url file:///etc", "it is no http or https address"),
        ("--index-url https://u:${NOBODY}@h/", "${NOBODY} is not exported by the startup script"),
    ],
)
def test_a_line_that_reads_our_files_or_is_no_requirement_is_refused(line: str, why: str) -> None:
    with pytest.raises(BadRequirements) as refusal:
        prepare_requirements(f"pandas\n{line}\n", RULES)
    assert str(refusal.value).startswith("cannot use line 2 of requirements.txt, ")
    assert why in str(refusal.value)


@pytest.mark.parametrize(
    "line", ["--index-url https://h/", "--extra-index-url https://h/", "https://h/toy.whl", "toy @ git+https://h/toy",
             "--find-links https://h/", "-c https://h/mine.txt"],
)  # fmt: skip
def test_addresses_are_refused_where_the_service_denies_them(line: str) -> None:
    prepare_requirements(line, RULES)
    with pytest.raises(BadRequirements, match="own package index only"):
        prepare_requirements(line, DENY)
    assert prepare_requirements(f"-c {AIRFLOW}\n", DENY).text, "Airflow's constraints are not fetched at all"


def test_passwords_of_indexes_are_in_no_message() -> None:
    found = prepare_requirements("--index-url https://me:opensesame@h/simple\n-f https://h/${TOKEN}\n", RULES)
    assert set(found.secrets) == {"opensesame", "sesame1"}
    said = mask("cannot fetch https://me:opensesame@h/simple/toy or https://h/sesame1", found.secrets)
    assert said == "cannot fetch https://***@h/simple/toy or https://h/***"
    with pytest.raises(BadRequirements) as refusal:
        prepare_requirements("--index-url https://me:opensesame@h/simple\n", DENY)
    assert "opensesame" not in str(refusal.value)


def test_files_of_the_dag_folder_are_named_for_fetching() -> None:
    text = (
        f"-c '{DAGS}/a/c.txt'\ntoy @ file://{DAGS}/w/toy.whl\n-f {DAGS}/w/\n# {DAGS}/no\npandas # {DAGS}/no\n"
    )
    assert list_named_files(text)[:3] == ["a/c.txt", "w/toy.whl", "w"]


def test_options_that_uv_reads_from_no_file_become_arguments() -> None:
    plan = plan_requirements("--pre\n--trusted-host h.example\n--prefer-binary\n--require-hashes\nsix\n")
    assert plan.options == ("--prerelease", "allow", "--allow-insecure-host", "h.example")
    assert plan.lines == ("--require-hashes", "six")
