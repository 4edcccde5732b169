"""The real call, open today, with its envelopes and its people: each journey finds it at the moment where it begins.

What happened before is played by the services of the demonstration, in the weeks before today.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connections
from django.utils import timezone

from accounts.confirmations import confirm_act
from accounts.models import UsedCode, User
from applications.models import Application
from applications.services.screening import declare_admissible
from budget.envelopes import install_envelopes
from calls.models import Session
from conventions.models import Convention
from conventions.services.templates import install_template
from core import outbox
from demonstration.play import judging
from demonstration.play.cast import assemble
from demonstration.play.draw import Candidate
from demonstration.play.filing import file_candidate, people_of
from demonstration.play.subjects import SUBJECTS
from jury.models import DecisionList, Deliberation, Jury
from jury.services.decisions import mark_prepared, prepare_list
from jury.services.release import ACT, list_digest, release_list
from territories.enums import TerritoryKind
from territories.models import Organisation, Territory
from tests.factories.accounts import PASSWORD, code_of
from tests.factories.calls import the_call

# Real authorities of the sample that may ask on axis 1, by code, and what each of them asks, in euros.
RENNES_METROPOLE, ANGERS_LOIRE, SAINT_ETIENNE = "243500139", "244900015", "244200770"
AJACCIO, BASTIA, MENDE = "2A004", "2B033", "48095"
ASKING = {
    RENNES_METROPOLE: "180000",
    ANGERS_LOIRE: "95000",
    AJACCIO: "120000",
    BASTIA: "64000",
    SAINT_ETIENNE: "210000",
    MENDE: "38000",
}


def fresh_code(user: User) -> str:
    """A code of this moment: those already typed in this journey are forgotten, as thirty seconds would."""
    UsedCode.objects.filter(user=user).delete()
    return code_of(user)


def let_the_worker_work() -> None:
    """Delivers what the outbox holds in another thread, as another process would: the browser's loop owns this one."""

    def work() -> None:
        try:
            outbox.deliver_all()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1) as worker:
        worker.submit(work).result()


class Stage:
    """``now`` is real; what the services play happens in the forty days before it."""

    def __init__(self) -> None:
        self.asking = dict(ASKING)
        self.now: datetime = timezone.now()
        self.call = the_call(self.now)
        install_envelopes(call=self.call, at=self.ago(40), actor=None)
        install_template(call=self.call, at=self.ago(40))
        self.cast = assemble(call=self.call, at=self.ago(40), password=PASSWORD)
        self.session = Session.objects.select_related("axis__call").get(
            axis__call=self.call, axis__code="axe-1", is_demonstration=True
        )

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)

    def candidate(self, rank: int, code: str, requested: str, days_ago: float) -> Candidate:
        """A dossier that asks half of what it costs."""
        place = Territory.objects.filter(
            vintage_id=2021, code=code, kind__in=[TerritoryKind.COMMUNE, TerritoryKind.EPCI]
        ).get()
        subjects = SUBJECTS["axe-1"]
        return Candidate(
            rank=rank,
            axis="axe-1",
            session=self.session,
            territory=place,
            members=(),
            subject=subjects[rank % len(subjects)],
            starts_at=self.ago(days_ago),
            cost=Decimal(requested) * 2,
            requested=Decimal(requested),
            fate="",
        )

    def filed(self, count: int | None = None, *, days_ago: float = 26) -> list[Application]:
        """Dossiers filed by the first authorities of the list, with a day between them."""
        rows = list(self.asking.items())[:count]
        return [
            file_candidate(self.candidate(rank, code, requested, days_ago - rank / 4))
            for rank, (code, requested) in enumerate(rows)
        ]

    def admissible(self, count: int | None = None) -> list[Application]:
        return [
            declare_admissible(application=row, user=self.cast.screener, at=self.ago(20)) for row in self.filed(count)
        ]

    def jury(self, count: int | None = None, *, jurors: int = 4) -> Jury:
        """Dossiers assigned; nobody has marked yet."""
        self.admissible(count)
        jury = judging.seat_jury(session=self.session, cast=self.cast, at=self.ago(19), experts=jurors)
        judging.assign(jury=jury, cast=self.cast, at=self.ago(18))
        return jury

    def deliberated(self, count: int | None = None) -> Deliberation:
        """Marked, met, closed; the minutes wait for the worker."""
        jury = self.jury(count)
        judging.evaluate(jury=jury, fates={}, seed=1, at=self.ago(17))
        return judging.deliberate(jury=jury, fates={}, cast=self.cast, at=self.ago(13))

    def prepared(self, count: int | None = None) -> DecisionList:
        """The officer's list, proposed for release."""
        created = prepare_list(
            deliberation=self.deliberated(count),
            title="Lauréats de la relève",
            at=self.ago(4),
            actor=self.cast.officer,
        )
        return mark_prepared(decision_list=created, version=created.version, at=self.ago(4), actor=self.cast.officer)

    def sealed(self, count: int = 2) -> list[Convention]:
        """The conventions of a released list, written and sealed."""
        prepared = self.prepared(count)
        releaser = self.cast.releaser
        confirmation = confirm_act(
            user=releaser,
            act=ACT,
            content_sha256=list_digest(prepared),
            code=code_of(releaser, self.ago(3)),
            at=self.ago(3),
        )
        release_list(
            decision_list=prepared, user=releaser, at=self.ago(3), key="journey:release", confirmation=confirmation
        )
        let_the_worker_work()
        return list(Convention.objects.select_related("application__organisation").order_by("number"))

    def secretary_of(self, organisation: Organisation) -> User:
        """Whoever prepares the dossiers of an authority; may sign in."""
        return people_of(organisation, self.ago(27), password=PASSWORD)[0]

    def head_of(self, organisation: Organisation) -> User:
        """The legal representative of an authority, with their second factor; may sign in."""
        return people_of(organisation, self.ago(27), password=PASSWORD)[1]
