"""Open the announced money of a call and share it out: root, axes, départements."""

from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from budget.envelopes import install_envelopes
from budget.models import Balance
from calls.models import Call
from core.commands import PreparedCommand
from core.errors import Refused
from core.money import AmountError, euros, parse_euros


class Command(PreparedCommand):
    help = "Ouvre les enveloppes d’un appel d’après ses montants annoncés ; relancée, elle ne change rien."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("call", help="code de l’appel")
        parser.add_argument(
            "--payment-credits",
            action="append",
            default=[],
            metavar="ANNÉE=MONTANT",
            help="crédits de paiement d’une année, en euros ; par défaut, la moitié cette année et l’autre la suivante",
        )

    def handle(self, *args: Any, call: str, payment_credits: list[str], **options: Any) -> None:
        chosen = Call.objects.filter(code=call).first()
        if chosen is None:
            raise CommandError(f"Aucun appel n’a le code {call}.")
        credits = dict(_year_and_amount(text) for text in payment_credits)
        if credits and chosen.announced_amount is not None and sum(credits.values()) != chosen.announced_amount:
            raise CommandError(f"Les crédits de paiement doivent totaliser {euros(chosen.announced_amount)}.")
        try:
            root = install_envelopes(call=chosen, at=timezone.now(), actor=None, payment_credits=credits or None)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        balance = Balance.objects.get(envelope=root)
        count = chosen.envelopes.count()
        self.stdout.write(f"{chosen.code} : {count} enveloppes, {euros(balance.allocated)} ouverts.")


def _year_and_amount(text: str) -> tuple[int, Decimal]:
    """« 2027=44000000 »; raises CommandError for anything else."""
    year, _, amount = text.partition("=")
    if not (year.isascii() and year.isdigit() and len(year) == 4):
        raise CommandError(f"« {text} » : écrivez l’année, =, puis le montant, par exemple 2027=44000000.")
    try:
        return int(year), parse_euros(amount)
    except AmountError as error:
        raise CommandError(f"« {text} » : {error}") from error
