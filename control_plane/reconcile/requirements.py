"""An environment's own requirements: read from the bucket, installed, and told about.

What was done, and the installer's own words, are kept in the bucket beside the environment's logs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from control_plane.domain.environment import Environment
from control_plane.reconcile.cell import ObjectStoreAccess
from control_plane.reconcile.checks import INCORRECT_CONFIGURATION, CannotCreate, open_bucket, try_to
from control_plane.reconcile.interpreters import BrokenBase
from sync.objects import ObjectStoreError
from sync.venv import VenvError

log = logging.getLogger(__name__)
_LARGEST = 1 << 20
_ERROR_ROOM = 760
"""Characters of the installer's words in LastUpdate.Error, which holds 1024 in all."""


class Finder(Protocol):
    """Makes interpreters; `reconcile.interpreters` does."""

    def find_base(self) -> str: ...

    def find(self, wanted: str, progress: Callable[[str], None], cancelled: Callable[[], bool]) -> str: ...


def read_requirements(environment: Environment, access: ObjectStoreAccess) -> str | None:
    """The text that RequirementsS3Path names, of its version where one is given; None without such a path.

    Raises CannotCreate naming the object and the fix.
    """
    path = environment.spec.get("RequirementsS3Path", "").lstrip("/")
    if not path:
        return None
    version = environment.spec.get("RequirementsS3ObjectVersion") or None
    bucket, store = open_bucket(environment, access)
    member = "RequirementsS3ObjectVersion" if version else "RequirementsS3Path"
    info = try_to("read requirements.txt", bucket, path, member, lambda: store.head(path, version))
    if info.size > _LARGEST:
        raise _refuse(f"cannot use s3://{bucket}/{path}: it has {info.size} bytes, {_LARGEST} are allowed")
    data = try_to("read requirements.txt", bucket, path, member, lambda: store.get(path, version=version))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refuse(f"cannot use s3://{bucket}/{path}: it is not UTF-8 text: {error}") from None


def find_interpreter(
    wanted: str | None,
    environment: Environment,
    access: ObjectStoreAccess,
    interpreters: Finder,
    step: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> str:
    """The interpreter for requirements of that text; without any, the one that all share. Raises CannotCreate."""
    try:
        if wanted is None:
            return interpreters.find_base()
        return _install(wanted, environment, access, interpreters, step, cancelled)
    except BrokenBase as error:
        raise CannotCreate("INTERNAL_ERROR", f"cannot build its interpreter: {error}") from error


def _install(
    wanted: str,
    environment: Environment,
    access: ObjectStoreAccess,
    interpreters: Finder,
    step: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> str:
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        first = line.partition("\n")[0]
        log.info(first, extra={"environment": environment.name})
        step(first)

    try:
        return interpreters.find(wanted, tell, cancelled)
    except VenvError as error:
        said.append(str(error))
        place = f"s3://{environment.spec['SourceBucketArn'].rpartition(':')[2]}/{_log_key(environment)}"
        short = str(error) if len(str(error)) <= _ERROR_ROOM else f"{str(error)[:_ERROR_ROOM]} ..."
        raise _refuse(f"{short}\nThe whole log: {place}\nMend requirements.txt") from None
    finally:
        _keep_log(said, environment, access)


def _keep_log(said: list[str], environment: Environment, access: ObjectStoreAccess) -> None:
    """For those who see the bucket only. A bucket that takes no logs does not stop a creation."""
    _bucket, store = open_bucket(environment, access)
    try:
        store.put(_log_key(environment), ("\n".join(said) + "\n").encode())
    except ObjectStoreError as error:
        log.warning(
            "requirements log not kept", extra={"environment": environment.name, "why": error.message}
        )


def _log_key(environment: Environment) -> str:
    return f"logs/{environment.name}/Worker/requirements_install.log"


def _refuse(message: str) -> CannotCreate:
    return CannotCreate(INCORRECT_CONFIGURATION, f"{message}, then create it again")
