"""A startup script: run once with bash, and what it exported.

    variables before --bash: source script--> variables after --difference, without the service's own--> exports

The script is user code: `run` runs it as whoever user code runs as, with the variables that it is given and no others.
Its last words are kept when it fails.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sync.installer import VenvCancelled

LIMIT_SECONDS = 295.0
LARGEST_EXPORTS = 256 << 10
LARGEST_OUTPUT = 16 << 20
_GRACE = 5.0
_LOOK_SECONDS = 0.02
_SHELL = re.compile(
    r"_|SHLVL|PWD|OLDPWD|BASH.*|SHELLOPTS|PPID|UID|EUID|AERODROME_.*|.*[^A-Za-z0-9_].*|[0-9].*"
)
_DUMP = "import json, os; json.dump(dict(os.environ), open(os.environ['AERODROME_EXPORTS'], 'w'))"
_WRAPPER = f"""
_aerodrome_end() {{
  local status=$?
  trap - EXIT
  export -n -f _aerodrome_end
  "$AERODROME_PYTHON" -I -c "{_DUMP}" || exit 70
  exit $status
}}
trap _aerodrome_end EXIT
source "$AERODROME_SCRIPT"
_aerodrome_end
"""

Run = Callable[[tuple[str, ...], Mapping[str, str], Path, Path, float, Callable[[], bool]], int | None]
"""(command, variables, working directory, file for its output, seconds, cancelled) -> status; None: it took too long.

Raises VenvCancelled when it is called off."""


class StartupFailed(Exception):
    """The script did not do its work; the text says how it ended and what it said last."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


@dataclass(frozen=True, slots=True)
class Exports:
    """What a script left. `ignored`: variables that it set and that are the service's own."""

    variables: Mapping[str, str]
    ignored: tuple[str, ...]
    output: str


def run_startup(
    script: bytes,
    python: str,
    work: Path,
    variables: Mapping[str, str],
    is_protected: Callable[[str], bool],
    run: Run,
    cancelled: Callable[[], bool] = lambda: False,
    limit: float = LIMIT_SECONDS,
) -> Exports:
    """Run it in `work`, with these variables; `python` writes down what became of them.

    Raises StartupFailed, VenvCancelled.
    """
    with tempfile.TemporaryDirectory(prefix=".startup-", dir=work) as name:
        folder = Path(name)
        folder.chmod(
            0o777
        )  # in a folder of the environment's own: whoever runs the script may be somebody else
        (folder / "startup.sh").write_bytes(script)
        (folder / "startup.sh").chmod(0o755)
        told = {
            "AERODROME_PYTHON": python,
            "AERODROME_SCRIPT": str(folder / "startup.sh"),
            "AERODROME_EXPORTS": str(folder / "exports.json"),
        }
        said = folder / "output"
        command = ("bash", "--norc", "--noprofile", "-c", _WRAPPER, "startup.sh")
        status = run(command, {**variables, **told}, work, said, limit, cancelled)
        output = _read_text(said)
        if status != 0:
            raise StartupFailed(f"{_describe(status, limit)}{_last_words(output)}", output)
        after = _read_exports(folder / "exports.json", output)
    return sort_out(variables, after, is_protected, output)


def sort_out(
    before: Mapping[str, str], after: Mapping[str, str], is_protected: Callable[[str], bool], output: str = ""
) -> Exports:
    """What of a script's variables is exported: pure."""
    new = {
        name: value
        for name, value in after.items()
        if before.get(name) != value and not _SHELL.fullmatch(name)
    }
    ignored = tuple(sorted(name for name in new if is_protected(name)))
    kept = {name: new[name] for name in sorted(new) if name not in ignored}
    if sum(len(name) + len(value) for name, value in kept.items()) > LARGEST_EXPORTS:
        raise StartupFailed(f"it exports more than {LARGEST_EXPORTS} bytes", output)
    return Exports(kept, ignored, output)


def run_here(
    command: tuple[str, ...],
    variables: Mapping[str, str],
    work: Path,
    output: Path,
    limit: float,
    cancelled: Callable[[], bool],
) -> int | None:
    """Run a command as ourselves; see `Run`. All that it started ends with it."""
    with output.open("wb") as sink:
        running = subprocess.Popen(
            command, env=dict(variables), cwd=work, stdin=subprocess.DEVNULL, stdout=sink,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + limit
    try:
        while running.poll() is None:
            if cancelled():
                raise VenvCancelled
            if time.monotonic() > deadline or output.stat().st_size > LARGEST_OUTPUT:
                _terminate(running)
                return None
            _rest(running)
        return running.returncode
    finally:
        _kill(running)


def run_behind(prefix: tuple[str, ...]) -> Run:
    """Runs commands behind a prefix that makes them somebody else's: `setpriv ... --`, say."""

    def run(
        command: tuple[str, ...], variables: Mapping[str, str], work: Path, output: Path, limit: float,
        cancelled: Callable[[], bool],
    ) -> int | None:  # fmt: skip
        return run_here((*prefix, *command), variables, work, output, limit, cancelled)

    return run


def _rest(running: subprocess.Popen[bytes]) -> None:
    try:
        running.wait(_LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        pass


def _terminate(running: subprocess.Popen[bytes]) -> None:
    os.killpg(running.pid, signal.SIGTERM)
    try:
        running.wait(_GRACE)
    except subprocess.TimeoutExpired:
        pass


def _kill(running: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(running.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nobody of its session is left
    running.wait()


def _read_text(path: Path) -> str:
    """What was printed. Its folder is the script's own user's too: no link in it is followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(LARGEST_OUTPUT).decode("utf-8", "replace")


def _read_exports(path: Path, output: str) -> dict[str, str]:
    """The file that the script's own user wrote: no link is followed, nothing endless is read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            found = json.loads(file.read(8 * LARGEST_EXPORTS))
        return {str(name): str(value) for name, value in found.items()}
    except (OSError, ValueError, AttributeError):
        raise StartupFailed("it left no readable account of its variables", output) from None


def _describe(status: int | None, limit: float) -> str:
    if status is None:
        return f"it did not end within {limit:g} s, or printed more than {LARGEST_OUTPUT >> 20} MiB"
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}"
    return f"it ended with status {status}"


def _last_words(output: str) -> str:
    lines = [line for line in output.strip().splitlines() if line.strip()][-5:]
    return "; it said last:\n" + "\n".join(lines) if lines else "; it said nothing"
