"""IAM and STS through boto3: every action, its answers against botocore's model, its faults with AWS's codes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from control_plane.api.query.routes import QUERY_ROUTES
from control_plane.domain.iam_model import IAM, STS
from control_plane.store import audit
from tests.http.serving import ACCOUNT, MINIMAL, Server, code, make, refused

MODELS = {name: botocore.session.get_session().get_service_model(name) for name in ("iam", "sts")}
OURS = {"iam": IAM, "sts": STS}


def document(action: Any = "airflow:*", resource: Any = "*", effect: str = "Allow", **more: Any) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(principal: Any, **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def as_user(server: Server, name: str, service: str = "mwaa", *documents: str) -> Any:
    """A client of a new user with these policies."""
    iam = server.client("iam")
    iam.create_user(UserName=name)
    for number, text in enumerate(documents):
        iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=text)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return with_key(server, service, key)


def with_key(server: Server, service: str, key: Any) -> Any:
    return server.client(
        service,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"),
    )


def faults(shape: Any, value: Any, at: str = "") -> Iterator[str]:
    """Where a parsed answer lacks a member that the model requires, or differs in kind."""
    if shape.type_name == "structure":
        for name in set(shape.required_members) - set(value):
            yield f"{at}.{name} is missing"
        for name, one in value.items():
            if name != "ResponseMetadata":
                yield from faults(shape.members[name], one, f"{at}.{name}")
    elif shape.type_name == "list":
        for number, one in enumerate(value):
            yield from faults(shape.member, one, f"{at}[{number}]")


def elements(xml: Any, shape: Any, at: str = "") -> Iterator[str]:
    """Elements on the wire that the model does not know, which botocore would drop silently."""
    for child in xml:
        name = child.tag.rpartition("}")[2]
        if shape.type_name == "structure":
            if name not in shape.members:
                yield f"{at}.{name} is unknown"
            else:
                yield from elements(child, shape.members[name], f"{at}.{name}")
        elif shape.type_name == "list":
            yield from elements(child, shape.member, f"{at}.{name}")


@pytest.mark.parametrize("route", QUERY_ROUTES, ids=lambda route: route.action)
def test_input_is_botocores(route: Any) -> None:
    operation = MODELS[route.service].operation_model(route.name)
    ours = OURS[route.service][route.name]
    theirs = operation.input_shape
    assert set(ours.members) <= set(theirs.members if theirs else {})
    assert ours.required == set(theirs.required_members if theirs else [])


def test_every_shape_has_a_route() -> None:
    assert {route.action for route in QUERY_ROUTES} == {f"iam:{n}" for n in IAM} | {f"sts:{n}" for n in STS}


def test_every_action_answers_as_the_model_says(server: Server) -> None:
    import xml.etree.ElementTree as ET

    wire: list[tuple[str, bytes]] = []
    iam, sts = server.client("iam"), server.client("sts")
    for client in (iam, sts):
        client.meta.events.register(
            "before-parse",
            lambda response_dict, operation_model, **_: wire.append(
                (operation_model.name, response_dict["body"])
            ),
        )
    seen = set()

    def call(client: Any, name: str, **given: Any) -> Any:
        service = client.meta.service_model.service_name
        seen.add(f"{service}:{name}")
        wire.clear()
        method = next(m for m, n in client.meta.method_to_api_mapping.items() if n == name)
        answer = getattr(client, method)(**given)
        shape = MODELS[service].operation_model(name).output_shape
        if shape is not None:
            assert list(faults(shape, answer)) == []
            result = next((one for one in ET.fromstring(wire[-1][1]) if one.tag.endswith("Result")), [])
            assert list(elements(result, shape)) == []
        return answer

    managed = call(iam, "CreatePolicy", PolicyName="m", PolicyDocument=document(), Description="d")["Policy"][
        "Arn"
    ]
    call(iam, "GetPolicy", PolicyArn=managed)
    version = call(iam, "GetPolicyVersion", PolicyArn=managed, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == json.loads(document())
    second = call(iam, "CreatePolicyVersion", PolicyArn=managed, PolicyDocument=document())
    assert (second["PolicyVersion"]["VersionId"], second["PolicyVersion"]["IsDefaultVersion"]) == (
        "v2",
        False,
    )
    call(iam, "SetDefaultPolicyVersion", PolicyArn=managed, VersionId="v2")
    listed = call(iam, "ListPolicyVersions", PolicyArn=managed)["Versions"]
    assert [(one["VersionId"], one["IsDefaultVersion"]) for one in listed] == [("v2", True), ("v1", False)]
    call(iam, "DeletePolicyVersion", PolicyArn=managed, VersionId="v1")
    call(iam, "TagPolicy", PolicyArn=managed, Tags=[{"Key": "Team", "Value": "a"}])
    assert call(iam, "GetPolicy", PolicyArn=managed)["Policy"]["Tags"] == [{"Key": "Team", "Value": "a"}]
    call(iam, "UntagPolicy", PolicyArn=managed, TagKeys=["team", "none"])
    assert call(iam, "ListPolicyTags", PolicyArn=managed)["Tags"] == []
    for title, name in (("User", "u"), ("Role", "r"), ("Group", "g")):
        who = {f"{title}Name": name}
        more: dict[str, Any] = {} if title == "Group" else {"Tags": [{"Key": "k", "Value": "v"}]}
        if title == "Role":
            more["AssumeRolePolicyDocument"] = trust({"AWS": ACCOUNT})
        call(iam, f"Create{title}", **who, **more, Path="/team/")
        if title != "Group":
            call(iam, f"Put{title}PermissionsBoundary", **who, PermissionsBoundary=managed)
        made = call(iam, f"Get{title}", **who)[title]
        assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:{title.lower()}/team/{name}"
        assert title == "Group" or made["PermissionsBoundary"]["PermissionsBoundaryArn"] == managed
        assert made.get("Tags") == more.get("Tags")
        assert name in {one[f"{title}Name"] for one in call(iam, f"List{title}s")[f"{title}s"]}
        if title != "Group":
            call(iam, f"Tag{title}", **who, Tags=[{"Key": "K", "Value": "2"}, {"Key": "a", "Value": ""}])
            tags = [{"Key": "K", "Value": "2"}, {"Key": "a", "Value": ""}]
            assert call(iam, f"List{title}Tags", **who)["Tags"] == tags
            call(iam, f"Untag{title}", **who, TagKeys=["A"])
            assert call(iam, f"Get{title}", **who)[title]["Tags"] == tags[:1]
        call(iam, f"Put{title}Policy", **who, PolicyName="i", PolicyDocument=document())
        assert call(iam, f"List{title}Policies", **who)["PolicyNames"] == ["i"]
        inline = call(iam, f"Get{title}Policy", **who, PolicyName="i")
        assert inline["PolicyDocument"] == json.loads(document())
        call(iam, f"Attach{title}Policy", **who, PolicyArn=managed)
        attached = call(iam, f"ListAttached{title}Policies", **who)["AttachedPolicies"]
        assert attached == [{"PolicyName": "m", "PolicyArn": managed}]
    assert code(refused(iam.delete_policy, PolicyArn=managed)) == ("DeleteConflict", 409)
    call(iam, "UpdateAssumeRolePolicy", RoleName="r", PolicyDocument=trust({"AWS": "*"}))
    call(iam, "UpdateRole", RoleName="r", MaxSessionDuration=7200)
    call(iam, "UpdateRoleDescription", RoleName="r", Description="of tests")
    changed = iam.get_role(RoleName="r")["Role"]
    assert (changed["MaxSessionDuration"], changed["Description"]) == (7200, "of tests")
    assert call(iam, "ListInstanceProfilesForRole", RoleName="r")["InstanceProfiles"] == []
    holders = call(iam, "ListEntitiesForPolicy", PolicyArn=managed)
    assert [one["UserName"] for one in holders["PolicyUsers"]] == ["u"]
    assert [one["RoleName"] for one in holders["PolicyRoles"]] == ["r"]
    assert [one["GroupName"] for one in holders["PolicyGroups"]] == ["g"]
    limited = iam.list_entities_for_policy(PolicyArn=managed, PolicyUsageFilter="PermissionsBoundary")
    assert (len(limited["PolicyRoles"]), limited["PolicyGroups"]) == (1, [])
    call(iam, "UpdateUser", UserName="u", NewUserName="v", NewPath="/other/")
    assert iam.get_user(UserName="v")["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/other/v"
    assert iam.list_user_policies(UserName="v")["PolicyNames"] == ["i"]
    iam.update_user(UserName="v", NewUserName="u", NewPath="/team/")
    call(iam, "UpdateGroup", GroupName="g", NewGroupName="h")
    assert iam.list_group_policies(GroupName="h")["PolicyNames"] == ["i"]
    iam.update_group(GroupName="h", NewGroupName="g")
    key = call(iam, "CreateAccessKey", UserName="u")["AccessKey"]["AccessKeyId"]
    call(iam, "UpdateAccessKey", UserName="u", AccessKeyId=key, Status="Inactive")
    assert call(iam, "ListAccessKeys", UserName="u")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    source = f"arn:aws:iam::{ACCOUNT}:user/team/u"
    result = call(
        iam, "SimulatePrincipalPolicy", PolicySourceArn=source, ActionNames=["airflow:GetEnvironment"]
    )
    assert result["EvaluationResults"][0]["EvalDecision"] == "allowed"
    custom = call(
        iam, "SimulateCustomPolicy", PolicyInputList=[document(effect="Deny")], ActionNames=["airflow:X"]
    )
    assert custom["EvaluationResults"][0]["EvalDecision"] == "explicitDeny"
    asking = document(
        resource="arn:aws:s3:::${aws:username, 'x'}/${*}",
        Condition={"StringLike": {"s3:prefix": "${aws:PrincipalTag/team}/*"}},
    )
    keys = ["aws:PrincipalTag/team", "aws:username", "s3:prefix"]
    of_custom = call(iam, "GetContextKeysForCustomPolicy", PolicyInputList=[asking])
    assert of_custom["ContextKeyNames"] == keys
    of_user = call(
        iam, "GetContextKeysForPrincipalPolicy", PolicySourceArn=source, PolicyInputList=[asking, document()]
    )
    assert of_user["ContextKeyNames"] == keys
    assert call(sts, "GetCallerIdentity")["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/admin"
    call(sts, "GetSessionToken")
    assert call(sts, "GetAccessKeyInfo", AccessKeyId=key)["Account"] == ACCOUNT
    call(sts, "AssumeRole", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/team/r", RoleSessionName="me")
    assert managed in {one["Arn"] for one in call(iam, "ListPolicies")["Policies"]}
    call(iam, "DeleteAccessKey", UserName="u", AccessKeyId=key)
    in_group = {"GroupName": "g", "UserName": "u"}
    call(iam, "AddUserToGroup", **in_group)
    assert [one["UserName"] for one in call(iam, "GetGroup", GroupName="g")["Users"]] == ["u"]
    assert [one["GroupName"] for one in call(iam, "ListGroupsForUser", UserName="u")["Groups"]] == ["g"]
    call(iam, "RemoveUserFromGroup", **in_group)
    for title, name in (("User", "u"), ("Role", "r"), ("Group", "g")):
        who = {f"{title}Name": name}
        assert code(refused(getattr(iam, f"delete_{title.lower()}"), **who)) == ("DeleteConflict", 409)
        call(iam, f"Delete{title}Policy", **who, PolicyName="i")
        call(iam, f"Detach{title}Policy", **who, PolicyArn=managed)
        if title != "Group":
            call(iam, f"Delete{title}PermissionsBoundary", **who)
        call(iam, f"Delete{title}", **who)
    call(iam, "DeletePolicy", PolicyArn=managed)
    assert seen == {route.action for route in QUERY_ROUTES}


def test_faults_have_awss_codes(server: Server) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="twin")
    good = document()
    for operation, given, expected in [
        (iam.create_user, {"UserName": "TWIN"}, ("EntityAlreadyExists", 409)),
        (iam.create_user, {"UserName": "no spaces"}, ("ValidationError", 400)),
        (iam.create_user, {}, ("ValidationError", 400)),
        (iam.get_user, {"UserName": "nobody"}, ("NoSuchEntity", 404)),
        (iam.get_user_policy, {"UserName": "twin", "PolicyName": "x"}, ("NoSuchEntity", 404)),
        (iam.put_user_policy, {"UserName": "twin", "PolicyName": "x", "PolicyDocument": "{"},
         ("MalformedPolicyDocument", 400)),
        (iam.put_user_policy, {"UserName": "twin", "PolicyName": "x", "PolicyDocument": document("a:" + "b" * 2048)},
         ("LimitExceeded", 409)),
        (iam.create_role, {"RoleName": "r", "AssumeRolePolicyDocument": good}, ("MalformedPolicyDocument", 400)),
        (iam.attach_user_policy, {"UserName": "twin", "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/none"},
         ("NoSuchEntity", 404)),
        (iam.attach_user_policy, {"UserName": "twin", "PolicyArn": "AdministratorAccess-of-aws"},
         ("InvalidInput", 400)),
        (iam.create_user, {"UserName": "t", "Tags": [{"Key": "AWS:t", "Value": ""}]}, ("InvalidInput", 400)),
        (iam.update_user, {"UserName": "twin", "NewUserName": "Admin"}, ("EntityAlreadyExists", 409)),
        (iam.update_user, {"UserName": "admin", "NewUserName": "chief"}, ("InvalidInput", 400)),
        (iam.update_role, {"RoleName": "none"}, ("NoSuchEntity", 404)),
        (iam.simulate_custom_policy, {"PolicyInputList": [good], "ActionNames": ["s3:GetObject"],
         "ResourcePolicy": document(Principal="*")}, ("InvalidInput", 400)),
        (iam.list_users, {"MaxItems": 0}, ("ValidationError", 400)),
        (iam.list_server_certificates, {}, ("InvalidAction", 400)),
    ]:  # fmt: skip
        assert code(refused(operation, **given)) == expected
    for _ in range(2):
        iam.create_access_key(UserName="twin")
    assert code(refused(iam.create_access_key, UserName="twin")) == ("LimitExceeded", 409)
    wrong = server.client("iam", aws_secret_access_key="x")
    assert code(refused(wrong.list_users)) == ("SignatureDoesNotMatch", 403)
    stranger = server.client("sts", aws_access_key_id="AKIAAAAAAAAAAAAAAAAA")
    assert code(refused(stranger.get_caller_identity)) == ("InvalidClientTokenId", 403)


def test_pages_meet_without_gap(server: Server) -> None:
    iam = server.client("iam")
    names = [f"page-{number:02}" for number in range(7)]
    for name in names:
        iam.create_user(UserName=name, Path="/pages/")
    pages = iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 3})
    assert [user["UserName"] for page in pages for user in page["Users"]] == names


def test_user_may_do_what_its_policies_say_and_no_more(server: Server) -> None:
    make(server, "mine")
    make(server, "theirs")
    arn = f"arn:aws:airflow:us-east-1:{ACCOUNT}:environment/"
    client = as_user(
        server, "limited", "mwaa",
        document(["airflow:GetEnvironment", "airflow:DeleteEnvironment"], f"{arn}${{aws:username}}*"),
        document(["airflow:GetEnvironment", "airflow:DeleteEnvironment"], f"{arn}m*"),
        document("airflow:DeleteEnvironment", "*", "Deny"),
    )  # fmt: skip
    assert client.get_environment(Name="mine")["Environment"]["Name"] == "mine"
    error = refused(client.get_environment, Name="theirs")
    assert code(error) == ("AccessDeniedException", 403)
    assert (
        f"User: arn:aws:iam::{ACCOUNT}:user/limited is not authorized to perform: airflow:GetEnvironment on resource: "
        f"{arn}theirs because no identity-based policy allows the airflow:GetEnvironment action"
    ) in str(error)
    assert "with an explicit deny in an identity-based policy" in str(
        refused(client.delete_environment, Name="mine")
    )
    refused(client.list_environments)
    server.trail.flush()
    with server.db.read() as conn:
        rows = [one for _, one in audit.list_page(conn, 0, 10_000) if one.caller.endswith("user/limited")]
    assert [(one.action, one.decision) for one in rows][-1] == ("airflow:ListEnvironments", "deny")
    assert any(one.reason and "p2, statement 1" in one.reason for one in rows)


def test_create_needs_the_role_passed_and_the_tags_asked_for(server: Server) -> None:
    tagged = {"StringEquals": {"aws:RequestTag/team": "data"}}
    client = as_user(
        server, "maker", "mwaa",
        document("airflow:CreateEnvironment", "*", Condition=tagged),
        document("iam:PassRole", MINIMAL["ExecutionRoleArn"]),
    )  # fmt: skip
    refused(client.create_environment, Name="made", **MINIMAL)
    other = {**MINIMAL, "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/other", "Tags": {"team": "data"}}
    assert "iam:PassRole on resource" in str(refused(client.create_environment, Name="made", **other))
    client.create_environment(Name="made", **MINIMAL, Tags={"team": "data"})
    reader = as_user(
        server, "by-tag", "mwaa",
        document("airflow:Get*", "*", Condition={"StringEquals": {"aws:ResourceTag/team": "data"}}),
    )  # fmt: skip
    reader.get_environment(Name="made")
    make(server, "untagged")
    refused(reader.get_environment, Name="untagged")


def test_airflow_role_is_the_mightiest_granted(server: Server) -> None:
    make(server, "roles")
    prefix = f"arn:aws:airflow:us-east-1:{ACCOUNT}:role/roles/"
    client = as_user(
        server, "op", "mwaa", document("airflow:InvokeRestApi", [f"{prefix}Viewer", f"{prefix}Op"])
    )
    client.invoke_rest_api(Name="roles", Path="/dags", Method="GET")
    assert (server.cells.asked[-1][1].role, server.cells.asked[-1][1].user) == ("Op", "op")
    make(server, "roles-2")
    assert "Airflow role" in str(refused(client.invoke_rest_api, Name="roles-2", Path="/dags", Method="GET"))


def test_group_gives_its_users_what_its_policies_say(server: Server) -> None:
    iam = server.client("iam")
    client = as_user(server, "member", "mwaa")
    iam.create_group(GroupName="team")
    iam.put_group_policy(GroupName="team", PolicyName="p", PolicyDocument=document("airflow:List*"))
    refused(client.list_environments)
    iam.add_user_to_group(GroupName="team", UserName="member")
    client.list_environments()
    assert code(refused(iam.delete_group, GroupName="team")) == ("DeleteConflict", 409)
    iam.attach_group_policy(GroupName="team", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.delete_group_policy(GroupName="team", PolicyName="p")
    client.list_environments()
    iam.remove_user_from_group(GroupName="team", UserName="member")
    refused(client.list_environments)


def test_boundary_and_key_status_count_at_once(server: Server) -> None:
    iam = server.client("iam")
    client = as_user(server, "bound", "mwaa", document())
    client.list_environments()
    iam.put_user_permissions_boundary(
        UserName="bound", PermissionsBoundary="arn:aws:iam::aws:policy/IAMFullAccess"
    )
    assert "no permissions boundary allows" in str(refused(client.list_environments))
    iam.delete_user_permissions_boundary(UserName="bound")
    client.list_environments()
    key = iam.list_access_keys(UserName="bound")["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.update_access_key(UserName="bound", AccessKeyId=key, Status="Inactive")
    assert code(refused(client.list_environments)) == ("UnrecognizedClientException", 403)


def test_assumed_role_acts_as_the_role_within_its_session(server: Server) -> None:
    iam = server.client("iam")
    me = f"arn:aws:iam::{ACCOUNT}:user/actor"
    sts = as_user(server, "actor", "sts")
    role = f"arn:aws:iam::{ACCOUNT}:role/acting"
    external = {"StringEquals": {"sts:ExternalId": "secret"}}
    iam.create_role(RoleName="acting", AssumeRolePolicyDocument=trust({"AWS": me}, Condition=external))
    iam.put_role_policy(RoleName="acting", PolicyName="p", PolicyDocument=document("airflow:*"))
    assert code(refused(sts.assume_role, RoleArn=role, RoleSessionName="s1")) == ("AccessDenied", 403)
    given = sts.assume_role(RoleArn=role, RoleSessionName="s1", ExternalId="secret")
    assert given["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/acting/s1"
    as_role = with_key(server, "mwaa", given["Credentials"])
    as_role.list_environments()
    who = with_key(server, "sts", given["Credentials"]).get_caller_identity()
    assert who["Arn"] == given["AssumedRoleUser"]["Arn"]
    assert who["UserId"] == given["AssumedRoleUser"]["AssumedRoleId"]
    narrow = sts.assume_role(
        RoleArn=role, RoleSessionName="s2", ExternalId="secret", Policy=document("airflow:GetEnvironment")
    )
    limited = with_key(server, "mwaa", narrow["Credentials"])
    assert "no session policy allows" in str(refused(limited.list_environments))
    long = {"RoleArn": role, "RoleSessionName": "s3", "ExternalId": "secret", "DurationSeconds": 7200}
    assert "MaxSessionDuration" in str(refused(sts.assume_role, **long))
    without_token = {**given["Credentials"], "SessionToken": None}
    assert code(refused(with_key(server, "mwaa", without_token).list_environments))[1] == 403
    iam.delete_role_policy(RoleName="acting", PolicyName="p")
    refused(as_role.list_environments)
    iam.delete_role(RoleName="acting")
    assert code(refused(as_role.list_environments)) == ("UnrecognizedClientException", 403)


def test_trust_is_needed_whatever_the_callers_policies_say(server: Server) -> None:
    iam, sts = server.client("iam"), server.client("sts")
    iam.create_role(RoleName="closed", AssumeRolePolicyDocument=trust({"Service": "airflow.amazonaws.com"}))
    role = f"arn:aws:iam::{ACCOUNT}:role/closed"
    error = refused(sts.assume_role, RoleArn=role, RoleSessionName="me")
    assert "because no resource-based policy allows the sts:AssumeRole action" in str(error)
    iam.update_assume_role_policy(RoleName="closed", PolicyDocument=trust({"AWS": ACCOUNT}))
    sts.assume_role(RoleArn=role, RoleSessionName="me")
    poor = as_user(server, "poor", "sts")
    refused(poor.assume_role, RoleArn=role, RoleSessionName="me")


def test_session_is_tagged_only_by_who_may_tag_sessions(server: Server) -> None:
    iam = server.client("iam")
    me, role = f"arn:aws:iam::{ACCOUNT}:user/tagger", f"arn:aws:iam::{ACCOUNT}:role/tagged"
    sts = as_user(server, "tagger", "sts")
    of_team = {"StringEquals": {"aws:PrincipalTag/team": "a", "aws:SourceIdentity": "me"}}
    iam.create_role(RoleName="tagged", AssumeRolePolicyDocument=trust({"AWS": me}))
    iam.put_role_policy(RoleName="tagged", PolicyName="p", PolicyDocument=document(Condition=of_team))
    plain: dict[str, Any] = {"RoleArn": role, "RoleSessionName": "me"}
    tagged = {**plain, "Tags": [{"Key": "team", "Value": "a"}], "SourceIdentity": "me"}
    given = with_key(server, "mwaa", sts.assume_role(**plain)["Credentials"])
    assert code(refused(given.list_environments)) == ("AccessDeniedException", 403)
    assert "sts:TagSession" in str(refused(sts.assume_role, **tagged))
    both = trust({"AWS": me}, Action=["sts:AssumeRole", "sts:TagSession"])
    iam.update_assume_role_policy(RoleName="tagged", PolicyDocument=both)
    assert "sts:SetSourceIdentity" in str(refused(sts.assume_role, **tagged))
    iam.update_assume_role_policy(RoleName="tagged", PolicyDocument=trust({"AWS": me}, Action="sts:*"))
    answer = sts.assume_role(**tagged)
    assert answer["SourceIdentity"] == "me"
    with_key(server, "mwaa", answer["Credentials"]).list_environments()


def test_renaming_a_user_needs_both_names(server: Server) -> None:
    of_team = document("iam:UpdateUser", f"arn:aws:iam::{ACCOUNT}:user/team/*")
    iam = as_user(server, "renamer", "iam", of_team)
    server.client("iam").create_user(UserName="mover", Path="/team/")
    assert "user/boss/mover" in str(refused(iam.update_user, UserName="mover", NewPath="/boss/"))
    iam.update_user(UserName="mover", NewUserName="moved")


def test_query_may_be_signed_in_the_url_and_unsigned_is_refused_as_xml(server: Server) -> None:
    import urllib.error
    import urllib.request

    url = server.client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert b"user/admin</Arn>" in answer.read()
    form = "Action=GetCallerIdentity&Version=2011-06-15"
    for target, body in ((f"{server.url}/?{form}", None), (f"{server.url}/", form.encode())):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(target, body, timeout=10)
        assert caught.value.code == 403
        assert b"<Code>MissingAuthenticationToken</Code>" in caught.value.read()


def test_session_ends_when_its_time_is_over(server: Server) -> None:
    given = server.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    with_key(server, "mwaa", given).list_environments()
    from sqlalchemy import text

    with server.db.begin() as conn:
        conn.execute(
            text("UPDATE access_key SET expires_at = :past WHERE id = :id"),
            {"past": time.time() - 1, "id": given["AccessKeyId"]},
        )
    assert code(refused(with_key(server, "mwaa", given).list_environments)) == ("ExpiredTokenException", 403)
    assert code(refused(with_key(server, "sts", given).get_caller_identity)) == ("ExpiredToken", 403)


def test_iam_itself_is_guarded_and_no_secret_is_kept_readable(server: Server) -> None:
    client = as_user(server, "reader", "iam", document(["iam:Get*", "iam:List*"]))
    client.list_users()
    assert client.get_user()["User"]["UserName"] == "reader"
    error = refused(client.create_access_key, UserName="admin")
    assert code(error) == ("AccessDenied", 403)
    assert f"iam:CreateAccessKey on resource: arn:aws:iam::{ACCOUNT}:user/admin" in str(error)
    made = server.client("iam").create_access_key(UserName="reader")["AccessKey"]
    token = server.client("sts").get_session_token()["Credentials"]
    server.trail.flush()
    with server.db.read() as conn:
        rows = "".join(str(one) for _, one in audit.list_page(conn, 0, 100_000))
        dump = "".join(str(row) for row in conn.exec_driver_sql("SELECT * FROM access_key"))
    for secret in (made["SecretAccessKey"], token["SecretAccessKey"], token["SessionToken"]):
        assert secret not in rows + dump
    assert "iam:CreateAccessKey" in rows
    assert "AdministratorAccess, statement 1" in rows


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Action=ListUsers&Version=2010-05-08&MaxItems=%C2%B2",
        b"Action=ListUsers&Version=2010-05-08&MaxItems=--5",
        b"Action=ListUsers&Version=2010-05-08&MaxItems.member.1=5",
        b"Action=CreateUser&Version=2010-05-08&UserName.a=x",
        b"Action=CreateUser&Version=2010-05-08&UserName=%00",
        b"Action=CreateUser&Version=2010-05-08&UserName=x&Tags.member.x.Key=1",
        b"Action=CreateUser&Version=2010-05-08&UserName=x&Tags.member.1=1&Tags.member.1.Key=1",
        b"Action=CreateUser&Version=2010-05-08&UserName=x&Tags=1&Path=%0A",
        b"Action=GetPolicy&Version=2010-05-08&PolicyArn=arn%3Aaws%3Aiam%3A%3A1%3Apolicy%2F%00xxxxxxx",
        b"Action=SimulateCustomPolicy&Version=2010-05-08&PolicyInputList.member.1=%7B%7D&ActionNames.member.1=a:b",
        b"\xff\xfe",
        b"Action=%00&Version=x",
        b"&".join(b"a%d=1" % number for number in range(6000)),
    ],
)
def test_form_that_is_wrong_is_the_callers_fault(server: Server, body: bytes) -> None:
    import urllib.error
    import urllib.request

    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    key = server.credentials
    signer = botocore.credentials.Credentials(key.access_key_id, key.secret_access_key)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = botocore.awsrequest.AWSRequest("POST", server.url + "/", headers=headers, data=body)
    botocore.auth.SigV4Auth(signer, "iam", "us-east-1").add_auth(request)
    sent = urllib.request.Request(server.url + "/", body, dict(request.headers.items()), method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(sent, timeout=10)
    assert caught.value.code == 400
    assert b"<Type>Sender</Type>" in caught.value.read()


def test_default_version_is_what_counts_wherever_the_policy_is_attached(server: Server) -> None:
    iam, name = server.client("iam"), "versioned"
    arn = iam.create_policy(PolicyName="versioned", PolicyDocument=document("airflow:ListEnvironments"))
    arn = arn["Policy"]["Arn"]
    client = as_user(server, name)
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    client.list_environments()
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document("s3:*"), SetAsDefault=True)
    assert code(refused(client.list_environments)) == ("AccessDeniedException", 403)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    client.list_environments()


def test_versions_of_a_policy_are_five_and_their_numbers_are_not_given_twice(server: Server) -> None:
    iam = server.client("iam")
    arn = iam.create_policy(PolicyName="five", PolicyDocument=document())["Policy"]["Arn"]
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document())
    full = refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=document())
    assert code(full) == ("LimitExceeded", 409)
    assert code(refused(iam.delete_policy, PolicyArn=arn)) == ("DeleteConflict", 409)
    assert code(refused(iam.delete_policy_version, PolicyArn=arn, VersionId="v1"))[0] == "DeleteConflict"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=document())["PolicyVersion"]
    assert made["VersionId"] == "v6"
    missing = refused(iam.set_default_policy_version, PolicyArn=arn, VersionId="v5")
    assert code(missing) == ("NoSuchEntity", 404)
    aws = "arn:aws:iam::aws:policy/AdministratorAccess"
    refusal = refused(iam.create_policy_version, PolicyArn=aws, PolicyDocument=document())
    assert code(refusal) == ("AccessDenied", 403)


def test_names_that_mean_something_elsewhere_widen_no_grant(server: Server) -> None:
    """Environments called like roles, resources and parts of paths: a grant on one is a grant on that one."""
    names = ["Admin", "Viewer", "role", "environment", "api", "DAGs", "environments"]
    for name in names:
        make(server, name)
    for mine in names:
        resources = [f"arn:aws:airflow:us-east-1:{ACCOUNT}:{kind}/{mine}" for kind in ("environment", "role")]
        grant = document("airflow:*", [resources[0], f"{resources[1]}/*"])
        client = as_user(server, f"only-{mine}", "mwaa", grant)
        assert {name for name in names if may(client.get_environment, Name=name)} == {mine}
        rest = {"Path": "/dags", "Method": "GET"}
        assert {name for name in names if may(client.invoke_rest_api, Name=name, **rest)} == {mine}
        prefix = resources[0].removesuffix(mine)
        tags = client.list_tags_for_resource
        assert {name for name in names if may(tags, ResourceArn=prefix + name)} == {mine}


def may(operation: Any, **given: Any) -> bool:
    try:
        operation(**given)
    except ClientError as error:
        assert code(error) == ("AccessDeniedException", 403)
        return False
    return True
