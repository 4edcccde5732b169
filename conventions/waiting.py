"""What waits for a person about conventions: each kind of work is the very list that its link opens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from calls.enums import MandateRole
from calls.permissions import territory_scope
from conventions.enums import ConventionState
from conventions.models import Batch, Convention, Repayment
from conventions.permissions import officer_conventions, visible_batches
from conventions.services.reports import overdue_final_report, without_final_report
from core.models import OutboxMessage
from core.navigation import once
from territories.enums import AffiliationRole
from territories.models import Affiliation


@dataclass(frozen=True)
class Work:
    """One kind of work: its code in the address, its words in a filter and in a count, the conventions it is about."""

    code: str
    label: str
    one: str
    many: str
    is_of_officers: bool
    rows: Callable[[Any], QuerySet[Convention]]
    # False for what is followed and asks nothing of the person yet: a filter, and no count on the home page.
    is_told: bool = True


def to_sign(user: Any) -> QuerySet[Convention]:
    """Sealed conventions that this legal representative may sign."""
    roles = Affiliation.objects.current(timezone.now()).filter(user=user, role=AffiliationRole.LEGAL_REPRESENTATIVE)
    return Convention.objects.visible_to(user).filter(
        state=ConventionState.SEALED, application__organisation__in=roles.values("organisation")
    )


def _of_mine(user: Any) -> QuerySet[Convention]:
    """Conventions of the organisations for which the person acts today."""
    mine = Affiliation.objects.current(timezone.now()).filter(user=user).values("organisation")
    return Convention.objects.visible_to(user).filter(application__organisation__in=mine)


def _to_answer(user: Any) -> QuerySet[Convention]:
    open_ones = Repayment.objects.filter(
        convention=OuterRef("pk"), answered_at=None, decided_at=None, answer_due_at__gte=timezone.now()
    )
    return _of_mine(user).filter(Exists(open_ones))


def _to_pay(user: Any) -> QuerySet[Convention]:
    return officer_conventions(user).filter(state=ConventionState.SIGNED)


def _to_decide(user: Any) -> QuerySet[Convention]:
    heard = Q(answered_at__isnull=False) | Q(answer_due_at__lt=timezone.now())
    return officer_conventions(user).filter(
        Exists(Repayment.objects.filter(heard, convention=OuterRef("pk"), decided_at=None))
    )


def _to_report(user: Any) -> QuerySet[Convention]:
    return without_final_report(_of_mine(user), timezone.localdate())


def _overdue(user: Any) -> QuerySet[Convention]:
    return overdue_final_report(officer_conventions(user), timezone.localdate())


def _under_repayment(user: Any) -> QuerySet[Convention]:
    going = Q(decided_at=None) | Q(amount_decided__gt=0, ledger_entry=None)
    return officer_conventions(user).filter(Exists(Repayment.objects.filter(going, convention=OuterRef("pk"))))


WORKS = {
    work.code: work
    for work in (
        Work("signature", "À signer", "convention à signer", "conventions à signer", False, to_sign),
        Work(
            "observations",
            "Observations à envoyer",
            "reversement envisagé sur lequel donner vos observations",
            "reversements envisagés sur lesquels donner vos observations",
            False,
            _to_answer,
        ),
        Work(
            "compte-rendu",
            "Compte rendu final à envoyer",
            "compte rendu final à envoyer",
            "comptes rendus finals à envoyer",
            False,
            _to_report,
        ),
        Work("versement", "Versement à enregistrer", "convention à verser", "conventions à verser", True, _to_pay),
        Work(
            "reversement", "Reversement à décider", "reversement à décider", "reversements à décider", True, _to_decide
        ),
        Work(
            "reversement-en-cours",
            "Reversement en cours",
            "reversement en cours",
            "reversements en cours",
            True,
            _under_repayment,
            is_told=False,
        ),
        Work(
            "retard",
            "Compte rendu final en retard",
            "compte rendu final en retard",
            "comptes rendus finals en retard",
            True,
            _overdue,
        ),
    )
}


def is_officer_somewhere(user: Any) -> bool:
    """Whether the person manages conventions for the ministry at all."""
    return once(user, "conventions.officer", lambda: bool(_officer_scope(user)))


def _officer_scope(user: Any) -> Any:
    return territory_scope(user, [MandateRole.OFFICER], timezone.now())


def works_of(user: Any) -> list[Work]:
    """The kinds of work that may fall to this person, as officer or as somebody of an organisation."""
    is_officer = is_officer_somewhere(user)
    is_applicant = once(
        user,
        "applications.affiliated",
        lambda: Affiliation.objects.current(timezone.now()).filter(user=user).exists(),
    )
    return [work for work in WORKS.values() if (is_officer if work.is_of_officers else is_applicant)]


def batches_to_retry(user: Any) -> list[Batch]:
    """Batches that this officer may ask again for: the worker has given up a convention of theirs. Latest first."""
    if not is_officer_somewhere(user):
        return []
    given_up = OutboxMessage.objects.filter(
        dedupe_key=Concat(Value("convention:"), Cast(OuterRef("pk"), CharField())),
        delivered_at=None,
        abandoned_at__isnull=False,
    )
    stuck = Convention.objects.filter(Exists(given_up), batch=OuterRef("pk"), state=ConventionState.PENDING)
    rows = (
        visible_batches(user).filter(Exists(stuck)).select_related("decision_list__deliberation__jury__session__axis")
    )
    scope = _officer_scope(user)
    return [
        row
        for row in rows.order_by(F("created_at").desc(), "pk")
        if scope.covers(axis=row.decision_list.deliberation.jury.session.axis)
    ]
