"""Building venvs where the interpreter is, for whoever is elsewhere or has more rights than a build may have.

    python -m sync.build ROOT PINNED            the base venv
    python -m sync.build ROOT PINNED WANTED     that of an environment; WANTED is a requirements.txt

Each line of the output is JSON: {"progress": text}, and at the end {"python": path} or {"error": text}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sync.venv import VenvError, ensure_base_venv, ensure_environment_venv


def main(words: list[str]) -> int:
    root, pinned = Path(words[0]), Path(words[1])
    try:
        if words[2:]:
            wanted = Path(words[2]).read_text(encoding="utf-8")
            python = ensure_environment_venv(root, pinned, wanted, progress=_tell)
        else:
            python = ensure_base_venv(root, pinned, progress=_tell)
    except (VenvError, OSError) as error:
        _say(error=str(error))
        return 1
    _say(python=str(python))
    return 0


def _tell(line: str) -> None:
    _say(progress=line)


def _say(**words: str) -> None:
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
