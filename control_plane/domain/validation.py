"""What is wrong with a request: the model's rules, then the service's own. Pure; names every fault."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from control_plane.domain import model
from control_plane.domain.classes import CLASSES, version_key
from control_plane.domain.defaults import COUNTS, fill
from control_plane.domain.environment import FILES, EnvironmentSpec
from control_plane.domain.errors import validation
from control_plane.domain.shapes import Structure, Violation, check, member_path, render
from control_plane.domain.update import merge

_TEAMS = 20


def validate_create(name: str, body: Mapping[str, Any], versions: Collection[str]) -> list[Violation]:
    """Every violation in a CreateEnvironment request, [] when it is good."""
    given = {**body, "Name": name}
    found = list(check(model.CREATE, given, ""))
    return found or list(_service_rules(given, versions))


def validate_update(
    body: Mapping[str, Any], before: EnvironmentSpec, versions: Collection[str]
) -> list[Violation]:
    """What the model cannot say of an UpdateEnvironment body: what it makes of `before` must be possible."""
    found = list(_check_names(body, versions)) or list(_check_version_change(before, body))
    found += _check_teams_change(body.get("Teams") or {}, before)
    return found or list(_check_whole(body, merge(before, body)))


def validate(shape: Structure, given: Mapping[str, Any]) -> None:
    """Raises one ValidationException that names every violation of the shape."""
    refuse(list(check(shape, dict(given), "")))


def refuse(violations: list[Violation]) -> None:
    """Raises one ValidationException when there are violations."""
    if violations:
        raise validation(render(violations))


def _service_rules(given: Mapping[str, Any], versions: Collection[str]) -> Iterator[Violation]:
    found = list(_check_names(given, versions))
    yield from found
    yield from _check_network(given["NetworkConfiguration"])
    yield from check_tag_keys(given.get("Tags") or {}, "tags")
    if not found:
        yield from _check_whole(given, fill(given))


def _check_names(given: Mapping[str, Any], versions: Collection[str]) -> Iterator[Violation]:
    yield from _check_choice("environmentClass", given.get("EnvironmentClass"), list(CLASSES))
    known = sorted(versions, key=version_key, reverse=True)
    yield from _check_choice("airflowVersion", given.get("AirflowVersion"), known)


def _check_whole(given: Mapping[str, Any], wanted: EnvironmentSpec) -> Iterator[Violation]:
    """Members that are good by themselves may contradict each other."""
    yield from _check_counts(given, wanted)
    yield from _check_pair(wanted, "MinWorkers", "MaxWorkers")
    yield from _check_pair(wanted, "MinWebservers", "MaxWebservers")
    yield from _check_access(wanted)
    yield from _check_files(given, wanted)
    yield from _check_folders(wanted)


def _check_choice(at: str, value: str | None, choices: list[str]) -> Iterator[Violation]:
    if value is not None and value not in choices:
        yield Violation(at, f"Member must satisfy enum value set: [{', '.join(choices)}]", value)


def _check_counts(given: Mapping[str, Any], wanted: EnvironmentSpec) -> Iterator[Violation]:
    """What the class allows: one of each where it does not scale. Airflow 1.10 has one scheduler."""
    name, single = wanted["EnvironmentClass"], wanted["AirflowVersion"].startswith("1.")
    for member in COUNTS:
        value, (least, most) = given.get(member), CLASSES[name].range_of(member)
        if value is None or least <= value <= most or (single and (member, value) == ("Schedulers", 1)):
            continue
        words = "1" if most == 1 else f"between {least} and {most}"
        yield Violation(
            member_path("", member), f"Member must be {words} for environment class {name}", str(value)
        )


def _check_pair(wanted: Mapping[str, Any], low: str, high: str) -> Iterator[Violation]:
    least, most = wanted[low], wanted[high]
    if least > most:
        yield Violation(
            member_path("", low), f"Member must be less than or equal to {high}, which is {most}", str(least)
        )


def _check_access(wanted: EnvironmentSpec) -> Iterator[Violation]:
    mode, version = wanted["WebserverAccessMode"], wanted["AirflowVersion"]
    if mode == "PUBLIC_AND_PRIVATE" and version_key(version) < (3, 2):
        yield Violation(
            "webserverAccessMode", f"Member needs AirflowVersion 3.2 or newer, which is {version}", mode
        )


def _check_files(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Violation]:
    """A version is one of a file."""
    for file in FILES:
        path, version = f"{file}S3Path", f"{file}S3ObjectVersion"
        if given.get(version) and path not in wanted and given.get(path) != "":
            rule = f"Member must not be given without {path}, which names the file"
            yield Violation(member_path("", version), rule, given[version])


def _check_version_change(before: EnvironmentSpec, body: Mapping[str, Any]) -> Iterator[Violation]:
    """Within a major version in both directions; between 2 and 3 by way of 2.11; 1.10 stays what it is."""
    old, after = before["AirflowVersion"], body.get("AirflowVersion")
    if after is None or old.split(".")[0] == after.split(".")[0]:
        return
    bridge = {"3": old, "2": after}.get(after.split(".")[0], "")
    if {old[:2], after[:2]} != {"2.", "3."} or not bridge.startswith("2.11."):
        rule = f"Member cannot replace {old}: between major versions the way is 2.11 to 3 and back"
        yield Violation("airflowVersion", rule, after)


def _check_teams_change(change: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[Violation]:
    added, removed = change.get("AddOrUpdate") or {}, change.get("Remove") or []
    for name in removed:
        if name in added:
            yield Violation("teams.remove", "Member must not be in AddOrUpdate too", name)
    kept = {name for name in before.get("Teams", {}) if name not in removed}
    if len(kept | set(added)) > _TEAMS:
        yield Violation(
            "teams", f"Member must have length less than or equal to {_TEAMS}, with those there are"
        )


def _check_folders(wanted: EnvironmentSpec) -> Iterator[Violation]:
    """No DAG folder may hold another, of a team or of all; compared as prefixes of keys, as S3 compares them."""
    teams = wanted.get("Teams", {})
    folders = [("the environment's", wanted["SourceBucketArn"], wanted["DagS3Path"])]
    for name, team in sorted(teams.items()):
        bucket, path = team["SourceBucketArn"], team["DagS3Path"]
        for whose, other, taken in folders:
            if bucket == other and (path.startswith(taken) or taken.startswith(path)):
                rule = f"Member must not overlap {whose} DAG folder, which is {taken}"
                yield Violation(f"teams.{name}.member.dagS3Path", rule, path)
        folders.append((f"team {name}'s", bucket, path))


def check_tag_keys(keys: Iterable[str], at: str) -> Iterator[Violation]:
    """Keys that begin with aws: are AWS's own."""
    for key in keys:
        if key.lower().startswith("aws:"):
            yield Violation(at, "Map keys must not begin with aws:, which is reserved", key)


def _check_network(network: Mapping[str, Any]) -> Iterator[Violation]:
    for member in ("SubnetIds", "SecurityGroupIds"):
        if network.get(member) is None:
            at = member_path("networkConfiguration", member)
            yield Violation(at, "Member must not be null")
