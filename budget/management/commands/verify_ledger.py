"""Is the ledger what was written? Exit 0 when intact, 1 with what differs otherwise."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from budget.verification import verify_ledger
from core.commands import PreparedCommand
from core.money import amount_text, euros


class Command(PreparedCommand):
    help = "Recalcule le grand livre et ses soldes depuis la première écriture, et dit ce qui a été altéré."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="réponse lisible par un programme")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify_ledger()
        if options["json"]:
            answer = {
                "intact": not report.problems,
                "entries": report.entries,
                "envelopes": report.envelopes,
                "allocated": amount_text(report.allocated),
                "problems": [asdict(problem) for problem in report.problems],
            }
            self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2))
        elif not report.problems:
            self.stdout.write(
                f"Grand livre intact : {report.entries} écritures, {euros(report.allocated)} ouverts "
                f"dans {report.envelopes} enveloppes."
            )
        else:
            for problem in report.problems:
                self.stderr.write(problem.message)
            self.stderr.write(
                f"Grand livre altéré : {len(report.problems)} anomalie(s) sur {report.entries} écritures."
            )
        if report.problems:
            raise SystemExit(1)
