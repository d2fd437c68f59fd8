"""Mail: the message, and how it is handed to the SMTP server of [smtp].

[email] email_backend names a function that sends instead. User and password come from the connection
[email] email_conn_id, or else from [smtp] smtp_user and smtp_password.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.exceptions import AirflowConfigException, AirflowNotFoundException

if TYPE_CHECKING:
    import smtplib
    import ssl
    from email.mime.multipart import MIMEMultipart

log = logging.getLogger(__name__)
Addresses = str | Iterable[str]


def send_email(
    to: Addresses,
    subject: str,
    html_content: str,
    files: Sequence[str] | None = None,
    dryrun: bool = False,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = None,
    custom_headers: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """Send by the configured backend. `to` is one address, several with commas or semicolons, or a list."""
    from airflow.utils.module_loading import import_string

    backend = import_string(conf.get("email", "email_backend"))
    return backend(
        ", ".join(get_email_address_list(to)),
        subject,
        html_content,
        files=files,
        dryrun=dryrun,
        cc=cc,
        bcc=bcc,
        mime_subtype=mime_subtype,
        mime_charset=mime_charset,
        conn_id=conn_id or conf.get("email", "email_conn_id"),
        from_email=conf.get("email", "from_email", fallback=None),
        custom_headers=custom_headers,
        **kwargs,
    )


def send_email_smtp(
    to: Addresses,
    subject: str,
    html_content: str,
    files: Sequence[str] | None = None,
    dryrun: bool = False,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str = "smtp_default",
    from_email: str | None = None,
    custom_headers: dict[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Send over SMTP. The sender is [smtp] smtp_mail_from, or else `from_email`."""
    sender = conf.get("smtp", "smtp_mail_from") or from_email
    if not sender:
        raise ValueError(
            "cannot send mail: there is no sender; set [smtp] smtp_mail_from or [email] from_email"
        )
    message, recipients = build_mime_message(
        sender, to, subject, html_content, files, cc, bcc, mime_subtype, mime_charset, custom_headers
    )
    send_mime_email(sender, recipients, message, conn_id, dryrun)


def build_mime_message(
    mail_from: str | None,
    to: Addresses,
    subject: str,
    html_content: str,
    files: Sequence[str] | None = None,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    custom_headers: dict[str, Any] | None = None,
) -> tuple[MIMEMultipart, list[str]]:
    """The message, and everybody who gets it; those of `bcc` are in the second only."""
    from email.mime.application import MIMEApplication
    from email.mime.multipart import MIMEMultipart
    from email.mime.text import MIMEText
    from email.utils import formatdate

    receivers, copies = get_email_address_list(to), get_email_address_list(cc or [])
    message = MIMEMultipart(mime_subtype)
    headers = {"Subject": subject, "From": mail_from, "To": ", ".join(receivers), "CC": ", ".join(copies)}
    headers |= {"Date": formatdate(localtime=True), **(custom_headers or {})}
    for name, value in headers.items():
        if value:
            message[name] = value
    message.attach(MIMEText(html_content, "html", mime_charset))
    for path in map(Path, files or ()):
        part = MIMEApplication(path.read_bytes(), Name=path.name)
        part["Content-Disposition"] = f'attachment; filename="{path.name}"'
        part["Content-ID"] = f"<{path.name}>"
        message.attach(part)
    return message, [*receivers, *copies, *get_email_address_list(bcc or [])]


def send_mime_email(
    e_from: str,
    e_to: str | list[str],
    mime_msg: MIMEMultipart,
    conn_id: str | None = "smtp_default",
    dryrun: bool = False,
) -> None:
    """Hand a message to the server; a connection that it drops is tried again up to [smtp] smtp_retry_limit times."""
    import smtplib

    if dryrun:
        return
    user, password = _find_login(conn_id)
    last = conf.getint("smtp", "smtp_retry_limit")
    for attempt in range(last + 1):
        try:
            server = _connect()
        except smtplib.SMTPServerDisconnected:
            if attempt == last:
                raise
            continue
        with server:
            if conf.getboolean("smtp", "smtp_starttls"):
                server.starttls(context=_ssl_context())
            if user and password:
                server.login(user, password)
            server.sendmail(e_from, e_to, mime_msg.as_string())
        log.info("Sent an alert email to %s", e_to)
        return


def get_email_address_list(addresses: Addresses) -> list[str]:
    """The addresses one by one. Raises TypeError for what is neither text nor a list of texts."""
    if isinstance(addresses, str):
        return re.split(r"\s*[,;]\s*", addresses)
    if not isinstance(addresses, Iterable):
        raise TypeError(f"cannot use a {type(addresses).__name__} as mail addresses")
    found = list(addresses)
    if not all(isinstance(item, str) for item in found):
        raise TypeError("cannot use a list as mail addresses that holds something else than text")
    return found


def _find_login(conn_id: str | None) -> tuple[str | None, str | None]:
    from airflow.models.connection import get_connection

    if conn_id:
        try:
            found = get_connection(conn_id)
            return found.login, found.password
        except AirflowNotFoundException:
            log.debug("there is no connection %s", conn_id)
    options = ("smtp_user", "smtp_password")
    user, password = (conf.get("smtp", option, fallback=None) for option in options)
    return user, password


def _connect() -> smtplib.SMTP:
    import smtplib

    where: dict[str, Any] = {
        "host": conf.get("smtp", "smtp_host"),
        "port": conf.getint("smtp", "smtp_port"),
        "timeout": conf.getint("smtp", "smtp_timeout"),
    }
    if conf.getboolean("smtp", "smtp_ssl"):
        return smtplib.SMTP_SSL(context=_ssl_context(), **where)
    return smtplib.SMTP(**where)


def _ssl_context() -> ssl.SSLContext | None:
    """[email] ssl_context: `default` checks the server's certificate, `none` does not."""
    import ssl

    wanted = conf.get("email", "ssl_context")
    if wanted not in ("default", "none"):
        raise AirflowConfigException(
            f"cannot use [email] ssl_context = {wanted!r}: it must be default or none"
        )
    return ssl.create_default_context() if wanted == "default" else None
