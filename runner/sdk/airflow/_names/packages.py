"""Which distribution a provider's module belongs to, and the error when it is not there."""

from __future__ import annotations

import re
import traceback
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

NESTED = frozenset({"apache", "atlassian", "cncf", "common", "dbt", "ibm", "microsoft"})
"""Folders of `airflow.providers` that hold several packages."""

_PROVIDER = re.compile(r"airflow\.providers(?:\.\w+)+")

ADAPTED = {
    "amazon_sensors": "airflow.providers.amazon",
    "bigquery_operators": "airflow.providers.google",
    "snowflake_transfers": "airflow.providers.snowflake",
}
"""Modules beside this one, and the provider whose classes they build on."""


class ProviderMissing(ModuleNotFoundError):
    """A name that a provider package offers or once offered, and that is not there."""


def distribution(path: str) -> str | None:
    """The name to write into requirements.txt for a module path; None for one that is no provider's."""
    parts = path.split(".")
    if len(parts) < 3 or parts[:2] != ["airflow", "providers"]:
        return None
    depth = 4 if parts[2] in NESTED else 3
    return "-".join(["apache", *parts[:depth]]).replace("_", "-") if len(parts) >= depth else None


def provider_of(target: str, name: str) -> str | None:
    """The provider that one of the adapters beside this module needs for a name; None for any other module."""
    module = target.removeprefix("airflow._names.")
    if module == target:
        return None
    database = name.removesuffix("Operator").lower()
    return ADAPTED.get(
        module, "airflow.providers." + ("microsoft." if database == "mssql" else "") + database
    )


def is_missing(error: ModuleNotFoundError, path: str) -> bool:
    """Whether an import of `path` failed because the provider's module is not there, not one of its libraries."""
    return error.name is not None and (path == error.name or path.startswith(f"{error.name}."))


def missing(wanted: str, path: str, name: str) -> ProviderMissing:
    """The error for `wanted`, which is `name` in the provider module `path`."""
    package = distribution(path)
    found = find_version(package) if package else None
    if found is None:
        text = f"it is in the package {package}, which is not installed; add {package} to requirements.txt"
    else:
        place = "" if wanted == f"{path}.{name}" else f" as {path}.{name}"
        text = f"the installed {package} {found} does not have it{place}; see that package's changelog"
    return ProviderMissing(f"cannot import {wanted}: {text}", name=path)


def find_version(package: str) -> str | None:
    """The installed version of a distribution."""
    try:
        return installed_version(package)
    except PackageNotFoundError:
        return None


def hint(error: BaseException) -> str | None:
    """What to say about an import that failed for want of a provider package; None for every other error."""
    if not isinstance(error, ImportError) or isinstance(error, ProviderMissing) or not error.name:
        return None
    package = distribution(error.name)
    if package is None and error.name.removeprefix("airflow.providers.") in NESTED:
        package = distribution(_read_statement(error))
    if package is None or find_version(package):
        return None
    return f"{package} is not installed; add it to requirements.txt"


def _read_statement(error: ImportError) -> str:
    """The provider module that the failed import names; of several packages in one folder the error says the folder."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = (frame.line or "" for frame in reversed(frames))
    found = next((match for line in lines if (match := _PROVIDER.search(line))), None)
    return found[0] if found else ""
