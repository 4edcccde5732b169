"""What the parties are told about a convention, in the transaction of the act, sent after it."""

from datetime import date

from django.urls import reverse
from django.utils import timezone

from applications.notifications import applicant_addresses
from conventions.models import Convention, Payment, Repayment, Report
from core.mail import queue_mail
from core.money import euros
from core.templatetags.guichet import paris_date, paris_datetime
from territories.enums import AffiliationRole
from territories.models import Affiliation


def _path(convention: Convention) -> str:
    return reverse("convention_detail", args=[convention.number])


def _applicants(convention: Convention) -> list[str]:
    """Those of the dossier who act for the organisation still, or whoever acts for it now."""
    return applicant_addresses(convention.application)


def _representatives(convention: Convention) -> list[str]:
    """Accounts of those who represent the organisation today, until whatever day: who could sign and answer."""
    return list(
        Affiliation.objects.current(timezone.now())
        .filter(
            organisation_id=convention.application.organisation_id,
            role=AffiliationRole.LEGAL_REPRESENTATIVE,
            user__is_active=True,
        )
        .values_list("user__email", flat=True)
    )


def _tell(
    convention: Convention,
    *,
    step: str,
    subject: str,
    to: list[str],
    template: str = "emails/conventions/step.txt",
    once: str = "",
    **context: str,
) -> None:
    queue_mail(
        to=to,
        subject=f"[{convention.number}] {subject}",
        template=template,
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
        dedupe_key=f"convention:{convention.pk}:{step}{once}",
    )


def tell_ready_to_sign(convention: Convention) -> None:
    """The document is sealed: the beneficiary's representative may sign."""
    _tell(
        convention,
        step="ready",
        subject="Votre convention est prête à signer",
        to=_representatives(convention) + _applicants(convention),
    )


def tell_signed_by_beneficiary(convention: Convention) -> None:
    """The first signature is stored."""
    _tell(
        convention,
        step="beneficiary_signed",
        subject="Votre représentant légal a signé la convention",
        to=_applicants(convention),
    )


def tell_signed_by_both(convention: Convention) -> None:
    """Notification: the convention is in force (article 20); it carries the number of the commitment (article 7)."""
    _tell(
        convention,
        step="signed",
        subject="La convention est signée par les deux parties",
        to=_representatives(convention) + _applicants(convention),
        commitment_number=convention.commitment_number,
    )


def tell_paid(convention: Convention, payment: Payment) -> None:
    """The single payment is recorded."""
    _tell(
        convention,
        step="paid",
        subject="La subvention est versée",
        to=_applicants(convention),
        paid_on=paris_date(payment.paid_on),
        reference=payment.reference,
    )


def tell_report_received(convention: Convention, report: Report) -> None:
    """The service is told that a report awaits its reading."""
    _tell(
        convention,
        step="report",
        once=f":{report.pk}",
        subject="Un compte rendu final est arrivé" if report.is_final else "Un compte rendu est arrivé",
        to=[convention.data["call"]["contact_email"]],
        spent=euros(report.spent),
    )


def tell_report_due(convention: Convention, due_on: date, *, is_late: bool) -> None:
    """The final report is due by ``due_on``, in Paris; or was."""
    day = paris_date(due_on)
    awaited = "est en retard" if is_late else f"est attendu le {day} au plus tard"
    _tell(
        convention,
        step="report_late" if is_late else "report_due",
        once=f":{due_on.isoformat()}",
        subject=f"Votre compte rendu final {awaited}",
        to=_representatives(convention) + _applicants(convention),
        due_on=day,
    )


def _tell_repayment(convention: Convention, repayment: Repayment, *, step: str, subject: str, **context: str) -> None:
    _tell(
        convention,
        step=step,
        once=f":{repayment.pk}",
        subject=subject,
        to=_representatives(convention) + _applicants(convention),
        template="emails/conventions/repayment.txt",
        ground=repayment.get_ground_display(),
        **context,
    )


def tell_repayment_notified(convention: Convention, repayment: Repayment) -> None:
    """The adversarial procedure begins: reasons, and until when to answer (CRPA L122-1)."""
    _tell_repayment(
        convention,
        repayment,
        step="repayment_notified",
        subject="Un reversement est envisagé, vos observations sont attendues",
        asked=euros(repayment.amount),
        reason=repayment.reason,
        due_on=paris_date(repayment.answer_due_at),
    )


def tell_repayment_answered(convention: Convention, repayment: Repayment) -> None:
    """The observations arrived: a receipt for the beneficiary, and the service may decide. Their text stays on the site."""
    at = paris_datetime(repayment.answered_at)
    _tell_repayment(
        convention, repayment, step="repayment_answered", subject="Vos observations sont arrivées", answered=at
    )
    _tell(
        convention,
        step="repayment_heard",
        once=f":{repayment.pk}",
        subject="Des observations sont arrivées",
        to=[convention.data["call"]["contact_email"]],
        template="emails/conventions/repayment.txt",
        answered=at,
    )


def tell_repayment_decided(convention: Convention, repayment: Repayment) -> None:
    """The decision, its reasons, the routes of appeal (CRPA L211-2, CJA R421-1)."""
    is_waived = not repayment.amount_decided
    _tell_repayment(
        convention,
        repayment,
        step="repayment_decided",
        subject="Aucun reversement n’est demandé" if is_waived else "Un reversement est décidé",
        decided=euros(repayment.amount_decided),
        is_waived="oui" if is_waived else "",
        reason=repayment.decision_reason,
        court=convention.data["call"]["appeal_court"],
    )


def tell_repayment_received(convention: Convention, repayment: Repayment) -> None:
    """The money came back: the procedure is over."""
    _tell_repayment(
        convention,
        repayment,
        step="repayment_received",
        subject="Votre reversement est encaissé",
        decided=euros(repayment.amount_decided),
        received_on=paris_date(repayment.received_on),
    )
