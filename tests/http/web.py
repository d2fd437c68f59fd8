"""A visitor of web hosts, for tests: tokens by boto3, everything else by plain HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.http.serving import Server


@dataclass
class Visitor:
    """Talks to one environment's web host. Cookies are carried by hand: they are Secure, and this is not TLS."""

    server: Server
    name: str
    host: str = "localhost:8443"

    def token(self, kind: str = "web", client: Any = None) -> str:
        client = client or self.server.client()
        if kind == "cli":
            return str(client.create_cli_token(Name=self.name)["CliToken"])
        return str(client.create_web_login_token(Name=self.name)["WebToken"])

    def send(self, method: str, path: str, secret: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Host": self.host} | more.pop("headers", {})
        if secret is not None:
            headers["Cookie"] = f"session={secret}"
        return httpx.request(
            method, self.server.url + path, headers=headers, timeout=20, verify=False, **more
        )

    def login(self, token: str | None = None, path: str = "/aws_mwaa/login", **more: Any) -> httpx.Response:
        return self.send("POST", path, data={"token": token or self.token()}, **more)

    def sign_in(self) -> str:
        answer = self.login()
        assert answer.status_code == 200, answer.text
        return secret_of(answer)


def secret_of(answer: httpx.Response) -> str:
    """The session's secret that an answer sets."""
    cookies = [value for name, value in answer.headers.multi_items() if name == "set-cookie"]
    (found,) = {cookie.partition("=")[2].partition(";")[0] for cookie in cookies}
    return found
