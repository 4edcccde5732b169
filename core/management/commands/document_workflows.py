"""``manage.py document_workflows``: writes docs/workflows.md from the tables of the code."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.workflow import Workflow, workflows

ROOT = Path(__file__).resolve().parents[3]
HEAD = """# Workflows

Written by `manage.py document_workflows` from the tables in `<room>/workflow.py`; a test fails when they differ.
The same rows make the methods of the models, the guards of the services and the buttons of the pages.
"""


class Command(BaseCommand):
    help = "Écrit docs/workflows.md d’après les tables du code."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="échoue si le fichier n’est pas à jour")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        path = ROOT / "docs" / "workflows.md"
        text = document()
        if check:
            if not path.exists() or path.read_text() != text:
                raise CommandError("docs/workflows.md n’est pas à jour : lancez manage.py document_workflows.")
            return
        path.write_text(text)
        self.stdout.write(f"{path} écrit.")


def document() -> str:
    """The whole document, in Markdown."""
    return HEAD + "".join(_section(workflow) for workflow in workflows())


def _section(workflow: Workflow) -> str:
    lines = ["", f"## {workflow.title}", "", "```mermaid", "stateDiagram-v2", f"    [*] --> {workflow.initial}"]
    lines += [f"    {state}: {label}" for state, label in workflow.states.choices]
    lines += [f"    {source} --> {row.target}: {row.name}" for row in workflow.transitions for source in row.sources]
    lines += ["```", "", "| Acte | De | Vers | Qui | Conditions |", "|---|---|---|---|---|"]
    for row in workflow.transitions:
        sources = ", ".join(str(workflow.states(source).label) for source in row.sources)
        who = ", ".join(workflow.role(role).label for role in row.roles)
        conditions = ", ".join(
            [*(f"`{guard.__name__}`" for guard in row.guards), *(["motif"] if row.needs_reason else [])]
        )
        target = workflow.states(row.target).label
        lines.append(f"| {row.label} (`{row.name}`) | {sources} | {target} | {who} | {conditions or '–'} |")
    return "\n".join(lines) + "\n"
