"""The service's API for our own commands: plain HTTP signed with the administrator's key."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import click
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from control_plane.commands.options import get_access, get_endpoints, read_settings

_SECONDS = 900.0


def open_api(home: str | None) -> ApiClient:
    """The service of a home, as its administrator."""
    paths = read_settings(home=home).paths
    endpoints, access = get_endpoints(paths), get_access(paths)
    return ApiClient(endpoints.url, endpoints.region, access.access_key_id, access.secret_access_key)


class ApiClient:
    """Calls the service at a URL."""

    def __init__(self, url: str, region: str, access_key_id: str, secret_access_key: str) -> None:
        self._url, self._region = url, region
        self._credentials = Credentials(access_key_id, secret_access_key)

    def call(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        """The answer. Raises ClickException with the service's own words."""
        data = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method, self._url + path, data=data)
        request.headers["Content-Type"] = "application/json"
        SigV4Auth(self._credentials, "airflow", self._region).add_auth(request)
        host = urlsplit(self._url).netloc
        connection = http.client.HTTPConnection(host, timeout=_SECONDS)
        try:
            connection.request(method, path, body=data, headers=dict(request.headers.items()))
            answer = connection.getresponse()
            told = json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise click.ClickException(f"cannot reach the service at {self._url}: {error}") from None
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise click.ClickException(str(told.get("message") or told.get("Message") or told))
        found: dict[str, Any] = told
        return found
