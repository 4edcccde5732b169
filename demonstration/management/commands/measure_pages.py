"""``manage.py measure_pages``: queries and time of each page that weighs, in the base as it is."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from applications.models import Application
from calls.models import Call
from core.commands import PreparedCommand
from demonstration.measure import measure, tell


class Command(PreparedCommand):
    help = "Mesure les pages qui pèsent : requêtes, processeur, durée. Rien de la mesure ne reste dans la base."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--call", default="", help="code de l’appel (le plus récent par défaut)")
        parser.add_argument("--repeats", type=int, default=5, help="lectures par page, dont on garde la médiane")
        parser.add_argument("--json", action="store_true", help="résultat en JSON")

    def handle(self, *args: Any, call: str, repeats: int, **options: Any) -> None:
        if repeats < 1:
            raise CommandError("Indiquez au moins une lecture par page.")
        chosen = (Call.objects.filter(code=call) if call else Call.objects.order_by("-opens_at")).first()
        if chosen is None:
            raise CommandError(f"Aucun appel n’a le code {call}." if call else "Aucun appel n’est installé.")
        costs = measure(call=chosen, repeats=repeats)
        count = Application.objects.filter(axis__call=chosen).count()
        if options["json"]:
            found = {"call": chosen.code, "dossiers": count, "pages": [asdict(cost) for cost in costs]}
            self.stdout.write(json.dumps(found, ensure_ascii=False, indent=1))
        else:
            self.stdout.write(f"{chosen.code} : {count} dossiers\n")
            tell(costs, self.stdout.write)
        failed = [f"{cost.name} ({cost.role}) : {cost.status}" for cost in costs if cost.status != 200]
        if failed:
            raise CommandError("\n".join(["Des pages n’ont pas répondu :", *failed]))
