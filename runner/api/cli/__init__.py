"""The `airflow` command line of an environment, answered by its own cell."""
