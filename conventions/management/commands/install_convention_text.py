"""Give a call the text of its conventions; after an update of the site, its new version."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from calls.models import Call
from conventions.models import ConventionTemplate
from conventions.services.templates import install_template
from core.commands import PreparedCommand


class Command(PreparedCommand):
    help = (
        "Installe le texte de la convention d’un appel, ou sa nouvelle version après une mise à jour. Les conventions déjà "
        "numérotées gardent le leur ; relancée, elle ne change rien."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("call", help="code de l’appel")

    def handle(self, *args: Any, call: str, **options: Any) -> None:
        chosen = Call.objects.filter(code=call).first()
        if chosen is None:
            raise CommandError(f"Aucun appel n’a le code {call}.")
        known = ConventionTemplate.objects.filter(call=chosen).count()
        template = install_template(call=chosen, at=timezone.now())
        is_new = ConventionTemplate.objects.filter(call=chosen).count() > known
        self.stdout.write(
            f"{chosen.code} : version {template.version} du texte, {template.articles.count()} articles"
            + (", installée." if is_new else ", déjà là.")
        )
