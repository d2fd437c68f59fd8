"""A user's requirements.txt without Apache Airflow in it."""

from __future__ import annotations

import pytest

from sync.requirements import plan_requirements

CONSTRAINTS = "https://raw.example/apache/airflow/constraints-2.10.3/constraints-3.11.txt"


@pytest.mark.parametrize(
    "line, installed, said",
    [
        ("pandas==2.2.0  # ours", ["pandas==2.2.0  # ours"], None),
        ("apache-airflow-providers-http>=5", ["apache-airflow-providers-http>=5"], None),
        ("apache-airflow==2.10.3", [], "is what the service offers itself"),
        ("Apache_Airflow", [], "is what the service offers itself"),
        ("apache-airflow-core>=3", [], "is what the service offers itself"),
        (
            "apache-airflow[aws,amazon,cncf.kubernetes,celery,postgres]==2.9.2",
            [
                "apache-airflow-providers-amazon",
                "apache-airflow-providers-cncf-kubernetes",
                "apache-airflow-providers-postgres",
            ],
            "its extras mean apache-airflow-providers-amazon",
        ),
        (f"--constraint {CONSTRAINTS}", [], "pins packages for Apache Airflow"),
        (f'-c "{CONSTRAINTS}"', [], "pins packages for Apache Airflow"),
        ("--constraint my-own.txt", ["--constraint my-own.txt"], None),
        ("toy @ file:///x.whl", ["toy @ file:///x.whl"], None),
        ("# apache-airflow", [], None),
    ],
)
def test_lines_about_airflow_are_satisfied_by_the_service(
    line: str, installed: list[str], said: str | None
) -> None:
    plan = plan_requirements(f"{line}\n")
    assert list(plan.lines) == installed
    assert len(plan.notes) == (said is not None)
    assert said is None or (plan.notes[0].startswith("line 1: ") and said in plan.notes[0])


def test_a_continued_line_is_one() -> None:
    plan = plan_requirements("toy==1.0 \\\n  --hash=sha256:00\napache-airflow \\\n ==2.9\n")
    assert [" ".join(line.split()) for line in plan.lines] == ["toy==1.0 --hash=sha256:00"]
    assert len(plan.notes) == 1
