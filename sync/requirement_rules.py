"""What a requirements.txt may ask for, and where its files are here: pure. It comes before `requirements`.

MWAA's well-known places are mapped to where their files lie, `${NAME}` to what the startup script exported. What would
read files of this machine, or go to indexes that are not allowed, is refused with words that name the line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sync.requirements import is_airflow_constraints, list_logical_lines

PLUGINS, DAGS = "/usr/local/airflow/plugins", "/usr/local/airflow/dags"
_INDEX = ("-i", "--index-url", "--extra-index-url")
_FILES = ("-c", "--constraint", "-f", "--find-links")
_PLAIN = ("--no-index", "--no-binary", "--only-binary", "--require-hashes", "--pre", "--prefer-binary")
_HOST = ("--trusted-host",)
_OPTION = re.compile(r"^(?P<name>--[a-z-]+|-.)(\s*=\s*|\s*)(?P<value>.*)$")
_NAMED = re.compile(r"\$\{([A-Z0-9_]+)\}")
_NAME = re.compile(r"^[A-Za-z0-9][\w.\-]*\s*(\[[^\]]*\])?\s*@\s*")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tar.bz2", ".tgz")
_ELSEWHERE = ("http", "https", "git+http", "git+https", "git+ssh", "hg+https", "svn+https", "bzr+https")


class BadRequirements(Exception):
    """A line cannot be used; the text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one environment. `places`: MWAA's folder -> ours; `variables`: for `${NAME}`."""

    indexes: bool = True
    """Whether lines may name indexes and files elsewhere."""
    places: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The text as it is installed: a line for each logical line of the owner's."""

    text: str
    notes: tuple[str, ...]
    secrets: tuple[str, ...] = field(repr=False)
    """What of it no log may show: passwords of addresses."""


def prepare_requirements(text: str, rules: Rules) -> Prepared:
    """Map and check every line. Raises BadRequirements."""
    lines: list[str] = []
    notes: list[str] = []
    secrets: set[str] = set()
    for number, line in enumerate(list_logical_lines(text), start=1):
        try:
            kept, note = _prepare(line, rules, secrets)
        except BadRequirements as refusal:
            shown = mask(line.strip(), secrets | set(_list_passwords(line)))
            raise BadRequirements(
                f"cannot use line {number} of requirements.txt, {shown!r}: {refusal}"
            ) from None
        lines.append(kept)
        if note:
            notes.append(f"line {number}: {note}")
    return Prepared("\n".join(lines) + "\n", tuple(notes), tuple(sorted(secrets, key=len, reverse=True)))


def list_named_files(text: str) -> list[str]:
    """The files and folders below MWAA's dags folder that lines name, relative to it; to be fetched first."""
    found = []
    for line in list_logical_lines(text):
        for match in re.finditer(rf"(?:file://)?{DAGS}/?([^\s\"'#]*)", line.split(" #")[0]):
            found.append(match[1].rstrip("/"))
    return list(dict.fromkeys(found))


def mask(text: str, secrets: Collection[str]) -> str:
    """The text with secrets, and passwords of addresses, replaced."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return re.sub(r"(\w://)[^/\s@]+@", r"\1***@", text)


def _prepare(line: str, rules: Rules, secrets: set[str]) -> tuple[str, str | None]:
    wanted = line.split(" #")[0].strip()
    if not wanted or wanted.startswith("#"):
        return line, None
    secrets.update(_list_passwords(wanted))
    used = {name: _look_up(name, rules.variables) for name in _NAMED.findall(wanted)}
    secrets.update(value for value in used.values() if len(value) >= 5)
    wanted = _NAMED.sub(lambda match: used[match[1]], wanted)
    secrets.update(_list_passwords(wanted))
    option = _OPTION.match(wanted)
    if option:
        return _prepare_option(option["name"], option["value"].strip().strip("\"'"), wanted, rules)
    named = _NAME.match(wanted)
    start = named.end() if named else 0
    first = wanted[start:].split()[0] if wanted[start:] else ""
    if named or "/" in first or first.endswith(_ARCHIVES):
        place, note = _place(first, rules)
        return f"{wanted[:start]}{place}{wanted[start + len(first) :]}", note
    return wanted, None


def _prepare_option(name: str, value: str, line: str, rules: Rules) -> tuple[str, str | None]:
    if name in _PLAIN or name in _HOST:
        return line, None
    if name in _INDEX:
        _check_address(value, rules)
        note = "packages of that index come before the others'" if name == "--extra-index-url" else None
        return f"{name} {value}", note
    if name in _FILES:
        if name in ("-c", "--constraint") and is_airflow_constraints(value):
            return f"{name} {value}", None
        place, note = _place(value, rules)
        return f"{name} {place}", note
    raise BadRequirements(f"the option {name} is not allowed; {_ADVICE.get(name, 'leave it out')}")


_ADVICE = dict.fromkeys(("-r", "--requirement"), "put those lines into this file") | dict.fromkeys(
    ("-e", "--editable"), "build a wheel and name that"
)


def _place(place: str, rules: Rules) -> tuple[str, str | None]:
    """Where a file, a folder or an address is here."""
    path = place.removeprefix("file://")
    for known, ours in rules.places.items():
        if path == known or path.startswith(f"{known}/"):
            rest = path.removeprefix(known)
            if any(part == ".." for part in rest.split("/")):
                raise BadRequirements("its path leads out of the folder")
            prefix = "file://" if place.startswith("file://") else ""
            return f"{prefix}{ours}{rest}", f"{known} is where its files lie here"
    if place.partition(":")[0] in _ELSEWHERE:
        _check_address(place, rules)
        return place, None
    known = " and ".join(sorted(rules.places)) or f"{PLUGINS} (of plugins.zip) and {DAGS}"
    raise BadRequirements(f"only files below {known} can be named, and addresses")


def _check_address(address: str, rules: Rules) -> None:
    if not rules.indexes:
        raise BadRequirements(
            "this service installs from its own package index only; leave the line out, or have the service started"
            " with --package-indexes allow"
        )
    if address.partition(":")[0] not in _ELSEWHERE:
        raise BadRequirements("it is no http or https address")


def _look_up(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise BadRequirements(f"${{{name}}} is not exported by the startup script")
    return variables[name]


def _list_passwords(line: str) -> list[str]:
    found = []
    for match in re.finditer(r"[A-Za-z][\w+.\-]*://[^/\s]+@\S+", line):
        try:
            password = urlsplit(match[0].strip("\"'")).password
        except ValueError:
            continue
        if password and "${" not in password:
            found.append(password)
    return found
