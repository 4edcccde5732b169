"""Organisations that apply, and the people attached to them."""

from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import User
from core.errors import Refused
from core.journal import record
from territories.enums import AffiliationRole, OrganisationKind
from territories.models import Affiliation, AffiliationQuerySet, Organisation, StructureMember, Territory
from territories.names import normalise
from territories.population import Part
from territories.sirets import compact, fictitious_siren, fictitious_siret, validate_siret


def organisation_for(territory: Territory) -> Organisation:
    """The organisation of a territory, created at first need; its SIREN comes from any vintage that knows it."""
    known = Organisation.objects.filter(kind=territory.kind, territory_code=territory.code).first()
    if known is not None:
        return known
    siren = territory.siren or (
        Territory.objects.filter(kind=territory.kind, code=territory.code)
        .exclude(siren="")
        .order_by("-vintage_id")
        .values_list("siren", flat=True)
        .first()
        or ""
    )
    organisation, _ = Organisation.objects.get_or_create(
        kind=territory.kind,
        territory_code=territory.code,
        defaults={
            "name": territory.name,
            "search_name": territory.search_name,
            "siren": siren,
            "departement_code": territory.departement_code,
            "region_code": territory.region_code,
        },
    )
    return organisation


def create_structure(
    *, kind: OrganisationKind, name: str, parts: Iterable[Part], departement_code: str = "", siret: str = ""
) -> Organisation:
    """A syndicat or mutualisation structure and the territories it covers. Refused when the SIRET is wrong or taken."""
    if kind not in {OrganisationKind.SYNDICAT, OrganisationKind.MUTUALISATION}:
        raise Refused("Seuls un syndicat ou une structure de mutualisation se déclarent ainsi.", field="kind")
    digits = _checked_siret(siret)
    with transaction.atomic():
        structure = Organisation(
            kind=kind,
            name=name.strip(),
            search_name=normalise(name),
            siret=digits,
            siren=digits[:9],
            departement_code=departement_code,
        )
        _save_with_siret(structure)
        StructureMember.objects.bulk_create(
            StructureMember(structure=structure, territory_kind=part.kind, territory_code=part.code)
            for part in {(part.kind, part.code): part for part in parts}.values()
        )
    return structure


def state_siret(*, organisation: Organisation, siret: str) -> Organisation:
    """Keep the SIRET that the applicant states. Refused when its key is wrong, its SIREN another one, or taken."""
    digits = _checked_siret(siret)
    with transaction.atomic():
        locked = Organisation.objects.select_for_update(of=("self",)).get(pk=organisation.pk)
        if digits and locked.siren and not digits.startswith(locked.siren):
            raise Refused(
                f"Ce SIRET n’est pas celui de {locked.name}\u00a0: il devrait commencer par {locked.siren}.",
                field="siret",
            )
        locked.siret = digits
        locked.siret_is_fictitious = False
        locked.siren = locked.siren or digits[:9]
        _save_with_siret(locked)
    return locked


def give_fictitious_siret(organisation: Organisation) -> Organisation:
    """A SIRET with a right key, marked as fictitious, for the demonstration; one already stated stays."""
    if not organisation.siret:
        siren = organisation.siren or fictitious_siren(
            f"{organisation.kind}:{organisation.territory_code or organisation.pk}"
        )
        organisation.siret = fictitious_siret(siren)
        organisation.siret_is_fictitious = True
        organisation.save(update_fields=["siret", "siret_is_fictitious"])
    return organisation


def _checked_siret(siret: str) -> str:
    digits = compact(siret)
    if digits:
        try:
            validate_siret(digits)
        except ValidationError as error:
            raise Refused(error.messages[0], field="siret") from error
    return digits


def _save_with_siret(organisation: Organisation) -> None:
    try:
        with transaction.atomic():
            organisation.save()
    except IntegrityError as error:
        raise Refused("Une collectivité est déjà enregistrée avec ce SIRET.", field="siret") from error


# ---------------------------------------------------------------- affiliations


def affiliations_of(user: User, at: datetime) -> AffiliationQuerySet:
    """The validated affiliations of a person at ``at``, with their organisation."""
    return Affiliation.objects.filter(user=user).current(at).select_related("organisation").order_by("id")


def organisations_of(user: User, at: datetime) -> list[Organisation]:
    """The organisations for which a person may act at ``at``, each once, by name."""
    return list(Organisation.objects.filter(pk__in=affiliations_of(user, at).values("organisation_id").order_by()))


def may_act_for(user: User, organisation: Organisation, at: datetime, *, role: AffiliationRole | None = None) -> bool:
    """Whether a validated affiliation (of this ``role`` if given) lets the person act at ``at``."""
    found = Affiliation.objects.filter(user=user, organisation=organisation).current(at)
    return (found.filter(role=role) if role else found).exists()


def request_affiliation(*, user: User, organisation: Organisation, role: AffiliationRole, at: datetime) -> Affiliation:
    """Ask to act for an organisation; an agent of the State answers. Refused when a request or affiliation exists."""
    with transaction.atomic():
        User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        existing = Affiliation.objects.filter(
            user=user, organisation=organisation, role=role, ends_at__isnull=True
        ).first()
        if existing is not None:
            state = "est en vigueur" if existing.validated_at else "attend déjà une réponse"
            raise Refused(f"Votre rattachement à {organisation.name} {state}.", field="organisation")
        affiliation = Affiliation.objects.create(user=user, organisation=organisation, role=role, requested_at=at)
        _journal(affiliation, "affiliation.requested", user, at)
    return affiliation


def validate_affiliation(*, affiliation_id: int, by: User | None, at: datetime, evidence: str) -> Affiliation:
    """Accept a request, on ``evidence`` (a visa, an identity provider). ``by`` None: the system did."""
    with transaction.atomic():
        affiliation = _pending(affiliation_id)
        if by is not None and by.pk == affiliation.user_id:
            raise Refused("Vous ne pouvez pas valider votre propre demande.")
        affiliation.validated_at = at
        affiliation.validated_by = by
        affiliation.evidence = evidence
        affiliation.save(update_fields=["validated_at", "validated_by", "evidence"])
        if affiliation.role == AffiliationRole.LEGAL_REPRESENTATIVE:
            # They will sign: the factor is theirs before there is anything to sign, not enrolled by whoever comes then.
            User.objects.filter(pk=affiliation.user_id).update(requires_second_factor=True)
        _journal(affiliation, "affiliation.validated", by, at)
    return affiliation


def refuse_affiliation(*, affiliation_id: int, by: User, reason: str, at: datetime) -> Affiliation:
    """Turn a request down, with a reason that its author reads; another one may be made."""
    if not reason.strip():
        raise Refused("Indiquez le motif du refus\u00a0: la personne le lira.", field="reason")
    with transaction.atomic():
        affiliation = _pending(affiliation_id)
        affiliation.refused_at = at
        affiliation.refusal_reason = reason.strip()
        affiliation.validated_by = by
        affiliation.ends_at = at
        affiliation.save(update_fields=["refused_at", "refusal_reason", "validated_by", "ends_at"])
        _journal(affiliation, "affiliation.refused", by, at, reason=reason.strip())
    return affiliation


def end_affiliation(*, affiliation_id: int, by: User, at: datetime) -> Affiliation:
    """End an affiliation, or withdraw a request: it gives no right from ``at`` on."""
    with transaction.atomic():
        affiliation = Affiliation.objects.select_for_update(of=("self",)).get(pk=affiliation_id)
        if affiliation.ends_at is not None:
            raise Refused("Ce rattachement est déjà terminé.")
        affiliation.ends_at = at
        affiliation.save(update_fields=["ends_at"])
        _journal(affiliation, "affiliation.ended", by, at)
    return affiliation


def attach_by_siret(*, user: User, siret: str, at: datetime) -> Affiliation | None:
    """Attach a person, as a contributor, to the authority whose SIREN their identity provider vouches for.

    None when the SIRET is wrong or is no local authority's. It never makes a legal representative: that an agent
    of the State checks. Called again, it changes nothing.
    """
    digits = compact(siret)
    try:
        validate_siret(digits)
    except ValidationError:
        return None
    organisation = organisation_by_siret(digits)
    if organisation is None:
        return None
    with transaction.atomic():
        User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        affiliation, created = Affiliation.objects.get_or_create(
            user=user,
            organisation=organisation,
            role=AffiliationRole.CONTRIBUTOR,
            ends_at=None,
            defaults={"requested_at": at},
        )
        if created or affiliation.validated_at is None:
            return validate_affiliation(affiliation_id=affiliation.pk, by=None, at=at, evidence="ProConnect")
    return affiliation


def organisation_by_siret(siret: str) -> Organisation | None:
    """The one organisation with this SIRET, else with its SIREN, else the territory of the latest vintage with it."""
    exact = Organisation.objects.filter(siret=siret).first()
    if exact is not None:
        return exact
    same_siren = list(Organisation.objects.filter(siren=siret[:9])[:2])
    if same_siren:
        return same_siren[0] if len(same_siren) == 1 else None
    territory = Territory.objects.filter(siren=siret[:9]).order_by("-vintage_id").first()
    return organisation_for(territory) if territory else None


def _pending(affiliation_id: int) -> Affiliation:
    affiliation = Affiliation.objects.select_for_update(of=("self",)).get(pk=affiliation_id)
    if affiliation.validated_at or affiliation.refused_at or affiliation.ends_at:
        raise Refused("Cette demande a déjà reçu une réponse.")
    return affiliation


def _journal(affiliation: Affiliation, action: str, actor: User | None, at: datetime, *, reason: str = "") -> None:
    record(
        chain=f"person:{affiliation.user_id}",
        action=action,
        at=at,
        actor=actor,
        reason=reason,
        data={"affiliation": affiliation.pk, "organisation": affiliation.organisation_id, "role": affiliation.role},
    )
