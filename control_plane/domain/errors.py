"""The control plane's one error type. Its codes are AWS's own names; each HTTP edge maps them to a status."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Why a request is refused, as clients see it."""

    VALIDATION = "ValidationException"
    NOT_FOUND = "ResourceNotFoundException"
    ACCESS_DENIED = "AccessDeniedException"
    INTERNAL = "InternalServerException"
    UNAVAILABLE = "ServiceUnavailableException"
    THROTTLING = "ThrottlingException"
    REST_CLIENT = "RestApiClientException"
    REST_SERVER = "RestApiServerException"
    SERIALIZATION = "SerializationException"
    UNKNOWN_OPERATION = "UnknownOperationException"
    TOO_LARGE = "RequestEntityTooLargeException"
    MISSING_TOKEN = "MissingAuthenticationToken"  # noqa: S105 - a name, not a secret
    INCOMPLETE_SIGNATURE = "IncompleteSignature"
    INVALID_SIGNATURE = "InvalidSignatureException"
    UNRECOGNIZED_CLIENT = "UnrecognizedClientException"
    EXPIRED_TOKEN = "ExpiredTokenException"  # noqa: S105 - a name, not a secret
    REQUEST_EXPIRED = "RequestExpired"
    # of IAM and STS
    NO_SUCH_ENTITY = "NoSuchEntity"
    ENTITY_EXISTS = "EntityAlreadyExists"
    DELETE_CONFLICT = "DeleteConflict"
    MALFORMED_POLICY = "MalformedPolicyDocument"
    LIMIT_EXCEEDED = "LimitExceeded"
    INVALID_INPUT = "InvalidInput"
    INVALID_ACTION = "InvalidAction"


class ServiceError(Exception):
    """A request cannot be served; `message` says what, which and what to do, `members` go into the answer.

    `retry_after`: seconds until it may be asked again.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        members: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.retry_after = retry_after
        self.code = code
        self.message = message
        self.members = dict(members or {})


def validation(message: str) -> ServiceError:
    """The caller's input or the environment's state does not allow it."""
    return ServiceError(Code.VALIDATION, message)


def not_found(name: str) -> ServiceError:
    """No environment of that name."""
    return ServiceError(
        Code.NOT_FOUND, f"Environment {name} was not found. ListEnvironments shows those that exist."
    )
