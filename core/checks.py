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
            "Ce site public (https) scellerait ses conventions avec l’autorité de démonstration.",
            hint="Désignez le cachet (GUICHET_SEAL_PKCS12 ou GUICHET_SEAL_PKCS11_MODULE), "
            "ou dites que c’est une démonstration (GUICHET_DEMONSTRATION=1).",
            id="guichet.E001",
        )
    ]


@register()
def antivirus_reads_every_attachment(**kwargs: Any) -> list[CheckMessage]:
    """What the antivirus refuses to read is held for ever: it must not be accepted first."""
    if not settings.CLAMD_ADDRESS or settings.ATTACHMENT_MAX_BYTES <= settings.CLAMD_MAX_BYTES:
        return []
    return [
        Error(
            f"Les pièces sont acceptées jusqu’à {settings.ATTACHMENT_MAX_BYTES} octets, mais l’antivirus n’en lit que "
            f"{settings.CLAMD_MAX_BYTES} : les plus grandes resteraient bloquées.",
            hint="Baissez GUICHET_ATTACHMENT_MAX_BYTES, ou augmentez StreamMaxLength et MaxFileSize de clamd "
            "et dites-le par GUICHET_CLAMD_MAX_BYTES.",
            id="guichet.E002",
        )
    ]


@register()
def mail_is_encrypted_one_way_only(**kwargs: Any) -> list[CheckMessage]:
    """Both ways at once would be refused at each message sent, long after the start."""
    if not (settings.EMAIL_USE_SSL and settings.EMAIL_USE_TLS):
        return []
    return [
        Error(
            "Le courriel ne peut pas être chiffré des deux manières à la fois.",
            hint="Gardez GUICHET_SMTP_SSL (port 465) ou GUICHET_SMTP_TLS (STARTTLS, port 587), pas les deux.",
            id="guichet.E003",
        )
    ]
