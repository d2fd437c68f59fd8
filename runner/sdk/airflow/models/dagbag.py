"""DagBag: the DAGs of a folder, read here and now. Tests of DAG files use it."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from airflow.utils.file import list_py_file_paths

log = logging.getLogger(__name__)


class DagBag:
    """`dags` by id and `import_errors` by file. Without a folder: the environment's own."""

    def __init__(
        self,
        dag_folder: str | Path | None = None,
        include_examples: Any = False,
        safe_mode: Any = True,
        collect_dags: bool = True,
        **_: Any,
    ) -> None:
        self.dag_folder = str(dag_folder or os.environ.get("AIRFLOW__CORE__DAGS_FOLDER", ""))
        self.dags: dict[str, Any] = {}
        self.import_errors: dict[str, str] = {}
        self.safe_mode = safe_mode
        if collect_dags and self.dag_folder:
            self.collect_dags(self.dag_folder)

    @property
    def dag_ids(self) -> list[str]:
        return list(self.dags)

    def size(self) -> int:
        return len(self.dags)

    def get_dag(self, dag_id: str, session: Any = None) -> Any:
        """The DAG, or None."""
        return self.dags.get(dag_id)

    def bag_dag(self, dag: Any, *_: Any, **__: Any) -> None:
        """Add a DAG. Raises AirflowDagCycleException for one whose tasks go in a circle."""
        dag.check_cycle()
        self.dags[dag.dag_id] = dag

    def collect_dags(self, dag_folder: str | Path | None = None, *_: Any, **__: Any) -> None:
        """Read every file below the folder."""
        for file in list_py_file_paths(dag_folder or self.dag_folder):
            self.process_file(file)

    def process_file(self, filepath: str, only_if_updated: bool = True, safe_mode: bool = True) -> list[Any]:
        """Read one file. What is wrong with it goes into `import_errors`."""
        from airflow._task.load import load_file
        from airflow._task.tracebacks import text

        root = self.dag_folder if Path(self.dag_folder).is_dir() else str(Path(filepath).parent)
        try:
            found = load_file(filepath, root)
        except BaseException as error:  # whatever reading a file does is that file's error
            if isinstance(error, KeyboardInterrupt):
                raise
            log.error("Cannot import %s: %s", filepath, error)
            self.import_errors[filepath] = text(error)
            return []
        self.dags |= found
        return list(found.values())

    def dagbag_report(self) -> str:
        """A line per DAG."""
        return "\n".join(f"{dag_id}: {len(dag.tasks)} tasks" for dag_id, dag in sorted(self.dags.items()))
