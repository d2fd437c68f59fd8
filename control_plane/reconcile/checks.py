"""What must hold before a cell is started: the bucket can be listed, the files that are named exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from airflow._wire import cell as wire

from control_plane.domain.environment import Environment, bucket_name
from control_plane.reconcile.cell import ObjectStoreAccess
from infra.provisioner import CellPlan
from sync.objects import ObjectStore, ObjectStoreError, open_store

T = TypeVar("T")
INCORRECT_CONFIGURATION = "INCORRECT_CONFIGURATION"
_ROOM = 1024
"""Characters of LastUpdate.Error's message."""
SEE_LOG = "have the service's administrator mend that (log/control-plane.log in its home says more)"
"""What to do about what nobody has thought of."""
_ADVICE = {
    "no_such_bucket": "create it (aws s3 mb s3://{bucket}) or correct SourceBucketArn",
    "denied": "let the execution role (and the service's S3 credentials) list and read it",
    "unreachable": "check the S3 endpoint and the network",
    "throttled": "try again in a moment",
    "no_such_key": "upload the file or correct {member}",
}


class CannotApply(Exception):
    """The environment cannot be made as asked: why, and what its owner is to mend. `tell` says both."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        """A `fix` that begins with a capital letter stands in a line of its own, below words of several lines."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix

    def tell(self, then: str) -> str:
        """For the owner; `then`: how what failed is tried again once it is mended. A long reason is cut."""
        between = "\n" if self.fix[:1].isupper() else "; "
        end = f"{between}{self.fix}, then {then}"
        room = _ROOM - len(end)
        return (self.message if len(self.message) <= room else f"{self.message[: room - 4]} ...") + end


def check_source(environment: Environment, access: ObjectStoreAccess) -> None:
    """Look at the bucket and the DAG folder. Raises CannotApply naming check, resource and fix.

    An empty DAG folder is fine: folders of an object store exist with their first object.
    """
    bucket, store = open_bucket(environment, access)
    folder = environment.spec["DagS3Path"].strip("/")
    try_to(
        "list the DAG folder",
        bucket,
        folder,
        "DagS3Path",
        lambda: store.list(f"{folder}/" if folder else ""),
    )


def check_role(environment: Environment, plan: CellPlan) -> None:
    """Whether the execution role may read what the cell reads with its keys. Raises CannotApply."""
    told = wire.from_json(plan.files["cell.json"])
    if told.identity:
        source = told.source
        keys = (source.access_key_id, source.secret_access_key, source.session_token)
        try:
            check_source(environment, ObjectStoreAccess(source.endpoint, source.region, *keys))
        except CannotApply as refusal:
            role = environment.spec["ExecutionRoleArn"]
            message = f"{refusal.message} (tried as the execution role {role})"
            raise CannotApply(refusal.code, message, refusal.fix) from None


def try_to(what: str, bucket: str, key: str, member: str, look: Callable[[], T]) -> T:
    """What `look` finds. Raises CannotApply when the store refuses: what was tried, on what, why, the fix."""
    try:
        return look()
    except ObjectStoreError as error:
        advice = _ADVICE.get(error.code, "mend it").format(bucket=bucket, member=member)
        message = f"cannot {what} s3://{bucket}/{key}: {_reason(error, member)}"
        raise CannotApply(INCORRECT_CONFIGURATION, message, advice) from None


def _reason(error: ObjectStoreError, member: str) -> str:
    reasons = {
        "no_such_bucket": "the bucket does not exist",
        "denied": "access is denied",
        "no_such_key": f"there is no such {'version of it' if member.endswith('Version') else 'object'}",
    }
    return reasons.get(error.code, error.message)


def open_bucket(environment: Environment, access: ObjectStoreAccess) -> tuple[str, ObjectStore]:
    """The name of the environment's bucket, and the bucket."""
    name = bucket_name(environment.spec["SourceBucketArn"])
    return name, open_at(access, name)


def open_at(access: ObjectStoreAccess, bucket: str, prefix: str = "") -> ObjectStore:
    """A bucket, or the part of it below a prefix."""
    at = access.bucket(bucket, prefix)
    return open_store(
        bucket=at.bucket,
        region=at.region,
        endpoint=at.endpoint,
        access_key_id=at.access_key_id,
        secret_access_key=at.secret_access_key,
        session_token=at.session_token,
        prefix=at.prefix,
    )
