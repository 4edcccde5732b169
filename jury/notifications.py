"""Mails of the jury and of the decisions, queued in the transaction of the act they tell.

A mail to a juror names no dossier: the list stays behind the sign-in, with the juror's rights of that moment.
"""

from datetime import datetime

from django.urls import reverse

from accounts.models import User
from applications.notifications import applicant_addresses, common_context
from core.mail import queue_mail
from core.money import euros
from core.templatetags.guichet import paris_date, paris_datetime
from jury.enums import Outcome
from jury.models import Decision, DecisionList, Deliberation

SUBJECTS = {
    Outcome.AWARDED: "votre projet est retenu",
    Outcome.REFUSED: "votre projet n’est pas retenu",
    Outcome.WAITLISTED: "votre projet est sur la liste d’attente",
    Outcome.REDIRECTED: "votre projet est réorienté",
    Outcome.DEFERRED: "votre projet est ajourné",
}


def summoned(deliberation: Deliberation, moved_from: datetime | None = None) -> None:
    """One mail to each member of the jury whose account is open; ``moved_from``, the date that a new one replaces."""
    jury = deliberation.jury
    call = jury.session.axis.call
    for juror in jury.jurors.filter(user__is_active=True).select_related("user"):
        queue_mail(
            to=[juror.user.email],
            subject=f"{'Séance déplacée' if moved_from else 'Convocation'} : {jury.name}",
            template="emails/jury/summons.txt",
            context={
                "jury": jury.name,
                "held_at": paris_datetime(deliberation.held_at),
                "place": deliberation.place,
                "moved_from": paris_datetime(moved_from) if moved_from else "",
                "contact_name": call.contact_name,
                "contact_email": call.contact_email,
                "contact_phone": call.contact_phone,
                "path": reverse("jury_desk"),
            },
            dedupe_key=f"jury:summons:{deliberation.pk}:{juror.pk}:{deliberation.summoned_at.isoformat()}",
        )


def sent_back(decision_list: DecisionList, proposer: User, actor: User) -> None:
    """To whoever proposed the list: who gives it back. Why is read on the list, with the rights of that moment."""
    queue_mail(
        to=[proposer.email],
        subject=f"Liste n° {decision_list.number} : à revoir",
        template="emails/jury/list_sent_back.txt",
        context={
            "number": decision_list.number,
            "title": decision_list.title,
            "actor": str(actor),
            "path": reverse("decision_list_detail", args=[decision_list.pk]),
        },
        dedupe_key=f"jury:list-sent-back:{decision_list.pk}:{decision_list.version}",
    )


def decided(decision: Decision, decision_list: DecisionList) -> None:
    """The decision, its reasons and the routes of appeal (CRPA L211-2; CJA R421-1 and R421-5)."""
    application = decision.application
    outcome = Outcome(decision.outcome)
    queue_mail(
        to=applicant_addresses(application),
        subject=f"Dossier {application.number} : {SUBJECTS[outcome]}",
        template=f"emails/jury/decision_{outcome.value}.txt",
        context={
            **common_context(application),
            "amount": euros(decision.amount_granted) if decision.amount_granted is not None else "",
            "motive": decision.motive,
            "list_number": decision_list.number,
            "decided_on": paris_date(decision_list.released_at),
            "redirected_to": decision.redirected_to.title if decision.redirected_to else "",
        },
        dedupe_key=f"jury:decision:{decision.pk}",
    )
