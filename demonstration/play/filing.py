"""The applicants file, through the services that the pages call."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.text import slugify
from schwifty import IBAN

from accounts.models import User
from applications.enums import AttachmentKind, FundingKind, FundingStatus
from applications.models import Application
from applications.sections import SECTIONS
from applications.services.attachments import add_attachment
from applications.services.drafts import save_section, start_application
from applications.services.submission import submit_application
from demonstration.play.answers import answers_of
from demonstration.play.cast import DOMAIN, invented_name, person
from demonstration.play.documents import one_page
from demonstration.play.draw import Candidate
from territories.enums import AffiliationRole, OrganisationKind
from territories.models import Affiliation, Grouping, Organisation
from territories.services import give_fictitious_siret, organisation_for, request_affiliation, validate_affiliation

HEADS = {
    OrganisationKind.COMMUNE: ("maire", "maire"),
    OrganisationKind.EPCI: ("présidente de l’intercommunalité", "président de l’intercommunalité"),
    OrganisationKind.DEPARTEMENT: ("présidente du conseil départemental", "président du conseil départemental"),
    OrganisationKind.REGION: ("présidente du conseil régional", "président du conseil régional"),
}


def local_part(organisation: Organisation) -> str:
    """The part before @ of the addresses of an organisation's invented people."""
    return f"{organisation.kind}.{organisation.territory_code}".lower()


def people_of(organisation: Organisation, at: datetime, *, password: str | None = None) -> tuple[User, User]:
    """The secretary and the legal representative of an organisation, attached to it."""
    local = local_part(organisation)
    clerk = ("secrétaire générale", "secrétaire général")
    secretary = person(f"secretariat.{local}", clerk, password=password, second_factor=False)
    title = HEADS.get(OrganisationKind(organisation.kind), ("présidente", "président"))
    head = person(f"representant.{local}", title, password=password, second_factor=True)
    for user, role in ((secretary, AffiliationRole.CONTRIBUTOR), (head, AffiliationRole.LEGAL_REPRESENTATIVE)):
        attach(user, organisation, role, at)
    return secretary, head


def attach(user: User, organisation: Organisation, role: AffiliationRole, at: datetime) -> None:
    """Asks and validates an affiliation, unless it exists."""
    if Affiliation.objects.filter(user=user, organisation=organisation, role=role, ends_at__isnull=True).exists():
        return
    asked = request_affiliation(user=user, organisation=organisation, role=role, at=at)
    validate_affiliation(affiliation_id=asked.pk, by=None, at=at, evidence="Démonstration")


def file_candidate(candidate: Candidate) -> Application:
    """One dossier from its draft to its number."""
    application, secretary = prepare_candidate(candidate)
    submitted_at = candidate.starts_at + timedelta(days=1)
    return submit_application(
        application=application,
        user=secretary,
        at=submitted_at,
        key=f"play:{application.pk}",
        sworn_as="mandated",
    )


def prepare_candidate(candidate: Candidate, *, password: str | None = None) -> tuple[Application, User]:
    """A complete draft, and the person who prepared it."""
    at = candidate.starts_at
    organisation = give_fictitious_siret(organisation_for(candidate.territory))
    secretary, head = people_of(organisation, at - timedelta(hours=2), password=password)
    grouping = _grouping(organisation, candidate)
    application = start_application(
        organisation=organisation, session=candidate.session, user=secretary, at=at, grouping=grouping
    )
    for step, (section, content) in enumerate(_sections(application, candidate, organisation, head), start=1):
        application = save_section(
            application=application,
            section=section,
            user=secretary,
            at=at + timedelta(minutes=5 * step),
            version=application.version,
            **content,
        )
    kinds = [AttachmentKind.DELIBERATION, AttachmentKind.BANK_DETAILS]
    for kind in [*kinds, AttachmentKind.MANDATE] if grouping else kinds:
        add_attachment(
            application=application,
            kind=kind,
            name=f"{slugify(kind.label.replace('’', '-'))}.pdf",
            content=one_page(f"Document de démonstration : {kind.label}"),
            user=secretary,
            at=at + timedelta(hours=1),
        )
    return application, secretary


def _grouping(lead: Organisation, candidate: Candidate) -> Grouping | None:
    if not candidate.members:
        return None
    members = [give_fictitious_siret(organisation_for(territory)) for territory in candidate.members]
    grouping, created = Grouping.objects.get_or_create(name=f"Groupement numérique – {lead.name}", lead=lead)
    if created:
        grouping.members.set(members)
    return grouping


def _sections(
    application: Application, candidate: Candidate, organisation: Organisation, head: User
) -> Iterable[tuple[str, dict[str, Any]]]:
    contents: dict[str, dict[str, Any]] = {
        "collectivite": {"values": _identity(application, organisation, head)},
        "projet": {"values": _project(application, candidate)},
        "depenses": {"values": {"tax_basis": "ht"}, "rows": {"cost_lines": _costs(candidate)}},
        "financement": {
            "values": {"amount_requested": candidate.requested},
            "rows": {"funding_lines": _funding(candidate), **_shares(application, candidate)},
        },
        "calendrier": _calendar(candidate),
        "questions": {"answers": answers_of(application, candidate)},
    }
    return [(section.slug, contents[section.slug]) for section in SECTIONS if section.slug in contents]


def _identity(application: Application, organisation: Organisation, head: User) -> dict[str, Any]:
    local = local_part(organisation)
    # The first code of the département, as made up as the street.
    postal_code = application.departement_code.replace("2A", "20").replace("2B", "20").ljust(5, "0")
    first_name, last_name = invented_name(f"contact:{local}")
    # Bank 30001 is the Treasury's; the account is made of the organisation's own SIREN: nobody's.
    iban = IBAN.generate("FR", bank_code="30001", branch_code="00794", account_code=f"{organisation.siret[:9]:0>11}")
    return {
        "siret": organisation.siret,
        "seat_address": f"1 place de la Mairie, {postal_code} {organisation.name} (adresse fictive)",
        "representative_name": head.get_full_name(),
        "representative_title": head.job_title,
        "representative_email": head.email,
        "contact_name": f"{first_name} {last_name}",
        "contact_email": f"secretariat.{local}@{DOMAIN}",
        "contact_phone": "01 99 00 12 34",
        "bank_holder": organisation.name,
        "iban": str(iban),
    }


def _project(application: Application, candidate: Candidate) -> dict[str, Any]:
    subject = candidate.subject
    theme = application.axis.themes.get(code=subject.theme)
    values: dict[str, Any] = {"title": subject.title, "theme": theme, "summary": subject.summary}
    values["place"] = candidate.territory.name
    if candidate.axis == "pack-franceconnect":
        values["has_prior_authorisation"] = True
    return values


def _costs(candidate: Candidate) -> list[dict[str, Any]]:
    """The total split evenly over the subject's expenses, the first one taking what rounding leaves."""
    rows = candidate.subject.costs
    share = (candidate.cost / len(rows)).quantize(Decimal(1))
    amounts = [candidate.cost - share * (len(rows) - 1), *[share] * (len(rows) - 1)]
    return [
        {"label": label, "category": category, "nature": nature, "amount": amount}
        for (label, category, nature), amount in zip(rows, amounts, strict=True)
    ]


def _funding(candidate: Candidate) -> list[dict[str, Any]]:
    rest = candidate.cost - candidate.requested
    if not rest:
        return []
    return [{"kind": FundingKind.OWN, "label": "Budget propre", "status": FundingStatus.GRANTED, "amount": rest}]


def _shares(application: Application, candidate: Candidate) -> dict[str, list[dict[str, Any]]]:
    if application.grouping is None:
        return {}
    members = list(application.grouping.members.order_by("search_name", "pk"))
    share = (candidate.requested / len(members)).quantize(Decimal(1))
    lead_share = candidate.requested - share * (len(members) - 1)
    rows = [
        {
            "organisation": member,
            "share": lead_share if member.pk == application.organisation_id else share,
            "is_lead": member.pk == application.organisation_id,
        }
        for member in members
    ]
    return {"beneficiaries": rows}


def _calendar(candidate: Candidate) -> dict[str, Any]:
    start = (candidate.starts_at + timedelta(days=270)).date().replace(day=1)
    return {
        "values": {"starts_on": start, "ends_on": start.replace(year=start.year + 1, day=28)},
        "rows": {
            "milestones": [
                {"label": "Choix du prestataire", "due_on": start + timedelta(days=60)},
                {"label": "Premiers usagers", "due_on": start + timedelta(days=210)},
                {"label": "Ouverture à tous et bilan", "due_on": start + timedelta(days=360)},
            ],
            "indicators": [
                {
                    "label": "Demandes faites en ligne",
                    "baseline": "10 %",
                    "target": f"{40 + candidate.rank % 5 * 5} %",
                },
                {"label": "Agents formés", "baseline": "0", "target": str(10 + candidate.rank % 40)},
            ],
        },
    }
