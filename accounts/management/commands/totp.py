"""Prints the code that a person of the demonstration would read on their telephone."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts import demonstration
from accounts.models import User
from core.commands import PreparedCommand


class Command(PreparedCommand):
    help = "Affiche le code à usage unique d'une personne de la démonstration."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="adresse électronique de la personne")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError("Cette commande n'existe que pour la démonstration (GUICHET_DEMONSTRATION=1).")
        user = User.objects.filter(email=options["email"].strip().lower(), is_demonstration=True).first()
        if user is None:
            raise CommandError(f"Aucune personne de la démonstration n'a l'adresse {options['email']}.")
        at = timezone.now()
        try:
            code = demonstration.current_code(user, at=at)
        except LookupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{code}\nencore {demonstration.seconds_left(at)} secondes avant le suivant")
