"""Tags through boto3 and as raw requests: the ARN in the path in every spelling clients use."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.http.serving import ACCOUNT, MINIMAL, REGION, Server, code, make, refused
from tests.http.test_edge import fetch, signed


def arn(name: str) -> str:
    return f"arn:aws:airflow:{REGION}:{ACCOUNT}:environment/{name}"


@pytest.mark.parametrize(
    "spelling",
    [
        quote(arn("spelled"), safe=""),
        quote(arn("spelled"), safe="/"),
        arn("spelled"),
        quote(arn("spelled"), safe="").replace("%2F", "%2f").replace("%3A", "%3a"),
        arn("spelled").replace("environment", "%65nvironment"),
    ],
)
def test_arn_is_understood_as_clients_spell_it(server: Server, spelling: str) -> None:
    client = server.client()
    if "spelled" not in client.list_environments()["Environments"]:
        make(server, "spelled")
    path, body = f"/tags/{spelling}", b'{"Tags": {"a": "1", "b c": "2"}}'
    assert fetch(server, "POST", path, body, signed(server, "POST", path, body))[:2] == (200, {})
    answer = fetch(server, "GET", path, headers=signed(server, "GET", path))
    assert answer[:2] == (200, {"Tags": {"a": "1", "b c": "2"}})
    gone = f"{path}?tagKeys=b%20c&tagKeys=a"
    assert fetch(server, "DELETE", gone, headers=signed(server, "DELETE", gone))[:2] == (200, {})
    assert client.list_tags_for_resource(ResourceArn=arn("spelled"))["Tags"] == {}


def test_tags_add_up_to_fifty_and_aws_keeps_its_own(server: Server) -> None:
    client = make(server, "fifty")
    client.tag_resource(ResourceArn=arn("fifty"), Tags={f"k{number}": "v" for number in range(50)})
    client.tag_resource(ResourceArn=arn("fifty"), Tags={"k0": "new"})
    full = refused(client.tag_resource, ResourceArn=arn("fifty"), Tags={"one": "more"})
    assert code(full) == ("ValidationException", 400)
    tags = client.list_tags_for_resource(ResourceArn=arn("fifty"))["Tags"]
    assert (len(tags), tags["k0"]) == (50, "new")
    for call in (
        lambda: client.tag_resource(ResourceArn=arn("fifty"), Tags={"AWS:x": "v"}),
        lambda: client.untag_resource(ResourceArn=arn("fifty"), tagKeys=["aws:x"]),
        lambda: client.create_environment(Name="reserved", Tags={"aws:x": "v"}, **MINIMAL),
    ):
        assert code(refused(call)) == ("ValidationException", 400)
    client.untag_resource(ResourceArn=arn("fifty"), tagKeys=["k0", "was never there"])
    assert client.get_environment(Name="fifty")["Environment"]["Tags"].keys() == tags.keys() - {"k0"}
