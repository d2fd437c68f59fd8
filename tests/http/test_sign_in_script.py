"""The script of the sign-in page, run by node with the parts of a browser that it touches."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import control_plane.api.web.pages as pages
from tests.services import skip_or_fail

SCRIPT = Path(pages.__file__).parent / "static" / "sign_in.js"
BROWSER = """
const told = [];
const status = { set textContent(text) { told.push(["status", text]); } };
globalThis.document = { getElementById: () => status };
globalThis.history = { replaceState: (_state, _title, path) => told.push(["history", path]) };
globalThis.location = { hash: HASH, pathname: "/aws_mwaa/aws-console-sso", replace: (path) => told.push(["go", path]) };
globalThis.fetch = async (path, options) => {
  told.push(["fetch", path, options.method, options.body.toString()]);
  return { ok: OK, status: 403, json: async () => ({ Message: "The token was used before" }) };
};
await import(FILE);
await new Promise((done) => setImmediate(done));
console.log(JSON.stringify(told));
"""


def run(hash_: str, ok: bool) -> list[list[str]]:
    if shutil.which("node") is None:
        skip_or_fail("node is not installed")
    values = {"HASH": json.dumps(hash_), "OK": json.dumps(ok), "FILE": json.dumps(SCRIPT.as_uri())}
    text = BROWSER
    for name, value in values.items():
        text = text.replace(name, value)
    argv = ["node", "--input-type=module", "-e", text]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    told: list[list[str]] = json.loads(done.stdout)
    return told


def test_token_leaves_the_history_before_it_is_sent() -> None:
    told = run("#abc.d-_e", True)
    assert told[0] == ["history", "/aws_mwaa/aws-console-sso"]
    assert ["fetch", "/aws_mwaa/login", "POST", "token=abc.d-_e"] in told
    assert told[-1] == ["go", "/"]


@pytest.mark.parametrize(("hash_", "ok"), [("#spent", False), ("", True)])
def test_nobody_goes_on_without_a_session(hash_: str, ok: bool) -> None:
    told = run(hash_, ok)
    assert not [entry for entry in told if entry[0] == "go"]
    assert told == [] or told[-1] == ["status", "Cannot sign in. The token was used before."]
