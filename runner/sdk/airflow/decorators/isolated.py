"""@task variants that run their function under another interpreter."""

from __future__ import annotations

from airflow.decorators.decorated import PythonDecoratedOperator
from airflow.operators.python_virtualenv import (
    BranchExternalPythonOperator,
    BranchPythonVirtualenvOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
)


class VirtualenvDecoratedOperator(PythonDecoratedOperator, PythonVirtualenvOperator):
    """@task.virtualenv."""

    custom_operator_name = "@task.virtualenv"
    template_fields = PythonVirtualenvOperator.template_fields


class ExternalPythonDecoratedOperator(PythonDecoratedOperator, ExternalPythonOperator):
    """@task.external_python."""

    custom_operator_name = "@task.external_python"
    template_fields = ExternalPythonOperator.template_fields


class BranchVirtualenvDecoratedOperator(PythonDecoratedOperator, BranchPythonVirtualenvOperator):
    """@task.branch_virtualenv."""

    custom_operator_name = "@task.branch_virtualenv"
    template_fields = BranchPythonVirtualenvOperator.template_fields


class BranchExternalPythonDecoratedOperator(PythonDecoratedOperator, BranchExternalPythonOperator):
    """@task.branch_external_python."""

    custom_operator_name = "@task.branch_external_python"
    template_fields = BranchExternalPythonOperator.template_fields
