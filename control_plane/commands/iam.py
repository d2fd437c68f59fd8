"""`aerodrome iam`: users, roles and policies, who may do what and why; over the same API as `aws iam`."""

from __future__ import annotations

import json
from typing import Any

import click

from control_plane.commands.iam_audit import audit
from control_plane.commands.iam_explain import explain, read_whom, simulate, whom_options
from control_plane.commands.options import home_option

_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@click.group("iam")
def command() -> None:
    """Users, roles and policies: who may do what, and why. `aws iam` and `aws sts` do the same and more.

    \b
    Examples:
      aerodrome iam user add alice --key
      aerodrome iam policy put alice-dev --user alice dev.json
      aerodrome iam explain --user alice airflow:GetEnvironment \\
          arn:aws:airflow:us-east-1:000000000000:environment/dev
      aerodrome iam audit --denied
    """


command.add_command(explain)
command.add_command(simulate)
command.add_command(audit)


@command.group("user")
def user() -> None:
    """Users and their access keys."""


@user.command("add")
@click.argument("name")
@click.option("--path", default="/", show_default=True, help="A path in front of the name, as /team/.")
@click.option("--key", is_flag=True, help="Make an access key too, and print it once.")
@click.option("--admin", is_flag=True, help="Let the user do everything.")
@home_option
def add_user(name: str, path: str, key: bool, admin: bool, home: str | None) -> None:
    """Make a user, who may do nothing until a policy says so.

    \b
    Examples:
      aerodrome iam user add alice
      eval "$(aerodrome iam user add ci --key --admin)"
    """
    from control_plane.commands.iam_client import open_iam, saying_why

    iam = open_iam(home)
    with saying_why(f"add user {name}"):
        made = iam.create_user(UserName=name, Path=path)["User"]
        if admin:
            iam.attach_user_policy(UserName=name, PolicyArn=_ADMINISTRATOR)
        if key:
            _print_key(iam, name)
        else:
            click.echo(made["Arn"])


@user.command("list")
@home_option
def list_users(home: str | None) -> None:
    """Every user with its keys and policies."""
    from control_plane.commands.iam_client import open_iam, saying_why

    iam = open_iam(home)
    with saying_why("list users"):
        for page in iam.get_paginator("list_users").paginate():
            for one in page["Users"]:
                keys = iam.list_access_keys(UserName=one["UserName"])["AccessKeyMetadata"]
                words = [f"{key['AccessKeyId']} {key['Status'].lower()}" for key in keys]
                click.echo(
                    f"{one['Arn']}  {', '.join(words) or 'no keys'}  {_policies(iam, 'user', one['UserName'])}"
                )


@user.command("key")
@click.argument("name")
@home_option
def make_key(name: str, home: str | None) -> None:
    """Make an access key for a user and print it, this once, as lines for a shell."""
    from control_plane.commands.iam_client import open_iam, saying_why

    iam = open_iam(home)
    with saying_why(f"make a key for user {name}"):
        _print_key(iam, name)


@user.command("delete")
@click.argument("name")
@home_option
def delete_user(name: str, home: str | None) -> None:
    """Delete a user with its keys and policies; its sessions end at once."""
    from control_plane.commands.iam_client import empty, open_iam, saying_why

    iam = open_iam(home)
    with saying_why(f"delete user {name}"):
        empty(iam, "user", name)
        iam.delete_user(UserName=name)


@command.group("role")
def role() -> None:
    """Roles: rights that those whom they trust may take on for a while."""


@role.command("add")
@click.argument("name")
@click.option("--trust", "trusted", multiple=True, metavar="ARN", help="Who may assume it; again for more.")
@click.option(
    "--trust-policy", type=click.File(), help="The trust policy as JSON; - reads it from the input."
)
@home_option
def add_role(name: str, trusted: tuple[str, ...], trust_policy: Any, home: str | None) -> None:
    """Make a role.

    \b
    Examples:
      aerodrome iam role add deployer --trust arn:aws:iam::000000000000:user/ci
      aerodrome iam role add execution --trust-policy trust.json
    """
    from control_plane.commands.iam_client import open_iam, saying_why

    if bool(trusted) == bool(trust_policy):
        raise click.UsageError("cannot make a role that trusts nobody: give --trust or --trust-policy")
    statement = {"Effect": "Allow", "Principal": {"AWS": list(trusted)}, "Action": "sts:AssumeRole"}
    made = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = open_iam(home)
    with saying_why(f"add role {name}"):
        document = trust_policy.read() if trust_policy else made
        click.echo(iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])


@role.command("list")
@home_option
def list_roles(home: str | None) -> None:
    """Every role with its policies."""
    from control_plane.commands.iam_client import open_iam, saying_why

    iam = open_iam(home)
    with saying_why("list roles"):
        for page in iam.get_paginator("list_roles").paginate():
            for one in page["Roles"]:
                click.echo(f"{one['Arn']}  {_policies(iam, 'role', one['RoleName'])}")


@role.command("delete")
@click.argument("name")
@home_option
def delete_role(name: str, home: str | None) -> None:
    """Delete a role with its policies; its sessions end at once."""
    from control_plane.commands.iam_client import empty, open_iam, saying_why

    iam = open_iam(home)
    with saying_why(f"delete role {name}"):
        empty(iam, "role", name)
        iam.delete_role(RoleName=name)


@command.group("policy")
def policy() -> None:
    """Policies of users and roles."""


@policy.command("put")
@click.argument("name")
@click.argument("document", type=click.File())
@whom_options
@home_option
def put_policy(name: str, document: Any, user: str | None, role: str | None, home: str | None) -> None:
    """Write a policy (AWS's JSON; - reads it from the input) into a user or role, over one of that name.

    \b
    Examples:
      aerodrome iam policy put read --user alice read.json
      cat deploy.json | aerodrome iam policy put deploy --role deployer -
    """
    from control_plane.commands.iam_client import open_iam, saying_why

    kind, who = read_whom(user, role)
    iam = open_iam(home)
    with saying_why(f"put policy {name} into {kind} {who}"):
        given = {f"{kind.title()}Name": who, "PolicyName": name, "PolicyDocument": document.read()}
        getattr(iam, f"put_{kind}_policy")(**given)


@policy.command("attach")
@click.argument("arn")
@whom_options
@home_option
def attach_policy(arn: str, user: str | None, role: str | None, home: str | None) -> None:
    """Attach a managed policy, by its ARN or (of AWS's) its name.

    \b
    Examples:
      aerodrome iam policy attach ReadOnlyAccess --user alice
    """
    from control_plane.commands.iam_client import open_iam, saying_why

    kind, who = read_whom(user, role)
    whole = arn if arn.startswith("arn:") else f"arn:aws:iam::aws:policy/{arn}"
    iam = open_iam(home)
    with saying_why(f"attach {arn} to {kind} {who}"):
        getattr(iam, f"attach_{kind}_policy")(**{f"{kind.title()}Name": who}, PolicyArn=whole)


def _print_key(iam: Any, name: str) -> None:
    made = iam.create_access_key(UserName=name)["AccessKey"]
    click.echo(f"export AWS_ACCESS_KEY_ID={made['AccessKeyId']}")
    click.echo(f"export AWS_SECRET_ACCESS_KEY={made['SecretAccessKey']}")


def _policies(iam: Any, kind: str, name: str) -> str:
    who = {f"{kind.title()}Name": name}
    inline = getattr(iam, f"list_{kind}_policies")(**who)["PolicyNames"]
    attached = getattr(iam, f"list_attached_{kind}_policies")(**who)["AttachedPolicies"]
    return ", ".join([*inline, *(one["PolicyName"] for one in attached)]) or "no policies"
