"""sqlmesh's own MWAA client: the latest run of a DAG and how it goes, through the CLI endpoint."""

import sys

from sqlmesh.schedulers.airflow.mwaa_client import MWAAClient

client = MWAAClient(sys.argv[1])
first = client.get_first_dag_run_id("quick")
assert first == "one", first
assert client.get_dag_run_state("quick", first) == "success"
out, err = client._post("variables set from_sqlmesh 1")
assert "created" in out, (out, err)
