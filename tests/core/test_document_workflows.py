"""docs/workflows.md says what the code does."""

from django.core.management import call_command

from core.management.commands.document_workflows import document
from core.workflow import workflows


def test_workflows_document_is_up_to_date():
    call_command("document_workflows", "--check")


def test_workflows_document_holds_every_transition():
    text = document()
    for workflow in workflows():
        assert f"## {workflow.title}" in text
        for row in workflow.transitions:
            assert f"`{row.name}`" in text
