"""Awards with their conventions: complete dossiers, a released list, the people who sign and pay."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from django.db import transaction

from accounts.models import User
from applications.enums import ApplicationState
from applications.models import (
    Application,
    Beneficiary,
    CostLine,
    FundingLine,
    Indicator,
    Milestone,
)
from budget.services import Award, open_payment_credits, reserve_many
from calls.enums import MandateRole
from calls.models import AxisTerms, RulesVersion, Theme
from conventions.models import Batch, Convention, Payment, Signing
from conventions.services.batches import open_batch
from conventions.services.payments import PAY_ACT, record_payment, what_is_paid
from conventions.services.signing import SIGN_ACT, complete_signing, start_signing, what_is_signed
from conventions.services.templates import install_template
from conventions.services.writing import write_convention
from jury.enums import DecisionListState, DeliberationState, Outcome
from jury.models import Decision, DecisionList, Deliberation, Jury
from territories.enums import AffiliationRole, OrganisationKind
from territories.models import Organisation
from territories.sirets import fictitious_siren, fictitious_siret
from tests.factories.accounts import AgentFactory, confirmed, enrol
from tests.factories.budget import AT, Tree, make_applications, make_mandate, make_session
from tests.factories.jury import make_grid
from tests.factories.territories import AffiliationFactory, VintageFactory

RELEASED = AT + timedelta(days=30)
SIGNED = RELEASED + timedelta(days=3)
PAID = RELEASED + timedelta(days=20)
IBAN = "FR7630001007941234567890185"
_numbers = count(1)


class ConventionWorld:
    """A call with its text, ``size`` complete dossiers asking 10 000 € each, an officer and a signatory.

    ``release()`` awards them all and opens their conventions, as a released list does.
    """

    def __init__(
        self, size: int = 1, *, envelope: str = "1000000.00", terms: Mapping[str, Any] | None = None, **fields: Any
    ) -> None:
        self.tree = Tree(envelope)
        self.call = self.tree.call
        self.call.programme = "France Relance, thème ITN7"
        self.call.steward = "Ministère de la transformation publique"
        self.call.steward_siret = fictitious_siret(fictitious_siren("ministère"))
        self.call.cost_centre, self.call.functional_domain = "DINUM01075", "0363-04-07"
        self.call.programming_reference = "036304010701"
        self.call.save()
        self.axis = self.tree.axes[0]
        self.session = make_session(self.axis)
        self.theme = Theme.objects.create(axis=self.axis, code="donnees", label="Mieux utiliser les données")
        self.rules = RulesVersion.objects.create(
            call=self.call, number=1, effective_at=AT - timedelta(days=50), vintage=VintageFactory()
        )
        self.terms = AxisTerms.objects.create(
            **{
                "rules_version": self.rules,
                "axis": self.axis,
                "aid_rate": Decimal("0.5000"),
                "source": "Règlement, article 4",
                **(terms or {}),
            }
        )
        self.template = install_template(call=self.call, at=AT)
        self.officer = self.agent(MandateRole.OFFICER, last_name="Gestion")
        self.releaser = self.agent(MandateRole.RELEASER, last_name="Ordonnance")
        self.signatory = self.agent(
            MandateRole.SIGNATORY, first_name="Claude", last_name="Lefèvre", job_title="sous-directrice"
        )
        self.applications = [self.dossier(**fields) for _ in range(size)]

    def agent(self, role: MandateRole, *, mandate: Mapping[str, Any] | None = None, **fields: Any) -> User:
        user: User = AgentFactory(**fields)
        make_mandate(user, self.call, role, **(mandate or {}))
        return user

    def organisation(self, name: str = "") -> Organisation:
        number = next(_numbers)
        siren = fictitious_siren(f"convention:{number}")
        organisation: Organisation = Organisation.objects.create(
            kind=OrganisationKind.COMMUNE,
            territory_code=f"{35900 + number:05d}",
            name=name or f"Saint-Essai-{number}",
            search_name=f"saint essai {number}",
            siren=siren,
            siret=fictitious_siret(siren),
            siret_is_fictitious=True,
            address="1 place de la Mairie",
            postal_code="35900",
            city=f"Saint-Essai-{number}",
        )
        AffiliationFactory(
            organisation=organisation,
            role=AffiliationRole.LEGAL_REPRESENTATIVE,
            user__first_name="Dominique",
            user__last_name="Moreau",
            user__job_title="maire",
            user__second_factor=True,
        )
        return organisation

    def dossier(self, **fields: Any) -> Application:
        """A complete, admissible dossier: 20 000 € of costs, half of them asked."""
        organisation = fields.pop("organisation", None) or self.organisation()
        values: dict[str, Any] = {
            "organisation": organisation,
            "theme": self.theme,
            "rules_version": self.rules,
            "vintage": self.rules.vintage,
            "population": 1234,
            "siret": organisation.siret,
            "seat_address": "1 place de la Mairie, 35000 Rennes",
            "title": "Un guichet numérique pour les démarches des habitants",
            "summary": "Les habitants feront leurs démarches en ligne, avec un agent pour les aider.",
            "place": organisation.city,
            "starts_on": date(2022, 1, 10),
            "ends_on": date(2023, 3, 31),
            "tax_basis": "ht",
            "representative_name": "Dominique Moreau",
            "representative_title": "maire",
            "representative_email": "maire@example.fr",
            "contact_name": "Camille Martin",
            "contact_email": "mairie@example.fr",
            "bank_holder": "Trésorerie de Rennes",
            "iban": IBAN,
            "bic": "BDFEFRPPCCT",
            "departement_code": "35",
            "region_code": "53",
            **fields,
        }
        application = make_applications(self.axis, 1, **values)[0]
        lines = [("Prestation de conception", "services", "12000.00"), ("Licences", "software", "8000.00")]
        for position, (label, category, amount) in enumerate(lines):
            CostLine.objects.create(
                application=application,
                position=position,
                label=label,
                category=category,
                nature="investment",
                amount=Decimal(amount),
            )
        FundingLine.objects.create(
            application=application, kind="own", label="Budget communal", status="granted", amount=Decimal("10000.00")
        )
        Milestone.objects.create(application=application, label="Mise en service", due_on=date(2022, 9, 1))
        Indicator.objects.create(application=application, label="Démarches en ligne", baseline="0", target="20")
        return application

    def share(self, application: Application, *shares: str) -> None:
        """Split the aid between the lead and new members, in euros."""
        for position, share in enumerate(shares):
            Beneficiary.objects.create(
                application=application,
                organisation=application.organisation if position == 0 else self.organisation(),
                share=Decimal(share),
                is_lead=position == 0,
            )

    def decided_list(self) -> DecisionList:
        """A list without the jury's meetings, which have their own tests; its decisions are still to be added."""
        jury, _ = Jury.objects.get_or_create(
            session=self.session,
            defaults={"grid": self._grid(), "name": "Jury de la relève", "created_at": AT},
        )
        number = next(_numbers)
        deliberation = Deliberation.objects.create(
            jury=jury,
            number=number % 30000,
            state=DeliberationState.CLOSED,
            summoned_at=AT + timedelta(days=5),
            held_at=AT + timedelta(days=15),
            closed_at=AT + timedelta(days=15),
            closed_by=self.officer,
            minutes_number=f"PV-2021-{number:04d}",
        )
        return DecisionList.objects.create(
            number=f"LISTE-2021-{number:04d}",
            deliberation=deliberation,
            title="Lauréats",
            created_at=AT + timedelta(days=16),
            released_at=RELEASED,
            released_by=self.releaser,
        )

    def prepared_list(self, application: Application, amount: str = "10000.00") -> DecisionList:
        """A list of one award, proposed by the officer and still to be released."""
        decision_list = self.decided_list()
        Decision.objects.create(
            decision_list=decision_list,
            application=application,
            outcome=Outcome.AWARDED,
            amount_granted=Decimal(amount),
            position=1,
        )
        DecisionList.objects.filter(pk=decision_list.pk).update(
            state=DecisionListState.PREPARED,
            prepared_at=RELEASED,
            prepared_by=self.officer,
            released_at=None,
            released_by=None,
        )
        return DecisionList.objects.get(pk=decision_list.pk)

    def _grid(self) -> Any:
        return self.axis.grids.first() or make_grid(self.axis)

    def release(
        self,
        applications: Sequence[Application] | None = None,
        *,
        amounts: Sequence[str] = (),
        at: datetime = RELEASED,
    ) -> list[Convention]:
        """Awards the dossiers, reserves their money and opens their conventions in one transaction."""
        rows = list(applications or self.applications)
        granted = [Decimal(amount) for amount in amounts] or [Decimal("10000.00")] * len(rows)
        with transaction.atomic():
            Application.objects.filter(pk__in=[row.pk for row in rows]).update(
                state=ApplicationState.AWARDED, decided_at=at
            )
            decision_list = self.decided_list()
            decisions = [
                Decision.objects.create(
                    decision_list=decision_list,
                    application=Application.objects.select_related("call", "axis", "organisation").get(pk=row.pk),
                    outcome=Outcome.AWARDED,
                    amount_granted=amount,
                    position=position,
                )
                for position, (row, amount) in enumerate(zip(rows, granted, strict=True), start=1)
            ]
            # Decisions of a released list no longer change: it is released once they are written.
            DecisionList.objects.filter(pk=decision_list.pk).update(state=DecisionListState.RELEASED)
            awards = [
                Award(application=row.application, amount=row.amount_granted, key=f"decision:{row.pk}")
                for row in decisions
            ]
            entries = reserve_many(awards=awards, at=at, actor=self.releaser)
            reservations = {row.application_id: entry for row, entry in zip(decisions, entries, strict=True)}
            batch = open_batch(
                decision_list=decision_list, decisions=decisions, reservations=reservations, at=at, actor=self.releaser
            )
        assert batch is not None
        self.batch: Batch = batch
        return list(batch.conventions.order_by("number"))

    def sealed(self) -> Convention:
        """One convention, written and sealed by the worker's own code."""
        convention = self.release()[0]
        write_convention(convention_id=str(convention.pk))
        convention.refresh_from_db()
        return convention

    def signed_once(self) -> Convention:
        convention = self.sealed()
        return sign_as(convention, representative_of(convention))

    def signed(self) -> Convention:
        """Signed by both parties."""
        return sign_as(self.signed_once(), self.signatory, at=SIGNED + timedelta(hours=1))

    def paid(self) -> Convention:
        convention = self.signed()
        pay_as(convention, self.officer)
        convention.refresh_from_db()
        return convention

    def open_credits(self, year: int, amount: str = "1000000.00") -> None:
        """Credits of payment of one more year."""
        open_payment_credits(
            envelope=self.tree.root, year=year, amount=Decimal(amount), at=AT, actor=self.officer, key=str(uuid4())
        )


def representative_of(convention: Convention) -> User:
    """The legal representative of the beneficiary."""
    row = convention.application.organisation.affiliations.filter(role=AffiliationRole.LEGAL_REPRESENTATIVE).first()
    assert row is not None
    user: User = row.user
    if user.authenticator_set.count() == 0:
        enrol(user)
    return user


def begin_signing(convention: Convention, user: User, *, at: datetime = SIGNED, key: str = "") -> Signing:
    """Confirmed and started, not completed."""
    shown = what_is_signed(convention)
    confirmed(user, act=SIGN_ACT, content_sha256=shown, at=at)
    return start_signing(convention=convention, user=user, at=at, key=key or str(uuid4()), shown_sha256=shown)


def sign_as(convention: Convention, user: User, *, at: datetime = SIGNED) -> Convention:
    """Signed by this person, to the end."""
    complete_signing(signing_id=str(begin_signing(convention, user, at=at).pk))
    convention.refresh_from_db()
    return convention


def pay_as(convention: Convention, user: User, *, at: datetime = PAID, key: str = "", **fields: Any) -> Payment:
    """The payment of the whole amount, confirmed and recorded."""
    values: dict[str, Any] = {
        "service_done_on": (at - timedelta(days=2)).date(),
        "paid_on": (at - timedelta(days=1)).date(),
        "reference": "DP-2021-000123",
        **fields,
    }
    confirmed(user, act=PAY_ACT, content_sha256=what_is_paid(convention, **values), at=at)
    return record_payment(convention=convention, user=user, at=at, key=key or str(uuid4()), **values)
