"""The rows of `airflow.aliases`: (path as imported, module that holds the objects, names)."""

from __future__ import annotations

ROWS: tuple[tuple[str, str, str], ...] = (
    ("airflow", "airflow.models.dag", "DAG"),
    ("airflow.operators.bash_operator", "airflow.operators.bash", "*"),
    ("airflow.operators.python_operator", "airflow.operators.python", "*"),
    ("airflow.operators.dummy_operator", "airflow.operators.empty", "DummyOperator EmptyOperator"),
    ("airflow.operators.dummy", "airflow.operators.empty", "DummyOperator EmptyOperator"),
    ("airflow.models", "airflow.models.dag", "DAG"),
)
