"""Operators that ask people and wait for their answer, without a process."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from airflow.exceptions import AirflowException, TaskAwaitingInput
from airflow.models.baseoperator import BaseOperator
from airflow.models.hitl import HITLUser, upsert_hitl_detail
from airflow.models.param import ParamsDict
from airflow.models.skipmixin import BranchMixIn, SkipMixin


class HITLTriggerEventError(AirflowException):
    """The answer could not be had."""


class HITLTimeoutError(HITLTriggerEventError):
    """Nobody answered in time, and there are no defaults."""


class HITLRejectException(AirflowException):
    """Somebody said no, and that is to fail the task."""


class HITLOperator(BaseOperator):
    """Shows `subject` and `body`, offers `options`, and returns what was chosen and entered.

    `defaults` count when nobody answers within `response_timeout`. `params` are a form's fields.
    """

    template_fields = ("subject", "body")

    def __init__(
        self,
        *,
        subject: str,
        options: list[str],
        body: str | None = None,
        defaults: str | list[str] | None = None,
        multiple: bool = False,
        params: Any = None,
        notifiers: Any = None,
        assigned_users: HITLUser | list[HITLUser] | None = None,
        response_timeout: dt.timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        limit: Any = getattr(self, "execution_timeout", None)
        if limit and not response_timeout:  # meant for the answer: nothing else here takes time
            response_timeout, self.execution_timeout = limit, None
        self.subject, self.body, self.options, self.multiple = subject, body, options, multiple
        self.defaults = [defaults] if isinstance(defaults, str) else defaults
        self.params = params if isinstance(params, ParamsDict) else ParamsDict(params or {})
        many = isinstance(notifiers, (list, tuple))
        self.notifiers = list(notifiers) if many else [notifiers] if notifiers else []
        self.assigned_users = [assigned_users] if isinstance(assigned_users, dict) else assigned_users
        self.response_timeout = response_timeout
        self.validate_options()
        self.validate_params()
        self.validate_defaults()

    def validate_options(self) -> None:
        if not self.options:
            raise ValueError(f"cannot ask in {self.task_id!r}: it has no options to choose from")

    def validate_params(self) -> None:
        if "_options" in self.params:
            raise ValueError(f"cannot ask in {self.task_id!r}: a param cannot be called '_options'")

    def validate_defaults(self) -> None:
        if self.defaults is None:
            return
        if not set(self.defaults) <= set(self.options):
            raise ValueError(f"cannot ask in {self.task_id!r}: its defaults must be among its options")
        if len(self.defaults) > 1 and not self.multiple:
            raise ValueError(f"cannot ask in {self.task_id!r}: several defaults need multiple=True")

    @property
    def serialized_params(self) -> dict[str, Any]:
        """The form's fields: value, description and schema of each."""
        return {
            name: {"description": None, "schema": {}, **self.params.get_param(name).dump()}
            for name in self.params
        }

    def execute(self, context: Any) -> Any:
        upsert_hitl_detail(
            context["ti"].id,
            self.options,
            self.subject,
            self.body,
            self.defaults,
            self.multiple,
            self.serialized_params,
            self.assigned_users,
        )
        self.log.info("Waiting for response")
        for notifier in self.notifiers:
            notifier(context)
        raise TaskAwaitingInput(method_name="execute_complete", timeout=self.response_timeout)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """The answer, checked. Raises HITLTimeoutError when there is none."""
        if "error" in event:
            kind = HITLTimeoutError if event["error_type"] == "timeout" else HITLTriggerEventError
            raise kind(event["error"])
        chosen, entered = event["chosen_options"], event["params_input"] or {}
        self.validate_chosen_options(chosen)
        self.validate_params_input(entered)
        names = ("chosen_options", "params_input", "responded_at", "responded_by_user")
        return {name: event[name] for name in names}

    def validate_chosen_options(self, chosen_options: list[str]) -> None:
        unknown = set(chosen_options) - set(self.options)
        if unknown:
            raise ValueError(f"cannot take {sorted(unknown)} for an answer: the options are {self.options}")

    def validate_params_input(self, params_input: Mapping[str, Any]) -> None:
        if self.params and params_input and set(self.params) != set(params_input):
            raise ValueError(
                f"cannot take the fields {sorted(params_input)}: the form has {sorted(self.params)}"
            )
        for name, value in params_input.items():
            self.params[name] = value


class ApprovalOperator(HITLOperator, SkipMixin):
    """Approve, and what follows runs; reject, and it is skipped (or, with `fail_on_reject`, the task fails)."""

    APPROVE, REJECT = "Approve", "Reject"

    def __init__(
        self, *, ignore_downstream_trigger_rules: bool = False, fail_on_reject: bool = False, **kwargs: Any
    ) -> None:
        for name in ("options", "multiple"):
            if name in kwargs:
                raise ValueError(f"cannot pass {name!r} to ApprovalOperator")
        super().__init__(options=[self.APPROVE, self.REJECT], multiple=False, **kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules
        self.fail_on_reject = fail_on_reject

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        result = super().execute_complete(context, event)
        if result["chosen_options"][0] == self.APPROVE:
            return result
        if self.fail_on_reject:
            raise HITLRejectException('Receive "Reject"')
        task = context["task"]
        below = (
            task.get_flat_relatives(upstream=False)
            if self.ignore_downstream_trigger_rules
            else task.get_direct_relatives(upstream=False)
        )
        self.skip(tasks=[other for other in below if not other.is_teardown])
        return result


class HITLBranchOperator(HITLOperator, BranchMixIn):
    """Follows the chosen options, which are task ids or stand for them in `options_mapping`."""

    def __init__(self, *, options_mapping: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options_mapping = options_mapping or {}
        unknown = sorted(set(self.options_mapping) - set(self.options))
        if unknown:
            raise ValueError(f"cannot map {unknown} to tasks: they are no options of {self.task_id!r}")

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        chosen = super().execute_complete(context, event)["chosen_options"]
        return self.do_branch(context, [self.options_mapping.get(option, option) for option in chosen])


class HITLEntryOperator(HITLOperator):
    """A form to be filled in; its one option is OK."""

    OK = "OK"

    def __init__(self, **kwargs: Any) -> None:
        if "options" not in kwargs:
            kwargs["options"] = [self.OK]
            kwargs.setdefault("defaults", [self.OK])
        super().__init__(**kwargs)
