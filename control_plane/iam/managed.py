"""The managed policies every account has: those of AWS that mean something here. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

PREFIX = "arn:aws:iam::aws:policy/"
ADMINISTRATOR = f"{PREFIX}AdministratorAccess"


def _allow(**members: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **members, "Resource": "*"}]}


MANAGED: Mapping[str, dict[str, Any]] = {
    ADMINISTRATOR: _allow(Action="*"),
    f"{PREFIX}IAMFullAccess": _allow(Action="iam:*"),
    f"{PREFIX}PowerUserAccess": _allow(NotAction=["iam:*", "organizations:*", "account:*"]),
    f"{PREFIX}ReadOnlyAccess": _allow(
        Action=[
            "airflow:Get*",
            "airflow:List*",
            "iam:Get*",
            "iam:List*",
            "iam:Simulate*",
            "sts:GetCallerIdentity",
        ]
    ),
}
"""ARN -> document."""

MANAGED_TEXTS: Mapping[str, str] = {arn: json.dumps(document, indent=4) for arn, document in MANAGED.items()}
"""ARN -> the text of its document."""
