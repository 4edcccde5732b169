"""What must not be served: told by ``manage.py check`` and by each command before it starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def demonstration_keys_stay_in_demonstrations(**kwargs: Any) -> list[CheckMessage]:
    """A public site never seals with the authority that it made for itself at its first start."""
    if not settings.SECURE or not settings.DEMONSTRATION_PKI or settings.DEMONSTRATION:
        return []
    return [
        Error(
            "Ce site public (https) scellerait ses conventions avec l'autorité de démonstration.",
            hint="Désignez le cachet (GUICHET_SEAL_PKCS12 ou GUICHET_SEAL_PKCS11_MODULE), "
            "ou dites que c'est une démonstration (GUICHET_DEMONSTRATION=1).",
            id="guichet.E001",
        )
    ]
