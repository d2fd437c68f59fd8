"""Kerberos tickets, by the system's own kinit."""

from __future__ import annotations

import logging
import shlex
import subprocess

from airflow.configuration import conf
from airflow.exceptions import AirflowException
from airflow.utils.net import get_hostname

log = logging.getLogger(__name__)


def get_kerberos_principal(principal: str | None) -> str:
    """`principal`, or the configured one, with the host's name for _HOST."""
    found = principal or conf.get("kerberos", "principal", fallback="airflow")
    return str(found).replace("_HOST", get_hostname())


def renew_from_kt(principal: str | None, keytab: str, exit_on_fail: bool = True) -> int:
    """Get a ticket from a keytab. Raises AirflowException when kinit fails, unless `exit_on_fail` is off."""
    cache = conf.get("kerberos", "ccache", fallback="")
    command = [conf.get("kerberos", "kinit_path", fallback="kinit"), "-r", _minutes(), "-k", "-t", keytab]
    command += ["-c", cache] if cache else []
    command.append(get_kerberos_principal(principal))
    log.info("Re-initialising kerberos from keytab: %s", shlex.join(command))
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0 and exit_on_fail:
        raise AirflowException(f"cannot renew the ticket from {keytab}; kinit says: {done.stderr.strip()}")
    return done.returncode


def _minutes() -> str:
    return f"{conf.getint('kerberos', 'reinit_frequency', fallback=3600) // 60}m"
