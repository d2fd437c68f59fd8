"""What is wrong with a request: the model's rules, then the service's own. Pure; names every fault."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from control_plane.domain import model
from control_plane.domain.classes import CLASSES, DEFAULT_CLASS, version_key
from control_plane.domain.errors import validation
from control_plane.domain.shapes import Structure, Violation, check, member_path, render


def validate_create(name: str, body: Mapping[str, Any], versions: Collection[str]) -> list[Violation]:
    """Every violation in a CreateEnvironment request, [] when it is good."""
    given = {**body, "Name": name}
    found = list(check(model.CREATE, given, ""))
    return found or list(_service_rules(given, versions))


def validate(shape: Structure, given: Mapping[str, Any]) -> None:
    """Raises one ValidationException that names every violation of the shape."""
    refuse(list(check(shape, dict(given), "")))


def refuse(violations: list[Violation]) -> None:
    """Raises one ValidationException when there are violations."""
    if violations:
        raise validation(render(violations))


def _service_rules(given: Mapping[str, Any], versions: Collection[str]) -> Iterator[Violation]:
    yield from _check_choice("environmentClass", given.get("EnvironmentClass"), list(CLASSES))
    known = sorted(versions, key=version_key, reverse=True)
    yield from _check_choice("airflowVersion", given.get("AirflowVersion"), known)
    yield from _check_pair(given, "MinWorkers", "MaxWorkers")
    yield from _check_pair(given, "MinWebservers", "MaxWebservers")
    schedulers = given.get("Schedulers")
    if schedulers is not None and schedulers < 1:
        yield Violation("schedulers", "Member must have value greater than or equal to 1", str(schedulers))
    yield from _check_network(given["NetworkConfiguration"])
    yield from _check_class(given)


def _check_choice(at: str, value: str | None, choices: list[str]) -> Iterator[Violation]:
    if value is not None and value not in choices:
        yield Violation(at, f"Member must satisfy enum value set: [{', '.join(choices)}]", value)


def _check_pair(given: Mapping[str, Any], low: str, high: str) -> Iterator[Violation]:
    least, most = given.get(low), given.get(high)
    if least is not None and most is not None and least > most:
        yield Violation(
            member_path("", low), f"Member must be less than or equal to {high}, which is {most}", str(least)
        )


def _check_network(network: Mapping[str, Any]) -> Iterator[Violation]:
    for member in ("SubnetIds", "SecurityGroupIds"):
        if network.get(member) is None:
            at = member_path("networkConfiguration", member)
            yield Violation(at, "Member must not be null")


def _check_class(given: Mapping[str, Any]) -> Iterator[Violation]:
    """A class without scaling has one of each."""
    name = given.get("EnvironmentClass") or DEFAULT_CLASS
    chosen = CLASSES.get(name)
    if chosen is None or not chosen.fixed:
        return
    for member in ("MaxWorkers", "MinWorkers", "Schedulers", "MinWebservers", "MaxWebservers"):
        value = given.get(member)
        if value is not None and value > 1:
            rule = f"Member must be 1 for environment class {name}"
            yield Violation(member_path("", member), rule, str(value))
