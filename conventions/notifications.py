"""What the parties are told about a convention, in the transaction of the act, sent after it."""

from django.urls import reverse

from conventions.models import Convention, Payment
from core.mail import queue_mail
from core.money import euros
from territories.enums import AffiliationRole
from territories.models import Affiliation


def _path(convention: Convention) -> str:
    return reverse("convention_detail", args=[convention.number])


def _applicants(convention: Convention) -> list[str]:
    application = convention.application
    return [address for address in (application.contact_email, application.representative_email) if address]


def _representatives(convention: Convention) -> list[str]:
    """Accounts of the organisation's validated legal representatives."""
    return list(
        Affiliation.objects.filter(
            organisation_id=convention.application.organisation_id,
            role=AffiliationRole.LEGAL_REPRESENTATIVE,
            validated_at__isnull=False,
            ends_at__isnull=True,
        ).values_list("user__email", flat=True)
    )


def _tell(convention: Convention, *, step: str, subject: str, to: list[str], **context: str) -> None:
    queue_mail(
        to=to,
        subject=f"[{convention.number}] {subject}",
        template="emails/conventions/step.txt",
        context={
            "step": step,
            "number": convention.number,
            "project": convention.data["project"]["title"],
            "beneficiary": convention.data["beneficiary"]["name"],
            "amount": euros(convention.amount),
            "path": _path(convention),
            "contact": convention.data["call"]["contact_email"],
            **context,
        },
        dedupe_key=f"convention:{convention.pk}:{step}",
    )


def tell_ready_to_sign(convention: Convention) -> None:
    """The document is sealed: the beneficiary's representative may sign."""
    _tell(
        convention,
        step="ready",
        subject="votre convention est prête à signer",
        to=_representatives(convention) + _applicants(convention),
    )


def tell_signed_by_beneficiary(convention: Convention) -> None:
    """The first signature is stored."""
    _tell(
        convention,
        step="beneficiary_signed",
        subject="votre signature est enregistrée",
        to=_applicants(convention),
    )


def tell_signed_by_both(convention: Convention) -> None:
    """Notification: the convention is in force (article 20)."""
    _tell(
        convention,
        step="signed",
        subject="la convention est signée par les deux parties",
        to=_representatives(convention) + _applicants(convention),
    )


def tell_paid(convention: Convention, payment: Payment) -> None:
    """The single payment is recorded."""
    _tell(
        convention,
        step="paid",
        subject="la subvention est versée",
        to=_applicants(convention),
        paid_on=f"{payment.paid_on:%d/%m/%Y}",
        reference=payment.reference,
    )
