"""Preparing a dossier: start it, save one section at a time."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q

from accounts.models import User
from applications.bank import read_bic, read_iban
from applications.models import (
    Answer,
    Application,
    Beneficiary,
    CostLine,
    FundingLine,
    Indicator,
    Milestone,
)
from applications.permissions import may_edit
from applications.rules import questions_of, rules_of, terms_of
from applications.sections import BY_SLUG, Section, fault_of_dates
from applications.services.base import NOT_YOURS, lock, refuse_more_than_filed, search_text
from applications.workflow import guard_session_open
from calls.models import Axis, Session, Theme
from core.errors import Refused
from core.journal import record
from territories.enums import AffiliationRole
from territories.models import Affiliation, Grouping, Organisation
from territories.services import state_siret
from territories.sirets import compact, validate_siret

STALE = (
    "Ce dossier a été modifié ailleurs (dans un autre onglet, ou par un collègue) depuis que vous avez ouvert cette "
    "page. Ce qui a changé est rappelé ci-dessous\u00a0: vérifiez votre saisie, puis enregistrez à nouveau."
)
ROW_MODELS: dict[str, type[models.Model]] = {
    "cost_lines": CostLine,
    "funding_lines": FundingLine,
    "milestones": Milestone,
    "indicators": Indicator,
    "beneficiaries": Beneficiary,
}


@transaction.atomic
def start_application(
    *,
    organisation: Organisation,
    session: Session,
    user: User,
    at: datetime,
    grouping: Grouping | None = None,
    theme: Theme | None = None,
) -> Application:
    """A draft on the session's axis, prefilled from what is known of the organisation and its people.

    Refused when the person is not attached to the organisation, the session is closed, the axis has no terms in the
    rules in force, or the organisation does not lead the grouping.
    """
    if not Affiliation.objects.current(at).filter(user=user, organisation=organisation).exists():
        raise Refused("Vous n’êtes pas rattaché à cette collectivité.", field="organisation")
    if grouping is not None and grouping.lead_id != organisation.pk:
        raise Refused("Le dossier d’un groupement est déposé par son chef de file.", field="grouping")
    application = _prefilled(organisation, session, grouping, user, at)
    application.theme = theme
    closed = guard_session_open(application, at)
    if closed:
        raise Refused(closed, field="session")
    terms_of(application, rules_of(application, at))
    application.search_text = search_text(application)
    application.save(force_insert=True)
    if grouping is not None:
        Beneficiary.objects.bulk_create(
            Beneficiary(application=application, organisation=member, share=0, is_lead=member.pk == organisation.pk)
            for member in grouping.members.order_by("search_name", "pk")
        )
    record(
        chain=application.chain,
        action="application.start",
        at=at,
        actor=user,
        to_state=application.state,
        data={"axis": application.axis_id, "session": session.pk, "organisation": organisation.pk},
    )
    return application


def _prefilled(
    organisation: Organisation, session: Session, grouping: Grouping | None, user: User, at: datetime
) -> Application:
    """What the referential and the people already tell, so that nobody types it again."""
    axis: Axis = session.axis
    return Application(
        call=axis.call,
        axis=axis,
        session=session,
        organisation=organisation,
        grouping=grouping,
        departement_code=organisation.departement_code,
        region_code=organisation.region_code,
        siret=organisation.siret,
        seat_address=_seat(organisation),
        place=organisation.name,
        bank_holder=organisation.name,
        contact_name=user.get_full_name(),
        contact_email=user.email,
        contact_phone=user.phone,
        created_at=at,
        created_by=user,
        **_representative(organisation, at),
    )


def _seat(organisation: Organisation) -> str:
    """The address known of the organisation, on one line; the referential gives none."""
    city = " ".join(filter(None, [organisation.postal_code, organisation.city]))
    return ", ".join(filter(None, [organisation.address, city]))


def _representative(organisation: Organisation, at: datetime) -> dict[str, str]:
    row = (
        Affiliation.objects.current(at)
        .filter(organisation=organisation, role=AffiliationRole.LEGAL_REPRESENTATIVE)
        .select_related("user")
        .order_by("-validated_at", "pk")
        .first()
    )
    if row is None:
        return {}
    return {
        "representative_name": row.user.get_full_name(),
        "representative_title": row.user.job_title,
        "representative_email": row.user.email,
    }


@transaction.atomic
def form_grouping(
    *, lead: Organisation, members: Iterable[Organisation], user: User, at: datetime, name: str = ""
) -> Grouping:
    """A grouping led by an organisation of the person; the same members and lead give the same grouping."""
    if not Affiliation.objects.current(at).filter(user=user, organisation=lead).exists():
        raise Refused("Vous n’êtes pas rattaché à la collectivité chef de file.", field="organisation")
    everyone = {lead.pk: lead, **{member.pk: member for member in members}}
    if len(everyone) < 2:
        raise Refused("Un groupement compte au moins deux collectivités.", field="organisation")
    for known in Grouping.objects.filter(lead=lead).prefetch_related("members"):
        if {member.pk for member in known.members.all()} == set(everyone):
            return known
    grouping = Grouping.objects.create(lead=lead, name=(name.strip() or f"Groupement mené par {lead.name}")[:200])
    grouping.members.set(everyone.values())
    return grouping


@transaction.atomic
def save_section(
    *,
    application: Application,
    section: str,
    user: User,
    at: datetime,
    version: int,
    values: Mapping[str, Any] | None = None,
    rows: Mapping[str, Iterable[Mapping[str, Any]]] | None = None,
    answers: Mapping[str, str] | None = None,
) -> Application:
    """Writes one section as a whole and returns the dossier with its new ``version``.

    ``version`` is the one the form was shown with: an older one is refused and changes nothing. ``rows`` replace the
    lines of the section, in order; ``answers`` are given by code of question. Amounts are Decimal euros.
    """
    part = BY_SLUG[section]
    locked = lock(application)
    if not may_edit(user, locked, at):
        raise Refused(NOT_YOURS)
    if locked.version != version:
        raise Refused(STALE, data={"version": locked.version})
    _write_values(locked, part, values or {})
    if not locked.is_draft:
        refuse_more_than_filed(locked)
    for name, lines in (rows or {}).items():
        _replace_rows(locked, part, name, lines)
    if section == "questions":
        _write_answers(locked, answers or {}, at)
    locked.version += 1
    locked.search_text = search_text(locked)
    locked.save(update_fields=[*part.fields, "version", "search_text"])
    if not locked.is_draft:
        record(
            chain=locked.chain,
            action="application.save_section",
            at=at,
            actor=user,
            data={"section": section, "version": locked.version},
        )
    return locked


def _write_values(application: Application, part: Section, values: Mapping[str, Any]) -> None:
    unknown = set(values) - set(part.fields)
    if unknown:
        raise ValueError(f"section {part.slug} does not write {sorted(unknown)}")
    for name, value in values.items():
        setattr(application, name, value.strip() if isinstance(value, str) else value)
    if values.get("siret"):
        application.siret = _checked_siret(application)
    if values.get("iban"):
        application.iban = read_iban(application.iban)
    if values.get("bic"):
        application.bic = read_bic(application.bic)
    others = {field.name for field in application._meta.fields} - set(values)
    _clean(application, exclude=others)
    if application.theme is not None and application.theme.axis_id != application.axis_id:
        raise Refused("Ce thème n’est pas de cet axe.", field="theme")
    if application.amount_requested is not None and application.amount_requested <= 0:
        raise Refused("Le montant doit être supérieur à zéro.", field="amount_requested")
    # Only where they are written: a rule of today must not hold back the other sections of an older dossier.
    fault, field = fault_of_dates(application.starts_on, application.ends_on) if "ends_on" in part.fields else ("", "")
    if fault:
        raise Refused(fault, field=field)


def _checked_siret(application: Application) -> str:
    digits = compact(application.siret)
    organisation = application.organisation
    try:
        validate_siret(digits)
    except ValidationError as error:
        raise Refused(error.messages[0], field="siret") from error
    if digits == organisation.siret:
        return digits
    if not (organisation.siret and _has_filed(organisation)) or organisation.siret_is_fictitious:
        # Nothing rests on the number stated before: the latest one is kept.
        application.organisation = state_siret(organisation=organisation, siret=digits)
        return digits
    siren = organisation.siren or organisation.siret[:9]
    if not digits.startswith(siren):
        raise Refused(
            f"Ce SIRET n’est pas celui de « {organisation.name} »\u00a0: il devrait commencer par {siren}, comme celui d’un "
            "dossier déjà déposé. Si ce numéro-là était faux, écrivez au service chargé de l’appel.",
            field="siret",
        )
    return digits


def _has_filed(organisation: Organisation) -> bool:
    """Whether a dossier with a part for this organisation was ever filed, alone or in a grouping."""
    filed = Application.objects.filter(submitted_at__isnull=False)
    return filed.filter(Q(organisation=organisation) | Q(beneficiaries__organisation=organisation)).exists()


def _replace_rows(application: Application, part: Section, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
    if name not in part.rows:
        raise ValueError(f"section {part.slug} does not write {name}")
    model = ROW_MODELS[name]
    has_position = any(field.name == "position" for field in model._meta.fields)
    fresh = []
    for position, line in enumerate(lines):
        row = model(application=application, **line, **({"position": position} if has_position else {}))
        _clean(row, exclude={"application"}, prefix=f"{name}-{position}-")
        amount = getattr(row, "amount", None)
        if amount is not None and amount <= 0:
            raise Refused("Le montant doit être supérieur à zéro.", field=f"{name}-{position}-amount")
        fresh.append(row)
    model._default_manager.filter(application=application).delete()
    model._default_manager.bulk_create(fresh)


def _write_answers(application: Application, answers: Mapping[str, str], at: datetime) -> None:
    questions = {question.code: question for question in questions_of(application, rules_of(application, at))}
    for code, value in answers.items():
        question = questions[code]
        if len(value) > question.max_length:
            raise Refused(f"Cette réponse dépasse {question.max_length} caractères.", field=code)
        Answer.objects.update_or_create(application=application, question=question, defaults={"value": value.strip()})


def _clean(row: models.Model, *, exclude: set[str], prefix: str = "") -> None:
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Refused(messages[0], field=prefix + field) from error
