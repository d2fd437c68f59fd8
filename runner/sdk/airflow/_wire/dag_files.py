"""Which files may hold DAGs: Airflow's safe mode, for Python files and for zip files of them. Nothing is executed."""

from __future__ import annotations

import io
import zipfile

SUFFIXES = (".py", ".zip")
_MOST_ENTRIES, _MOST_BYTES = 10_000, 4 * 1024**2


def may_hold_dags(content: bytes) -> bool:
    """The text names airflow, and dag or asset, in any case. A zip that cannot be read may: its error is to be seen."""
    if content[:4] == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return bool(list_packaged(archive))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError):
            return True
    return _names_dags(content)


def list_packaged(archive: zipfile.ZipFile) -> list[str]:
    """The modules at the top of a zip that may hold DAGs; of each file only the first 4 MB are looked at."""
    found = []
    for info in archive.infolist()[:_MOST_ENTRIES]:
        module, dot, suffix = info.filename.rpartition(".")
        if suffix == "py" and dot and module.isidentifier():
            with archive.open(info) as entry:
                if _names_dags(entry.read(_MOST_BYTES)):
                    found.append(module)
    return found


def _names_dags(content: bytes) -> bool:
    lowered = content.lower()
    return b"airflow" in lowered and (b"dag" in lowered or b"asset" in lowered)
