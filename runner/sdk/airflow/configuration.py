"""Configuration options as DAG files and operators see them: AIRFLOW__SECTION__KEY, else the generation's default.

The environment's options reach the interpreter as environment variables; nothing is read from files.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from typing import Any

from airflow._wire.defaults import IMPORT_SECONDS, MAP_LENGTH
from airflow.exceptions import AirflowConfigException, NotSupported

GENERATION_VARIABLE = "AERODROME_AIRFLOW_VERSION"

DEFAULTS: dict[tuple[str, str], str] = {
    ("core", "default_timezone"): "utc",
    ("core", "parallelism"): "32",
    ("core", "max_active_tasks_per_dag"): "16",
    ("core", "max_active_runs_per_dag"): "16",
    ("core", "max_consecutive_failed_dag_runs_per_dag"): "0",
    ("core", "default_task_retries"): "0",
    ("core", "max_map_length"): str(MAP_LENGTH),
    ("core", "max_templated_field_length"): "4096",
    ("core", "default_task_retry_delay"): "300",
    ("core", "max_task_retry_delay"): "86400",
    ("core", "default_task_execution_timeout"): "",
    ("core", "default_task_weight_rule"): "downstream",
    ("core", "dagbag_import_timeout"): str(IMPORT_SECONDS),
    ("core", "dag_run_conf_overrides_params"): "True",
    ("core", "dags_are_paused_at_creation"): "True",
    ("core", "fernet_key"): "",
    ("core", "executor"): "LocalExecutor",
    ("core", "load_examples"): "False",
    ("core", "unit_test_mode"): "False",
    ("operators", "default_owner"): "airflow",
    ("operators", "default_queue"): "default",
    ("operators", "default_deferrable"): "False",
    ("operators", "allow_illegal_arguments"): "False",
    ("sensors", "default_timeout"): "604800",
    ("logging", "logging_level"): "INFO",
    ("webserver", "base_url"): "http://localhost:8080",
    ("api", "base_url"): "http://localhost:8080",
    ("email", "default_email_on_retry"): "True",
    ("email", "default_email_on_failure"): "True",
    ("email", "email_backend"): "airflow.utils.email.send_email_smtp",
    ("email", "email_conn_id"): "smtp_default",
    ("email", "ssl_context"): "default",
    ("smtp", "smtp_host"): "localhost",
    ("smtp", "smtp_port"): "25",
    ("smtp", "smtp_starttls"): "True",
    ("smtp", "smtp_ssl"): "False",
    ("smtp", "smtp_mail_from"): "airflow@example.com",
    ("smtp", "smtp_timeout"): "30",
    ("smtp", "smtp_retry_limit"): "5",
}

_OLDER_NAMES: dict[tuple[str, str], tuple[str, str]] = {
    ("core", "max_active_tasks_per_dag"): ("core", "dag_concurrency"),
    ("scheduler", "catchup_by_default"): ("core", "catchup_by_default"),
    ("operators", "default_queue"): ("celery", "default_queue"),
    ("webserver", "base_url"): ("api", "base_url"),
}

_FOLDERS = {
    ("logging", "base_log_folder"): "logs",
    ("core", "plugins_folder"): "plugins",
    ("core", "dags_folder"): "dags",
}
"""Options that are folders of AIRFLOW_HOME."""


def airflow_version() -> str:
    """The version the environment was created with; it selects defaults that changed between generations."""
    return os.environ.get(GENERATION_VARIABLE) or "3.3.2"


def generation() -> int:
    """1, 2 or 3."""
    return int(airflow_version().partition(".")[0])


class AirflowConfigParser:
    """`conf`: typed access to options. An option that is neither set nor known raises AirflowConfigException."""

    def get(self, section: str, key: str, fallback: Any = ..., **_: Any) -> Any:
        value = self._find(section.lower(), key.lower())
        if value is not None:
            return value
        if fallback is not ...:
            return fallback
        if key.lower().startswith("sql_alchemy_conn"):
            raise NotSupported(
                "cannot read the address of the metadata database: tasks have no access to it; ask the REST API"
            )
        raise AirflowConfigException(
            f"cannot find the option [{section}] {key}: it is not set and has no default"
        )

    def getboolean(self, section: str, key: str, fallback: Any = ..., **_: Any) -> bool:
        text = str(self.get(section, key, fallback=fallback)).strip().lower()
        if text in ("t", "true", "1", "yes", "on"):
            return True
        if text in ("f", "false", "0", "no", "off", "none", ""):
            return False
        raise AirflowConfigException(f"cannot read [{section}] {key} as a boolean: {text!r}")

    def getint(self, section: str, key: str, fallback: Any = ..., **_: Any) -> int:
        return int(self.get(section, key, fallback=fallback))

    def getfloat(self, section: str, key: str, fallback: Any = ..., **_: Any) -> float:
        return float(self.get(section, key, fallback=fallback))

    def getlist(
        self, section: str, key: str, fallback: Any = ..., delimiter: str = ",", **_: Any
    ) -> list[str]:
        value = self.get(section, key, fallback=fallback)
        return value if isinstance(value, list) else [part.strip() for part in value.split(delimiter)]

    def getjson(self, section: str, key: str, fallback: Any = ..., **_: Any) -> Any:
        value = self.get(section, key, fallback=fallback)
        return json.loads(value) if isinstance(value, str) else value

    def getimport(self, section: str, key: str, **kwargs: Any) -> Any:
        """The object whose dotted path the option is; None when it is empty. Raises AirflowConfigException."""
        from airflow.utils.module_loading import import_string

        path = self.get(section, key, **kwargs)
        try:
            return import_string(path) if path else None
        except ImportError as error:
            raise AirflowConfigException(f"cannot import [{section}] {key}, {path!r}: {error}") from None

    def getenum(self, section: str, key: str, enum_class: Any, **kwargs: Any) -> Any:
        """The member of an enumeration that the option names."""
        value = self.get(section, key, **kwargs)
        return value if isinstance(value, enum_class) else enum_class[str(value)]

    def gettimedelta(self, section: str, key: str, fallback: Any = ..., **_: Any) -> dt.timedelta | None:
        """Seconds as a timedelta; None when the option is empty."""
        value = self.get(section, key, fallback=fallback)
        if value is None or isinstance(value, dt.timedelta):
            return value
        return dt.timedelta(seconds=float(value)) if str(value).strip() else None

    def as_dict(self, **options: Any) -> dict[str, dict[str, str]]:
        """All options that are set, by section."""
        found: dict[str, dict[str, str]] = {}
        for name, value in os.environ.items():
            before, _, rest = name.partition("AIRFLOW__")
            section, _, key = rest.partition("__")
            if not before and section and key:
                found.setdefault(section.lower(), {})[key.lower()] = value
        return found

    def has_option(self, section: str, key: str, **_: Any) -> bool:
        return self._find(section.lower(), key.lower()) is not None

    def get_mandatory_value(self, section: str, key: str, **options: Any) -> str:
        return str(self.get(section, key, **options))

    def getsection(self, section: str) -> dict[str, str]:
        """The options of a section that are set or have a default."""
        prefix = f"AIRFLOW__{section.upper()}__"
        known = {key: value for (name, key), value in DEFAULTS.items() if name == section}
        given = {
            name[len(prefix) :].lower(): value
            for name, value in os.environ.items()
            if name.startswith(prefix)
        }
        return known | given

    def _find(self, section: str, key: str) -> str | None:
        older = _OLDER_NAMES.get((section, key))
        for pair in ((section, key), older):
            value = os.environ.get(f"AIRFLOW__{pair[0].upper()}__{pair[1].upper()}") if pair else None
            if value is not None:
                return value
        known = _generation_default(section, key) or DEFAULTS.get((section, key))
        return known if known is not None else _rare_value(section, key)


def _generation_default(section: str, key: str) -> str | None:
    if (section, key) in _FOLDERS:
        home = get_airflow_home() or os.path.expanduser("~/airflow")  # noqa: PTH111
        return os.path.join(home, _FOLDERS[section, key])  # noqa: PTH118
    if key in ("catchup_by_default", "create_cron_data_intervals", "create_delta_data_intervals"):
        return str(generation() < 3)
    return None


def _rare_value(section: str, key: str) -> str | None:
    """Of an option that few ask for: Airflow's default, or an installed provider package's; what its newer name has."""
    from airflow._names import options

    known = options.find_default(section, key)
    newer = options.find_newer_name(section, key) if known is None else None
    return known if newer is None else conf._find(*newer)


conf = AirflowConfigParser()
get, getboolean, getint, getfloat = conf.get, conf.getboolean, conf.getint, conf.getfloat
getlist, getjson, getimport, getsection = conf.getlist, conf.getjson, conf.getimport, conf.getsection
has_option, as_dict = conf.has_option, conf.as_dict


def get_airflow_home() -> str:
    """AIRFLOW_HOME, as it is set for tasks."""
    return os.environ.get("AIRFLOW_HOME", "")


def expand_env_var(env_var: str) -> str:
    """With `~` and variables replaced, as often as there are any."""
    while env_var and (expanded := os.path.expanduser(os.path.expandvars(env_var))) != env_var:  # noqa: PTH111
        env_var = expanded
    return env_var


AIRFLOW_HOME = get_airflow_home()
