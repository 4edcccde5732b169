"""Mails about a dossier, queued in the transaction of the act they tell."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from applications.completeness import Missing
from applications.models import Application, CompletionRequest, Exchange
from applications.presentation import appeal_until
from core.mail import queue_mail
from core.models import OutboxMessage
from core.templatetags.guichet import paris_date, paris_datetime
from territories.models import Affiliation


def applicant_addresses(application: Application) -> list[str]:
    """The contact, the legal representative and who opened the dossier; not who acts for the organisation no longer.

    Where nobody is left of them, whoever acts for the organisation now.
    """
    now = timezone.now()
    affiliations = Affiliation.objects.filter(organisation=application.organisation_id)
    acting = affiliations.current(now).filter(user__is_active=True)
    here = {email.lower() for email in acting.values_list("user__email", flat=True)}
    left = {
        email.lower()
        for email in affiliations.filter(validated_at__lte=now)
        .exclude(pk__in=acting.values("pk"))
        .values_list("user__email", flat=True)
    } - here
    addresses = [application.contact_email, application.representative_email, application.created_by.email]
    return [address for address in addresses if address and address.lower() not in left] or sorted(here)


def common_context(application: Application) -> dict[str, Any]:
    """What every mail says: which dossier, which call, whom to ask, where to follow it."""
    call = application.call
    return {
        "number": application.number or "",
        "title": application.title,
        "organisation": application.organisation.name,
        "call": call.title,
        "axis": application.axis.title,
        "path": reverse("application_detail", args=[application.pk]),
        "service_path": reverse("screening_detail", args=[application.pk]),
        "contact_name": call.contact_name,
        "contact_address": call.contact_address,
        "contact_email": call.contact_email,
        "contact_phone": call.contact_phone,
        "appeal_court": call.appeal_court,
    }


def _tell_applicant(application: Application, subject: str, name: str, key: str, **context: Any) -> None:
    queue_mail(
        to=applicant_addresses(application),
        subject=subject,
        template=f"emails/applications/{name}.txt",
        context={**common_context(application), **context},
        dedupe_key=f"application:{application.pk}:{key}",
    )


def _tell_service(application: Application, subject: str, name: str, key: str, **context: Any) -> None:
    shared = common_context(application)
    queue_mail(
        to=[application.call.contact_email],
        subject=subject,
        template=f"emails/applications/{name}.txt",
        context={**shared, "path": shared["service_path"], **context},
        dedupe_key=f"application:{application.pk}:{key}:service",
    )


def draft_closing(application: Application, missing: Sequence[Missing], notice: timedelta) -> None:
    """A draft whose session closes within ``notice``, with what it lacks now; once per closing date and notice."""
    closes = paris_datetime(application.session.closes_at)
    queue_mail(
        to=_at_work(application),
        subject=f"Votre brouillon n’est pas déposé\u00a0: clôture le {closes}",
        template="emails/applications/draft_closing.txt",
        context={**common_context(application), "closes": closes, "items": [gap.label for gap in missing]},
        dedupe_key=_closing_key(application, notice),
    )


def is_told_of_closing(application: Application, notice: timedelta) -> bool:
    """Whether that mail was queued already."""
    return OutboxMessage.objects.filter(dedupe_key=f"mail:{_closing_key(application, notice)}").exists()


def _closing_key(application: Application, notice: timedelta) -> str:
    closes = application.session.closes_at.isoformat()
    return f"application:{application.pk}:closing:{application.session_id}:{closes}:{notice.days}"


def _at_work(application: Application) -> list[str]:
    """Who prepares a draft: its contacts and who opened it, among those who act for the organisation; else these.

    Before filing nobody has confirmed an address typed there: a slip would tell the project to a stranger.
    """
    acting = Affiliation.objects.filter(organisation=application.organisation_id).current(timezone.now())
    here = {email.lower() for email in acting.filter(user__is_active=True).values_list("user__email", flat=True)}
    named = {application.contact_email, application.representative_email, application.created_by.email}
    return sorted({address.lower() for address in named} & here or here)


def completion_due_soon(application: Application, request: CompletionRequest) -> None:
    _tell_applicant(
        application,
        f"Dossier {application.number}\u00a0: compléments attendus jusqu’au {paris_date(request.due_at)} inclus",
        "completion_due",
        f"completion-due:{request.pk}",
        items=request.items,
        due=paris_date(request.due_at),
        answer_path=reverse("completion_answer", args=[application.pk]),
    )


def completion_requested(application: Application, request: CompletionRequest) -> None:
    _tell_applicant(
        application,
        f"Dossier {application.number}\u00a0: des compléments sont attendus",
        "completion_requested",
        f"completion:{request.pk}",
        items=request.items,
        message=request.message,
        due=paris_date(request.due_at),
        answer_path=reverse("completion_answer", args=[application.pk]),
    )


def completion_answered(application: Application, request: CompletionRequest) -> None:
    _tell_service(
        application,
        f"Dossier {application.number}\u00a0: compléments reçus",
        "completion_answered",
        f"answer:{request.pk}",
    )
    _tell_applicant(
        application,
        f"Dossier {application.number}\u00a0: votre réponse est arrivée",
        "completion_received",
        f"answer:{request.pk}",
        at=paris_datetime(request.answered_at),
        **_clock_after(application, request),
    )


def _clock_after(application: Application, request: CompletionRequest) -> dict[str, Any]:
    """What the answer did to the clock of implicit rejection: it restarts, ran already (the answer is late), or is over."""
    due, answered = application.decision_due_at, request.answered_at
    if due is None or answered is None:
        return {"due": ""}
    told = {"due": paris_date(due), "is_late": answered > request.due_at, "asked_until": paris_date(request.due_at)}
    contest = appeal_until(application, answered)
    return {**told, "contest_until": paris_date(contest) if contest else ""}


def declared_admissible(application: Application) -> None:
    _tell_applicant(
        application, f"Dossier {application.number}\u00a0: votre dossier est recevable", "admissible", "admissible"
    )


def declared_inadmissible(application: Application) -> None:
    _tell_applicant(
        application,
        f"Dossier {application.number}\u00a0: décision d’irrecevabilité",
        "inadmissible",
        "inadmissible",
        reason=application.screening_reason,
        decided=paris_date(application.screened_at),
    )


def withdrawn(application: Application, at: datetime) -> None:
    subject = f"Dossier {application.number}\u00a0: retrait enregistré"
    _tell_applicant(application, subject, "withdrawn", "withdrawn", at=paris_datetime(at))
    _tell_service(application, subject, "withdrawn", "withdrawn", at=paris_datetime(at))


def message_sent(application: Application, exchange: Exchange) -> None:
    # The text itself stays on the site, behind the sign-in of whoever may read it.
    subject = f"Dossier {application.number}\u00a0: nouveau message"
    if exchange.is_from_applicant:
        _tell_service(application, subject, "message_to_service", f"message:{exchange.pk}")
    else:
        _tell_applicant(application, subject, "message_to_applicant", f"message:{exchange.pk}")
