"""``manage.py play_call --dossiers 300 --seed 88 --json``: the whole call, without the site, by its own services."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import Q

from applications.models import Application
from applications.seeding import SEEDER
from calls.data.transformation_numerique import CODE
from calls.models import Call
from core.commands import PreparingCommand
from demonstration.arguments import dossier_count
from demonstration.play.story import default_output, disagreements, figures, has_been_played, play_call, prepare_stage
from territories.models import Vintage


class Command(PreparingCommand):
    help = (
        "Joue l'appel de 88 M€ sur des collectivités réelles, par les services des pages. Une base où il a déjà été "
        "joué en reçoit une nouvelle édition : la même graine donne les mêmes chiffres."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dossiers", type=dossier_count, default=300, help="nombre de dossiers, de 40 à 600")
        parser.add_argument("--seed", type=int, default=88, help="graine du tirage")
        parser.add_argument("--json", action="store_true", help="résultat en JSON sur la sortie standard")
        parser.add_argument("--output", type=Path, help="dossier où copier les PDF signés")
        parser.add_argument("--processes", type=int, default=2, help="processus qui rédigent les documents")

    def handle(self, *args: Any, **options: Any) -> None:
        if Vintage.objects.count() < 2:
            call_command("load_territories", stdout=self.stderr)
        self._refuse_real_dossiers()
        code, title = next_edition()
        call = prepare_stage(code=code, title=title)
        output = options["output"] or default_output() / code
        try:
            play = play_call(
                call=call,
                count=options["dossiers"],
                seed=options["seed"],
                output=output.resolve(),
                processes=options["processes"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        found = figures(play)
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False, indent=1))
        else:
            self._tell(found)
        wrong = disagreements(play)
        if wrong:
            raise CommandError("\n".join(["Les comptes ne concordent pas :", *wrong]))

    def _refuse_real_dossiers(self) -> None:
        """The play takes numbers from series without gaps, and makes people: never where real ones are."""
        invented = Q(created_by__is_demonstration=True) | Q(created_by__email=SEEDER)
        if Application.objects.exclude(invented).exists() and not settings.DEMONSTRATION:
            raise CommandError("Des dossiers réels sont dans cette base : rien n'y est joué.")

    def _tell(self, found: dict[str, Any]) -> None:
        for name, value in found.items():
            if not isinstance(value, list | dict):
                self.stdout.write(f"{name} : {value}")
        for code, amount in found["amounts_by_axis"].items():
            self.stdout.write(f"{code} : {amount} € accordés")
        for path in found["documents"]:
            self.stdout.write(path)


def next_edition() -> tuple[str, str]:
    """Code and title of the call to play: the real one, or its next edition when it has been played already."""
    real = Call.objects.filter(code=CODE).first()
    if real is None or not has_been_played(real):
        return CODE, ""
    number = Call.objects.filter(code__startswith=f"{CODE}-jeu-").count()
    letters = ""
    rest = number
    while True:
        letters = chr(ord("a") + rest % 26) + letters
        rest = rest // 26 - 1
        if rest < 0:
            break
    return f"{CODE}-jeu-{letters}", f"Transformation numérique des collectivités territoriales – jeu {letters.upper()}"
