"""``manage.py seed_dossiers 100000``: fictitious dossiers in bulk, to measure the site at scale."""

import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from applications import seeding
from applications.models import Application
from calls.models import Call
from core.commands import PreparingCommand


class Command(PreparingCommand):
    help = "Crée des dossiers fictifs en nombre, pour mesurer les pages à pleine charge."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("count", type=int, help="nombre de dossiers")
        parser.add_argument("--call", default="", help="code de l’appel (le plus récent par défaut)")
        parser.add_argument("--seed", type=int, default=88, help="graine du tirage")

    def handle(self, *args: Any, count: int, call: str, seed: int, **options: Any) -> None:
        if count < 1:
            raise CommandError("Indiquez un nombre de dossiers supérieur à zéro.")
        self._refuse_real_dossiers()
        if not Call.objects.exists():
            call_command("install_call", stdout=self.stderr)
        calls = Call.objects.filter(code=call) if call else Call.objects.order_by("-opens_at")
        chosen = calls.first()
        if chosen is None:
            raise CommandError(f"Aucun appel n’a le code {call}.")
        started = time.monotonic()
        made = seeding.seed(call=chosen, count=count, seed_number=seed + Application.objects.count())
        elapsed = time.monotonic() - started
        self.stdout.write(f"{made} dossiers fictifs créés en {elapsed:.1f} s.")

    def _refuse_real_dossiers(self) -> None:
        real = Application.objects.exclude(created_by__email=seeding.SEEDER).exclude(created_by__is_demonstration=True)
        if real.exists() and not settings.DEMONSTRATION:
            raise CommandError("Des dossiers réels sont dans cette base\u00a0: rien n’y est ajouté.")
