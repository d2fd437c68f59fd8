"""The inputs of the IAM and STS operations, as their models have them; a test compares them with botocore's."""

from __future__ import annotations

from control_plane.domain.shapes import TAG_PATTERN, Flag, ListOf, Number, Shape, Structure, Text

NAME = Text(1, 64, r"[\w+=,.@-]+")
EXISTING_NAME = Text(1, 128, r"[\w+=,.@-]+")
POLICY_NAME = Text(1, 128, r"[\w+=,.@-]+")
PATH = Text(1, 512, r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)")
PATH_PREFIX = Text(1, 512, r"\u002F[\u0021-\u007F]*")
_PRINTABLE = r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD]+"
ARN = Text(20, 2048, _PRINTABLE)
DOCUMENT = Text(1, 131072, r"[\u0009\u000A\u000D\u0020-\u00FF]+")
DESCRIPTION = Text(0, 1000, r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*")
KEY_ID = Text(16, 128, r"[\w]+")
USAGE = Text(choices=("PermissionsPolicy", "PermissionsBoundary"))
STATUS = Text(choices=("Active", "Inactive"))
TAGS = ListOf(
    Structure(
        {"Key": Text(1, 128, TAG_PATTERN), "Value": Text(0, 256, TAG_PATTERN)}, frozenset({"Key", "Value"})
    ),
    0,
    50,
)
PAGE: dict[str, Shape] = {"Marker": Text(1, 2048, r"[\u0020-\u00FF]+"), "MaxItems": Number(1, 1000)}


def _shape(required: str = "", /, **members: Shape) -> Structure:
    return Structure(members, frozenset(required.split()))


def _inline(member: str, name: Shape) -> dict[str, Structure]:
    owner = {member: name}
    kind = member.removesuffix("Name")
    both = f"{member} PolicyName"
    return {
        f"Put{kind}Policy": _shape(
            f"{both} PolicyDocument", **owner, PolicyName=POLICY_NAME, PolicyDocument=DOCUMENT
        ),
        f"Get{kind}Policy": _shape(both, **owner, PolicyName=POLICY_NAME),
        f"Delete{kind}Policy": _shape(both, **owner, PolicyName=POLICY_NAME),
        f"List{kind}Policies": _shape(member, **owner, **PAGE),
    }


def _attached(member: str) -> dict[str, Structure]:
    owner, kind, both = {member: NAME}, member.removesuffix("Name"), f"{member} PolicyArn"
    limit = f"{kind}PermissionsBoundary"
    return {
        f"Attach{kind}Policy": _shape(both, **owner, PolicyArn=ARN),
        f"Detach{kind}Policy": _shape(both, **owner, PolicyArn=ARN),
        f"ListAttached{kind}Policies": _shape(member, **owner, PathPrefix=Text(1, 512), **PAGE),
        f"Put{limit}": _shape(f"{member} PermissionsBoundary", **owner, PermissionsBoundary=ARN),
        f"Delete{limit}": _shape(member, **owner),
    }


def _tagged(kind: str, member: str, name: Shape) -> dict[str, Structure]:
    what = {member: name}
    return {
        f"Tag{kind}": _shape(f"{member} Tags", **what, Tags=TAGS),
        f"Untag{kind}": _shape(f"{member} TagKeys", **what, TagKeys=ListOf(Text(1, 128, TAG_PATTERN), 0, 50)),
        f"List{kind}Tags": _shape(member, **what, **PAGE),
    }


_VERSION = _shape(
    "PolicyArn VersionId", PolicyArn=ARN, VersionId=Text(pattern=r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?")
)
_DOCUMENTS = ListOf(DOCUMENT)
_KEY_TYPE = Text(
    choices=tuple(
        f"{kind}{many}"
        for kind in ("string", "numeric", "boolean", "ip", "binary", "date")
        for many in ("", "List")
    )
)
_SIMULATION: dict[str, Shape] = {
    "PolicyInputList": _DOCUMENTS,
    "PermissionsBoundaryPolicyInputList": _DOCUMENTS,
    "ActionNames": ListOf(Text(3, 128, _PRINTABLE)),
    "ResourceArns": ListOf(Text(1, 2048, _PRINTABLE)),
    "ResourcePolicy": DOCUMENT,
    "CallerArn": Text(1, 2048, _PRINTABLE),
    "ContextEntries": ListOf(
        _shape("", ContextKeyName=Text(5, 256), ContextKeyValues=ListOf(Text()), ContextKeyType=_KEY_TYPE)
    ),
    **PAGE,
}

IAM: dict[str, Structure] = {
    "CreateUser": _shape("UserName", UserName=NAME, Path=PATH, PermissionsBoundary=ARN, Tags=TAGS),
    "GetUser": _shape(UserName=EXISTING_NAME),
    "ListUsers": _shape(PathPrefix=PATH_PREFIX, **PAGE),
    "UpdateUser": _shape("UserName", UserName=EXISTING_NAME, NewPath=PATH, NewUserName=NAME),
    "DeleteUser": _shape("UserName", UserName=EXISTING_NAME),
    "CreateAccessKey": _shape(UserName=EXISTING_NAME),
    "ListAccessKeys": _shape(UserName=EXISTING_NAME, **PAGE),
    "UpdateAccessKey": _shape(
        "AccessKeyId Status", UserName=EXISTING_NAME, AccessKeyId=KEY_ID, Status=STATUS
    ),
    "DeleteAccessKey": _shape("AccessKeyId", UserName=EXISTING_NAME, AccessKeyId=KEY_ID),
    "CreateRole": _shape(
        "RoleName AssumeRolePolicyDocument",
        RoleName=NAME,
        Path=PATH,
        AssumeRolePolicyDocument=DOCUMENT,
        Description=DESCRIPTION,
        MaxSessionDuration=Number(3600, 43200),
        PermissionsBoundary=ARN,
        Tags=TAGS,
    ),
    "GetRole": _shape("RoleName", RoleName=NAME),
    "ListRoles": _shape(PathPrefix=PATH_PREFIX, **PAGE),
    "UpdateRole": _shape(
        "RoleName", RoleName=NAME, Description=DESCRIPTION, MaxSessionDuration=Number(3600, 43200)
    ),
    "UpdateRoleDescription": _shape("RoleName Description", RoleName=NAME, Description=DESCRIPTION),
    "ListInstanceProfilesForRole": _shape("RoleName", RoleName=NAME, **PAGE),
    "DeleteRole": _shape("RoleName", RoleName=NAME),
    "UpdateAssumeRolePolicy": _shape("RoleName PolicyDocument", RoleName=NAME, PolicyDocument=DOCUMENT),
    "CreatePolicy": _shape(
        "PolicyName PolicyDocument",
        PolicyName=POLICY_NAME,
        Path=Text(1, 512, r"((/[A-Za-z0-9\.,\+@=_-]+)*)/"),
        PolicyDocument=DOCUMENT,
        Description=DESCRIPTION,
        Tags=TAGS,
    ),
    "GetPolicy": _shape("PolicyArn", PolicyArn=ARN),
    "CreatePolicyVersion": _shape(
        "PolicyArn PolicyDocument", PolicyArn=ARN, PolicyDocument=DOCUMENT, SetAsDefault=Flag()
    ),
    "GetPolicyVersion": _VERSION,
    "ListPolicyVersions": _shape("PolicyArn", PolicyArn=ARN, **PAGE),
    "SetDefaultPolicyVersion": _VERSION,
    "DeletePolicyVersion": _VERSION,
    "ListPolicies": _shape(
        Scope=Text(choices=("All", "AWS", "Local")),
        OnlyAttached=Flag(),
        PathPrefix=Text(1, 512),
        PolicyUsageFilter=USAGE,
        **PAGE,
    ),
    "ListEntitiesForPolicy": _shape(
        "PolicyArn",
        PolicyArn=ARN,
        EntityFilter=Text(choices=("User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy")),
        PathPrefix=Text(1, 512, r"\u002F[\u0021-\u007F]*"),
        PolicyUsageFilter=USAGE,
        **PAGE,
    ),
    "DeletePolicy": _shape("PolicyArn", PolicyArn=ARN),
    **_inline("UserName", EXISTING_NAME),
    **_inline("RoleName", NAME),
    **_attached("UserName"),
    **_attached("RoleName"),
    "CreateGroup": _shape("GroupName", GroupName=EXISTING_NAME, Path=PATH),
    "GetGroup": _shape("GroupName", GroupName=EXISTING_NAME, **PAGE),
    "ListGroups": _shape(PathPrefix=PATH_PREFIX, **PAGE),
    "UpdateGroup": _shape("GroupName", GroupName=EXISTING_NAME, NewPath=PATH, NewGroupName=EXISTING_NAME),
    "DeleteGroup": _shape("GroupName", GroupName=EXISTING_NAME),
    "AddUserToGroup": _shape("GroupName UserName", GroupName=EXISTING_NAME, UserName=EXISTING_NAME),
    "RemoveUserFromGroup": _shape("GroupName UserName", GroupName=EXISTING_NAME, UserName=EXISTING_NAME),
    "ListGroupsForUser": _shape("UserName", UserName=EXISTING_NAME, **PAGE),
    **_inline("GroupName", EXISTING_NAME),
    **{name: shape for name, shape in _attached("GroupName").items() if "Boundary" not in name},
    **_tagged("User", "UserName", EXISTING_NAME),
    **_tagged("Role", "RoleName", NAME),
    **_tagged("Policy", "PolicyArn", ARN),
    "SimulatePrincipalPolicy": _shape("PolicySourceArn ActionNames", PolicySourceArn=ARN, **_SIMULATION),
    "GetContextKeysForCustomPolicy": _shape("PolicyInputList", PolicyInputList=_DOCUMENTS),
    "GetContextKeysForPrincipalPolicy": _shape(
        "PolicySourceArn", PolicySourceArn=ARN, PolicyInputList=_DOCUMENTS
    ),
    "SimulateCustomPolicy": _shape("PolicyInputList ActionNames", **_SIMULATION),
}

STS: dict[str, Structure] = {
    "GetCallerIdentity": _shape(),
    "GetAccessKeyInfo": _shape("AccessKeyId", AccessKeyId=KEY_ID),
    "GetSessionToken": _shape(DurationSeconds=Number(900, 129600)),
    "AssumeRole": _shape(
        "RoleArn RoleSessionName",
        RoleArn=ARN,
        RoleSessionName=Text(2, 64, r"[\w+=,.@-]*"),
        PolicyArns=ListOf(_shape("", arn=ARN), 0, 10),
        Policy=Text(1, 2048, r"[\u0009\u000A\u000D\u0020-\u00FF]+"),
        DurationSeconds=Number(900, 43200),
        ExternalId=Text(2, 1224, r"[\w+=,.@:\/-]*"),
        Tags=TAGS,
        SourceIdentity=Text(2, 64, r"[\w+=,.@-]*"),
    ),
}
