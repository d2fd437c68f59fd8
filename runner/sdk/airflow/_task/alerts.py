"""The mail about a task that failed or will be tried again; `[email]` and `[smtp]` say how it is sent and looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.configuration import conf

_SUBJECT = "Airflow alert: {{ti}}"
_BODY = (
    "Try {{try_number}} out of {{max_tries + 1}}<br>"
    "Exception:<br>{{exception_html}}<br>"
    'Log: <a href="{{ti.log_url}}">Link</a><br>'
    "Host: {{ti.hostname}}<br>"
)


def send_alert(task: Any, context: Any) -> None:
    """Send it to the task's `email`. Raises whatever the mail server or a broken template raises."""
    from airflow.utils.email import send_email

    ti = context["ti"]
    exception = context.get("exception")
    values = {
        **dict(context),
        "exception_html": str(exception).replace("\n", "<br>"),
        "try_number": ti.try_number,
        "max_tries": ti.max_tries,
    }
    subject = _render(task, _template("subject_template", _SUBJECT), values)
    body = _render(task, _template("html_content_template", _BODY), values)
    send_email(task.email, subject, body)


def _template(option: str, default: str) -> str:
    """A template of the `[email]` section: the option names a file."""
    path = conf.get("email", option, fallback=None)
    return Path(path).read_text(encoding="utf-8") if path else default


def _render(task: Any, template: str, values: dict[str, Any]) -> str:
    return str(task.get_template_env().from_string(template).render(values))
