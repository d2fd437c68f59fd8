"""The standard provider: the same operators as `airflow.operators`, under their 3.x paths (see `airflow.aliases`)."""
