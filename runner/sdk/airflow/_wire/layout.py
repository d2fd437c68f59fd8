"""Where things lie in a cell's directory. The one place that spells these paths.

cell.json            the cell spec (0600: it holds the cell's token and bucket credentials)
secrets.key          what users call secret is sealed with these (0600), see `secret_keys`
db/metadata.db       the metadata database, when it is SQLite
run/<role>.lock      held with flock by the living process of that role; its text is {"role","pid",...}
run/ending           why the agent is to be stopped, as tasks' logs shall have it
run/standing-by      there while this engine waits for the lease of another machine's
run/engine.sock      engine <-> agents (frames)          run/api.sock   engine's HTTP, private
store/<aa>/<sha256>  content-addressed objects           bundles/<digest>/   complete, immutable snapshots
attempts/<attempt>   lock + record + spooled result of one attempt, until the engine has acknowledged it
newest               a link to the newest of bundles/     work/               AIRFLOW_HOME, with links dags and plugins
logs/                task logs until they are in the object store      log/<role>.log   our own log lines
log/shipping/        those of the engine's that are on their way to the object store
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

KEY_FILE = "secrets.key"
"""Its name in a home and in an archive; `secret_keys` says what is in it."""
_SOCKET_PATH_LIMIT = 100  # sun_path is 108 bytes on Linux, 104 on macOS


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one cell, from its home directory."""

    home: Path

    @property
    def spec(self) -> Path:
        return self.home / "cell.json"

    @property
    def secret_keys(self) -> Path:
        return self.home / KEY_FILE

    @property
    def database(self) -> Path:
        return self.home / "db" / "metadata.db"

    @property
    def store(self) -> Path:
        return self.home / "store"

    @property
    def bundles(self) -> Path:
        return self.home / "bundles"

    @property
    def attempts(self) -> Path:
        return self.home / "attempts"

    @property
    def task_logs(self) -> Path:
        return self.home / "logs"

    @property
    def work(self) -> Path:
        """Where user code is at home: HOME and AIRFLOW_HOME."""
        return self.home / "work"

    @property
    def newest_bundle(self) -> Path:
        """A link to the newest snapshot, for files that look for others below $AIRFLOW_HOME/dags."""
        return self.home / "newest"

    @property
    def own_logs(self) -> Path:
        return self.home / "log"

    @property
    def engine_socket(self) -> Path:
        return self._socket("engine.sock")

    @property
    def api_socket(self) -> Path:
        return self._socket("api.sock")

    @property
    def ending(self) -> Path:
        return self.home / "run" / "ending"

    @property
    def standing_by(self) -> Path:
        return self.home / "run" / "standing-by"

    def bundle(self, digest: str) -> Path:
        return self.bundles / digest

    def lock(self, role: str) -> Path:
        return self.home / "run" / f"{role}.lock"

    def make(self) -> None:
        """Create the directories, private to their owner. Raises PermissionError when somebody else keeps the sockets'.

        Whoever owned it could put a socket of theirs in the place of the engine's, and hand out tasks.
        """
        parts = (self.database.parent, self.store, self.bundles, self.attempts, self.task_logs, self.own_logs)
        for part in (self.home, *parts, self.lock("x").parent, self.engine_socket.parent):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.engine_socket.parent != self.lock("x").parent:
            _check_private(self.engine_socket.parent)
        self.bundles.chmod(0o750)  # where tasks have a user of their own, it is in our group

    def _socket(self, name: str) -> Path:
        """In run/; under the temporary directory when the kernel's limit on socket paths forbids that."""
        path = self.home / "run" / name
        if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
            return path
        short = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"aerodrome-{os.getuid()}-{short}" / name


def _check_private(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(
            f"cannot keep sockets in {folder}: it is not a folder that only this user may enter; remove it, or "
            "choose a home with a shorter path"
        )
