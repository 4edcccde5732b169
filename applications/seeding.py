"""Fictitious dossiers in bulk, to measure pages at scale: real authorities, every axis and state, all constraints kept.

They carry no journal, no money and no document: what they are for is the weight of lists and pages.
"""

import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from applications.clocks import add_months
from applications.enums import ApplicationState as State
from applications.models import (
    Application,
    Beneficiary,
    CompletionRequest,
    CostLine,
    EligibilityRecord,
    FundingLine,
)
from calls.eligibility import rules_version_at
from calls.models import AxisTerms, Call, Session
from core.money import CENT
from territories.models import Organisation, Vintage
from territories.names import normalise

SEEDER = "dossiers-de-mesure@guichet.invalid"
PREFIX = "MESURE"
STATES = {
    State.DRAFT: 6,
    State.SUBMITTED: 18,
    State.COMPLETION_REQUESTED: 5,
    State.ADMISSIBLE: 16,
    State.INADMISSIBLE: 10,
    State.AWARDED: 28,
    State.REFUSED: 9,
    State.WAITLISTED: 2,
    State.REDIRECTED: 2,
    State.DEFERRED: 2,
    State.WITHDRAWN: 2,
}
DECIDED = {State.AWARDED, State.REFUSED, State.WAITLISTED, State.REDIRECTED, State.DEFERRED}
TITLES = (
    "Guichet numérique des démarches",
    "Dématérialisation de l’urbanisme",
    "Archivage électronique partagé",
    "Ouverture des données locales",
    "Formation des agents au numérique",
    "Parcours de cybersécurité",
    "Portail des familles",
    "Gestion de la relation aux usagers",
)
# One organisation per territory of the vintage, created where missing, in one statement.
ORGANISATIONS = """
    INSERT INTO territories_organisation (kind, name, search_name, territory_code, siren, siret, siret_is_fictitious,
        departement_code, region_code, address, postal_code, city, created_at)
    SELECT kind, name, search_name, code, siren, '', false, departement_code, region_code, '', '', '', now()
    FROM territories_territory WHERE vintage_id = %s
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Track:
    """A session in which dossiers are filed, with the terms that bound their amounts."""

    session: Session
    terms: AxisTerms
    weight: int


def seed(*, call: Call, count: int, seed_number: int = 88) -> int:
    """Writes ``count`` dossiers with their lines by COPY, in one transaction, and returns their number."""
    dice = random.Random(seed_number)  # noqa: S311 - a spread, not a secret
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", ["seed_dossiers"])
            year = Vintage.objects.order_by("-year").values_list("year", flat=True)[0]
            cursor.execute(ORGANISATIONS, [year])
        user, _ = User.objects.get_or_create(email=SEEDER, defaults={"is_active": False, "is_demonstration": True})
        organisations = list(
            Organisation.objects.order_by("pk").only("pk", "name", "siret", "departement_code", "region_code")
        )
        first = Application.objects.filter(number__startswith=f"{PREFIX}-").count() + 1
        makers = _Maker(dice, call, user, _tracks(call), organisations, first)
        dossiers = [makers.dossier() for _ in range(count)]
        _copy(Application, (row for row, _ in dossiers))
        _copy(CostLine, _lines(dossiers, makers.costs))
        _copy(FundingLine, _lines(dossiers, makers.resources))
        _copy(Beneficiary, _lines(dossiers, makers.beneficiaries))
        _copy(EligibilityRecord, _lines(dossiers, makers.verdicts))
        _copy(CompletionRequest, _lines(dossiers, makers.requests))
    with connection.cursor() as cursor:
        for model in (Application, CostLine, FundingLine, Beneficiary, Organisation):
            cursor.execute(f"ANALYZE {model._meta.db_table}")
    return count


def _tracks(call: Call) -> list[Track]:
    """Sessions of 2021 and later, weighted as the real call was: most dossiers come to the territorial counters."""
    tracks = []
    for session in Session.objects.filter(axis__call=call).select_related("axis").order_by("pk"):
        terms = AxisTerms.objects.filter(
            axis=session.axis, rules_version=rules_version_at(call, session.opens_at)
        ).select_related("rules_version")
        tracks.append(Track(session, terms.get(), 70 if session.axis.is_territorial else 12))
    return tracks


def _lines(dossiers: Iterable[tuple[Application, Track]], make: Any) -> Iterator[Any]:
    for application, track in dossiers:
        yield from make(application, track)


def _copy(model: Any, rows: Iterable[Any]) -> None:
    """Streams rows into the table; every constraint and trigger of the database applies."""
    fields = [field for field in model._meta.concrete_fields if not field.primary_key or model is Application]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields])


class _Maker:
    """Draws dossiers one after the other, the same for the same seed."""

    def __init__(
        self,
        dice: random.Random,
        call: Call,
        user: User,
        tracks: Sequence[Track],
        organisations: Sequence[Organisation],
        first: int,
    ) -> None:
        self.dice, self.call, self.user = dice, call, user
        self.tracks, self.weights = tracks, [track.weight for track in tracks]
        self.organisations, self.rank = organisations, first
        self.states, self.state_weights = list(STATES), list(STATES.values())
        self.now = timezone.now()

    def dossier(self) -> tuple[Application, Track]:
        dice = self.dice
        track = dice.choices(self.tracks, self.weights)[0]
        state = dice.choices(self.states, self.state_weights)[0]
        organisation = dice.choice(self.organisations)
        session = track.session
        end = min(session.closes_at, self.now)
        at = session.opens_at + (end - session.opens_at) * dice.random()
        rank, self.rank = self.rank, self.rank + (state != State.DRAFT)
        title = f"{dice.choice(TITLES)} – {organisation.name}"[:200]
        number = None if state == State.DRAFT else f"{PREFIX}-{at.year}-{rank:06d}"
        application = Application(
            id=uuid.UUID(int=dice.getrandbits(128), version=4),
            number=number,
            call=self.call,
            axis_id=session.axis_id,
            session=session,
            organisation=organisation,
            departement_code=organisation.departement_code,
            region_code=organisation.region_code,
            search_text=normalise(f"{number or ''} {title} {organisation.name} {organisation.departement_code}"),
            state=state.value,
            title=title,
            summary="Dossier fictif, pour mesurer le site à pleine charge.",
            place=organisation.name,
            siret=organisation.siret,
            tax_basis="ht",
            amount_requested=self._amount(track),
            starts_on=timezone.localdate(at) + timedelta(days=30),
            ends_on=timezone.localdate(at) + timedelta(days=400),
            created_at=at - timedelta(days=7),
            created_by=self.user,
            rules_version=track.terms.rules_version,
            vintage_id=track.terms.rules_version.vintage_id,
        )
        if state != State.DRAFT:
            self._file(application, state, at)
        return application, track

    def _amount(self, track: Track) -> Decimal:
        if track.terms.flat_amount is not None:
            return track.terms.flat_amount
        return Decimal(self.dice.randrange(500_000, 30_000_000)) / 100

    def _file(self, application: Application, state: State, at: datetime) -> None:
        application.submitted_at = application.sworn_at = at
        application.submitted_by = application.sworn_by = self.user
        application.completeness_due_at = add_months(at, self.call.completeness_months)
        application.decision_due_at = add_months(at, self.call.decision_months)
        if state in DECIDED | {State.ADMISSIBLE, State.INADMISSIBLE}:
            application.completed_at = application.screened_at = at + timedelta(days=20)
            application.screened_by = self.user
        if state == State.INADMISSIBLE:
            application.screening_reason = "Dossier fictif."
            application.decided_at = application.screened_at
        if state in DECIDED:
            application.decided_at = at + timedelta(days=90)

    def _cost(self, application: Application, track: Track) -> Decimal:
        """A cost whose largest aid is at least what is asked, and which leaves its fifth to the authority."""
        asked = application.amount_requested or Decimal(0)
        share = min(track.terms.aid_rate, Decimal("0.80")) or Decimal("0.50")
        return (asked / share).quantize(CENT, ROUND_DOWN) + CENT

    def costs(self, application: Application, track: Track) -> Iterator[CostLine]:
        cost = self._cost(application, track)
        training = (cost / 4).quantize(CENT, ROUND_DOWN)
        for position, (label, category, nature, amount) in enumerate(
            (
                ("Prestation de réalisation", "services", "investment", cost - training),
                ("Formation des agents", "training", "operating", training),
            )
        ):
            yield CostLine(
                application=application,
                position=position,
                label=label,
                category=category,
                nature=nature,
                amount=amount,
            )

    def resources(self, application: Application, track: Track) -> Iterator[FundingLine]:
        rest = self._cost(application, track) - (application.amount_requested or Decimal(0))
        yield FundingLine(
            application=application, position=0, kind="own", label="Budget", status="granted", amount=rest
        )

    def beneficiaries(self, application: Application, track: Track) -> Iterator[Beneficiary]:
        if application.submitted_at is not None:
            yield Beneficiary(
                application=application,
                organisation_id=application.organisation_id,
                share=application.amount_requested or Decimal(0),
                is_lead=True,
            )

    def verdicts(self, application: Application, track: Track) -> Iterator[EligibilityRecord]:
        """Nobody evaluated these dossiers: the record says so."""
        if application.submitted_at is not None:
            yield EligibilityRecord(
                application=application,
                rules_version=track.terms.rules_version,
                verdict="unknown",
                rules=[],
                evaluated_at=application.submitted_at,
            )

    def requests(self, application: Application, track: Track) -> Iterator[CompletionRequest]:
        if application.state == State.COMPLETION_REQUESTED and application.submitted_at is not None:
            asked = application.submitted_at + timedelta(days=15)
            yield CompletionRequest(
                application=application,
                items=["La délibération signée"],
                requested_at=asked,
                requested_by=self.user,
                due_at=asked + timedelta(days=30),
            )
