"""Seals each second factor again under the present key of the site, so that the former one may go."""

from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.core.management.base import CommandError
from django.db import transaction

from accounts.sealing import seal_again
from core.commands import PreparedCommand

# What the sign-in library seals: the secret of an application, and the seed that codes written on paper come from.
SEALED = ("secret", "seed")


class Command(PreparedCommand):
    help = "Scelle de nouveau les secondes vérifications avec la clé actuelle du site. Peut se relancer sans risque."

    def handle(self, *args: Any, **options: Any) -> None:
        resealed, unreadable = 0, []
        sealed = Authenticator.objects.filter(data__has_any_keys=SEALED).order_by("pk")
        for pk in sealed.values_list("pk", flat=True).iterator():
            try:
                resealed += _reseal(pk)
            except InvalidToken:
                unreadable.append(str(pk))
        self.stdout.write(f"Secondes vérifications scellées avec la nouvelle clé : {resealed}.")
        if unreadable:
            raise CommandError(
                f"Aucune clé ne lit {len(unreadable)} seconde(s) vérification(s) (numéros {', '.join(unreadable)}) : "
                "ajoutez l’ancienne clé à GUICHET_SECRET_KEY_FALLBACKS et relancez."
            )


@transaction.atomic
def _reseal(pk: int) -> bool:
    """Whether the row changed. Locked: a code may be spent, or the factor removed, at the same moment."""
    authenticator = Authenticator.objects.select_for_update().filter(pk=pk).first()
    if authenticator is None:
        return False
    data = {name: seal_again(value) if name in SEALED else value for name, value in authenticator.data.items()}
    if data == authenticator.data:
        return False
    authenticator.data = data
    authenticator.save(update_fields=["data"])
    return True
