"""EmailOperator: sends one mail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.models.baseoperator import BaseOperator


class EmailOperator(BaseOperator):
    """Sends `html_content` with `files` to the addresses of `to`, `cc` and `bcc`; see `airflow.utils.email`."""

    template_fields: Sequence[str] = ("to", "subject", "html_content", "files", "cc", "bcc")
    template_fields_renderers = {"html_content": "html"}
    template_ext: Sequence[str] = (".html",)
    ui_color = "#e6faf9"

    def __init__(
        self,
        *,
        to: Any,
        subject: str,
        html_content: str,
        files: list[str] | None = None,
        cc: Any = None,
        bcc: Any = None,
        mime_subtype: str = "mixed",
        mime_charset: str = "utf-8",
        conn_id: str | None = None,
        custom_headers: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.to, self.cc, self.bcc = to, cc, bcc
        self.subject, self.html_content, self.files = subject, html_content, files or []
        self.mime_subtype, self.mime_charset = mime_subtype, mime_charset
        self.conn_id, self.custom_headers = conn_id, custom_headers

    def execute(self, context: Any) -> None:
        from airflow.utils.email import send_email

        names = ("files", "cc", "bcc", "mime_subtype", "mime_charset", "conn_id", "custom_headers")
        send_email(self.to, self.subject, self.html_content, **{name: getattr(self, name) for name in names})
