"""``manage.py verify_document FILE``: exit 0 when the document is ours, whole, sealed and signed as recorded."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from conventions.models import Convention
from conventions.presentation import KINDS, TITLES
from conventions.services.verification import DocumentVerdict, verify_stored, verify_upload
from core.commands import PreparedCommand
from core.signing.report import Verdict
from core.templatetags.guichet import paris_datetime

VALID = "cachet et signatures valides."
SAID = {0: "Aucune convention enregistrée : rien à vérifier.", 1: f"1 document vérifié : intact, {VALID}"}


class Command(PreparedCommand):
    help = "Vérifie un document, ou tous ceux de la base avec --all. Sort en erreur et dit ce qui ne va pas."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", help="fichier PDF")
        parser.add_argument("--all", action="store_true", help="vérifie chaque convention enregistrée")
        parser.add_argument("--json", action="store_true", help="résultat en JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"] == bool(options["file"]):
            raise CommandError("Indiquez un fichier, ou --all.")
        path = Path(options["file"] or "")
        verdicts = self._every() if options["all"] else [self._one(path)]
        wrong = [verdict for verdict in verdicts if verdict.verdict != Verdict.PASSED]
        if options["json"]:
            found = [verdict.to_json() for verdict in verdicts]
            self.stdout.write(json.dumps(found if options["all"] else found[0], ensure_ascii=False))
        elif not wrong:
            for verdict in verdicts if len(verdicts) == 1 else []:
                self._describe(verdict)
            self.stdout.write(SAID.get(len(verdicts), f"{len(verdicts)} documents vérifiés : intacts, {VALID}"))
        if wrong:
            raise CommandError("\n".join(self._wrong(verdict, path.name) for verdict in wrong))

    def _one(self, path: Path) -> DocumentVerdict:
        try:
            return verify_upload(path.read_bytes())
        except OSError as error:
            raise CommandError(f"Fichier illisible : {error}") from error

    def _every(self) -> list[DocumentVerdict]:
        rows = Convention.objects.filter(revisions__kind="sealed").order_by("number")
        return [verify_stored(convention) for convention in rows]

    def _describe(self, verdict: DocumentVerdict) -> None:
        self.stdout.write(f"{verdict.convention.number if verdict.convention else '—'} : {verdict.stage}")
        for item in verdict.report.signatures if verdict.report else ():
            when = paris_datetime(item.signed_at) if item.signed_at else "date inconnue"
            self.stdout.write(f"  {KINDS[item.kind]} : {item.signer_name}, {when}, niveau {item.level}")

    def _wrong(self, verdict: DocumentVerdict, file: str) -> str:
        name = verdict.convention.number if verdict.convention else file
        return f"{name} : {TITLES[verdict.verdict][1].lower()}. {' '.join(verdict.sentences)}"
