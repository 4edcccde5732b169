"""``manage.py verify_journal``: exit 0 when nothing was removed, altered or reordered."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from core.anchors import verify_journal
from core.commands import PreparedCommand
from core.navigation import counted


class Command(PreparedCommand):
    help = "Vérifie le journal : chaînes, têtes, ancrages horodatés. Sort en erreur et dit ce qui ne va pas."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--anchor", default="", help="SHA-256 d’un ancrage noté ailleurs, qui doit encore y être")
        parser.add_argument("--json", action="store_true", help="résultat en JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify_journal(known=options["anchor"].strip().lower())
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "entries": report.entries,
                        "chains": report.chains,
                        "anchors": report.anchors,
                        "last_anchor": report.last_anchor,
                        "anchored_at": report.anchored_at.isoformat() if report.anchored_at else None,
                        "problems": report.problems,
                    },
                    ensure_ascii=False,
                )
            )
        if report.problems:
            raise CommandError("\n".join(["Le journal n’est pas intact :", *report.problems]))
        if not options["json"]:
            self.stdout.write(
                f"Journal intact : {counted(report.entries, 'écriture', 'écritures') or 'aucune écriture'}, "
                f"{counted(report.chains, 'chaîne', 'chaînes') or 'aucune chaîne'}, "
                f"{counted(report.anchors, 'ancrage', 'ancrages') or 'aucun ancrage'}."
            )
            if report.anchors:
                self.stdout.write(f"Dernier ancrage, à noter hors de ce site : {report.last_anchor}")
            else:
                self.stdout.write("Aucun ancrage encore : une réécriture complète ne serait pas détectée.")
