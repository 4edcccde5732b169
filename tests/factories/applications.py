"""Dossiers, built through the services: a plain valid draft, then filed, then admissible."""

import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pikepdf
from django.utils import timezone

from accounts.models import User
from applications import services
from applications.enums import AttachmentKind, TaxBasis
from applications.models import Application, Attachment
from applications.rules import questions_of, rules_of
from calls.enums import MandateRole
from calls.installation import install_call, vintages_of_call
from calls.models import Call, Mandate, Session
from core import files
from territories.enums import AffiliationRole
from territories.models import Affiliation, Grouping, Organisation
from tests.factories.accounts import UserFactory
from tests.factories.calls import FIRST_RELEVE, MandateFactory, session_of
from tests.factories.territories import AffiliationFactory, OrganisationFactory, VintageFactory

IBAN = "FR7630001007941234567890185"
BIC = "BDFEFRPPCCT"


def the_only_call() -> Call:
    """The call of the test, installed at first need with no territory loaded: every population is unknown."""
    known = Call.objects.order_by("pk").first()
    if known is not None:
        return known
    for year in vintages_of_call():
        VintageFactory(year=year)
    return install_call(FIRST_RELEVE)


def pdf(text: str = "page") -> bytes:
    """A small sound PDF; different texts give different bytes."""
    document = pikepdf.new()
    document.add_blank_page()
    document.docinfo["/Title"] = text
    target = io.BytesIO()
    document.save(target, deterministic_id=True)
    return target.getvalue()


def _person(row: Any) -> User:
    user: User = row.user
    return user


def applicant_of(organisation: Organisation, *, legal: bool = False) -> User:
    """Somebody who acts for this organisation (its legal representative if ``legal``), made at first need."""
    role = AffiliationRole.LEGAL_REPRESENTATIVE if legal else AffiliationRole.CONTRIBUTOR
    known = Affiliation.objects.filter(organisation=organisation, role=role).select_related("user").first()
    if known is not None:
        return known.user
    return _person(AffiliationFactory(organisation=organisation, role=role))


def screener_of(call: Call, **mandate: Any) -> User:
    """A screener of the whole call, or of the axis and territory given, made at first need."""
    known = Mandate.objects.filter(call=call, role=MandateRole.SCREENER, **mandate).select_related("user").first()
    if known is not None:
        return known.user
    return _person(MandateFactory(call=call, role=MandateRole.SCREENER, **mandate))


def releaser_of(call: Call) -> User:
    """Whoever releases decisions of the ministry, made at first need."""
    known = Mandate.objects.filter(call=call, role=MandateRole.RELEASER).select_related("user").first()
    if known is not None:
        return known.user
    return _person(MandateFactory(call=call, role=MandateRole.RELEASER))


def start(
    *,
    session: Session | None = None,
    organisation: Organisation | None = None,
    grouping: Grouping | None = None,
    user: User | None = None,
    at: datetime = FIRST_RELEVE,
) -> Application:
    """An empty draft of a commune on axis 1, as its person sees it after choosing."""
    session = session or session_of(the_only_call(), "axe-1", "releve-1")
    applicant: Any = organisation or (grouping.lead if grouping else OrganisationFactory())
    user = user or applicant_of(applicant)
    return services.start_application(organisation=applicant, session=session, grouping=grouping, user=user, at=at)


def fill(
    application: Application,
    *,
    at: datetime = FIRST_RELEVE,
    title: str = "Un guichet numérique pour les démarches des habitants",
    cost: Decimal | str = "100000.00",
    requested: Decimal | str | None = None,
    skip: Sequence[str] = (),
) -> Application:
    """Every section of the dossier, filled so that it may be filed: half of ``cost`` asked, the rest own money.

    ``skip`` names the sections left empty (« financement », « pieces »…).
    """
    cost = Decimal(cost)
    requested = cost / 2 if requested is None else Decimal(requested)
    user = applicant_of(application.organisation)
    contents = _sections(application, at, title, cost, requested)
    for slug, content in contents.items():
        if slug not in skip:
            application = services.save_section(
                application=application, section=slug, user=user, at=at, version=application.version, **content
            )
    if "pieces" not in skip:
        attach(application, at=at)
    return application


def _sections(
    application: Application, at: datetime, title: str, cost: Decimal, requested: Decimal
) -> dict[str, dict[str, Any]]:
    start_on = timezone.localtime(at).date()
    theme = application.axis.themes.order_by("id").first()
    questions = questions_of(application, rules_of(application, at))
    funding = [{"kind": "own", "label": "Budget", "status": "granted", "amount": cost - requested}]
    rows: dict[str, Any] = {"funding_lines": funding if cost > requested else []}
    if application.grouping is not None:
        members = list(application.grouping.members.order_by("search_name", "pk"))
        rows["beneficiaries"] = [
            {
                "organisation": member,
                "share": requested if member.pk == application.organisation_id else Decimal(0),
                "is_lead": member.pk == application.organisation_id,
            }
            for member in members
        ]
    return {
        "collectivite": {
            "values": {
                "siret": application.organisation.siret,
                "seat_address": "1 place de la Mairie, 35000 Rennes",
                "representative_name": "Dominique Moreau",
                "representative_title": "maire",
                "representative_email": "maire@example.fr",
                "contact_name": "Camille Martin",
                "contact_email": "mairie@example.fr",
                "contact_phone": "02 99 00 00 00",
                "bank_holder": "Trésorerie",
                "iban": IBAN,
                "bic": BIC,
            }
        },
        "projet": {
            "values": {
                "title": title,
                "theme": theme,
                "summary": "Les habitants feront leurs démarches en ligne, avec un agent pour les aider.",
                "place": application.organisation.name,
                "has_prior_authorisation": True,
            }
        },
        "depenses": {
            "values": {"tax_basis": TaxBasis.EXCLUDING_TAX.value},
            "rows": {
                "cost_lines": [{"label": "Prestation", "category": "services", "nature": "investment", "amount": cost}]
            },
        },
        "financement": {"values": {"amount_requested": requested}, "rows": rows},
        "calendrier": {
            "values": {"starts_on": start_on, "ends_on": date(start_on.year + 1, start_on.month, 1)},
            "rows": {
                "milestones": [{"label": "Mise en service", "due_on": date(start_on.year + 1, 1, 31)}],
                "indicators": [{"label": "Démarches en ligne", "baseline": "0", "target": "20"}],
            },
        },
        "questions": {"answers": {question.code: _answer(question) for question in questions}},
    }


def _answer(question: Any) -> str:
    if question.kind == "yes_no":
        return "oui"
    if question.kind == "number":
        return "12"
    if question.kind == "choice":
        return str(question.choices[0])
    return "Une réponse claire."


def attach(
    application: Application,
    *kinds: AttachmentKind,
    at: datetime = FIRST_RELEVE,
    through_service: bool = False,
) -> list[Attachment]:
    """The documents that the dossier needs (or ``kinds``), stored directly unless the upload itself is tested."""
    from applications.completeness import required_attachments

    user = applicant_of(application.organisation)
    made = []
    for kind in kinds or required_attachments(application):
        content = pdf(f"{kind} {application.pk}")
        if through_service:
            made.append(
                services.add_attachment(
                    application=application, kind=kind.value, name=f"{kind}.pdf", content=content, user=user, at=at
                )
            )
            continue
        stored = files.store(
            content=content,
            name=f"{kind}.pdf",
            kind=f"attachment.{kind}",
            media_type="application/pdf",
            actor_id=user.pk,
        )
        made.append(
            Attachment.objects.create(application=application, kind=kind, file=stored, added_at=at, added_by=user)
        )
    return made


class ApplicationFactory:
    """``ApplicationFactory()`` is the plainest valid draft: filled, ready to be filed. Arguments of ``start`` and
    ``fill``."""

    def __new__(cls, *, at: datetime = FIRST_RELEVE, **options: Any) -> Application:  # type: ignore[misc]
        filling = {name: options.pop(name) for name in ("title", "cost", "requested", "skip") if name in options}
        return fill(start(at=at, **options), at=at, **filling)


def submitted_application(*, at: datetime = FIRST_RELEVE, **options: Any) -> Application:
    """Filed at ``at`` by a contributor of the organisation."""
    draft = ApplicationFactory(at=at, **options)
    user = applicant_of(draft.organisation)
    return services.submit_application(application=draft, user=user, at=at, key=str(uuid4()))


def admissible_application(*, at: datetime = FIRST_RELEVE, **options: Any) -> Application:
    """Filed, then declared admissible at the same instant by a screener of the whole call."""
    application = submitted_application(at=at, **options)
    return services.declare_admissible(application=application, user=screener_of(application.call), at=at)


def decided_application(outcome: str = "awarded", *, at: datetime = FIRST_RELEVE, **options: Any) -> Application:
    """Admissible, then given its outcome (no money moves here: that is the jury's room's business)."""
    application = admissible_application(at=at, **options)
    return services.decide(application=application, outcome=outcome, at=at, actor=releaser_of(application.call))


def completion_requested_application(*, at: datetime = FIRST_RELEVE, **options: Any) -> Application:
    """Filed, then sent back for a missing item with thirty days to answer."""
    application = submitted_application(at=at, **options)
    services.request_completion(
        application=application,
        user=screener_of(application.call),
        at=at,
        items=["La délibération signée"],
        due_at=at + timedelta(days=30),
    )
    application.refresh_from_db()
    return application


__all__ = ["ApplicationFactory", "UserFactory", "admissible_application", "submitted_application"]
