"""Organisations that apply, and the people attached to them."""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.urls import reverse

from accounts.models import User
from core.errors import Refused
from core.journal import record
from core.mail import queue_mail
from core.templatetags.guichet import paris_date
from territories.enums import AffiliationRole, OrganisationKind
from territories.models import (
    REASON_LENGTH,
    Affiliation,
    AffiliationQuerySet,
    Organisation,
    StructureMember,
    Territory,
)
from territories.names import normalise
from territories.population import Part
from territories.sirets import compact, fictitious_siren, fictitious_siret, validate_siret

# Names the lock of those who state a SIREN, apart from other pairs of numbers.
STATED_SIREN = 0x534952


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
    """A syndicat or mutualisation structure and the territories it covers. Refused when the SIRET is wrong or taken.

    Its SIREN stays unknown: only the referential or an administrator vouches for one.
    """
    if kind not in {OrganisationKind.SYNDICAT, OrganisationKind.MUTUALISATION}:
        raise Refused("Seuls un syndicat ou une structure de mutualisation se déclarent ainsi.", field="kind")
    digits = _checked_siret(siret)
    with transaction.atomic():
        structure = Organisation(
            kind=kind,
            name=name.strip(),
            search_name=normalise(name),
            siret=digits,
            departement_code=departement_code,
        )
        _refuse_number_of_another(structure, digits)
        _save_with_siret(structure)
        StructureMember.objects.bulk_create(
            StructureMember(structure=structure, territory_kind=part.kind, territory_code=part.code)
            for part in {(part.kind, part.code): part for part in parts}.values()
        )
    return structure


def state_siret(*, organisation: Organisation, siret: str) -> Organisation:
    """Keep the SIRET that the applicant states. Refused when its key is wrong, its SIREN another one, or taken.

    ``siren`` is left as it was: the referential or an administrator vouches for it, a statement does not.
    """
    digits = _checked_siret(siret)
    with transaction.atomic():
        locked = Organisation.objects.select_for_update(of=("self",)).get(pk=organisation.pk)
        if digits:
            _refuse_number_of_another(locked, digits)
        locked.siret = digits
        locked.siret_is_fictitious = False
        _save_with_siret(locked)
    return locked


def bearer_of(siret: str, organisation: Organisation) -> str:
    """The name of the territory (of any vintage) or other organisation that has the SIREN of ``siret``, or nothing."""
    siren = siret[:9]
    territories = Territory.objects.filter(siren=siren)
    if territories.filter(kind=organisation.kind, code=organisation.territory_code).exists():
        return ""
    territory = territories.order_by("-vintage_id", "id").first()
    if territory is not None:
        return territory.name
    others = Organisation.objects.exclude(pk=organisation.pk)
    other = others.filter(Q(siren=siren) | Q(siret__startswith=siren)).order_by("id").first()
    return other.name if other is not None else ""


def _refuse_number_of_another(organisation: Organisation, digits: str) -> None:
    if organisation.siren:
        if not digits.startswith(organisation.siren):
            raise Refused(
                f"Ce SIRET n’est pas celui de « {organisation.name} »\u00a0: il devrait commencer par {organisation.siren}.",
                field="siret",
            )
        return
    if not digits:
        return
    _one_statement_at_a_time(digits[:9])
    bearer = bearer_of(digits, organisation)
    if bearer:
        raise Refused(
            f"Ce SIRET est celui de « {bearer} », pas de « {organisation.name} ». Vérifiez le numéro saisi\u00a0; s’il est bien "
            "le vôtre, écrivez au service chargé de l’appel.",
            field="siret",
        )


def _one_statement_at_a_time(siren: str) -> None:
    """Two organisations that state two offices of one SIREN wait for one another, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [STATED_SIREN, int(siren)])


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


def requests_of(user: User) -> list[Affiliation]:
    """The requests of a person that nobody has answered yet, with their organisation, the oldest first."""
    return list(Affiliation.objects.filter(user=user).pending().select_related("organisation").order_by("id"))


def open_affiliations(user: User, authority: Territory | Organisation) -> list[Affiliation]:
    """What the person asked for or holds towards an authority, not ended: a request is not made twice in one role."""
    if isinstance(authority, Territory):
        known = Q(organisation__kind=authority.kind, organisation__territory_code=authority.code)
    else:
        known = Q(organisation=authority)
    rows = Affiliation.objects.filter(known, user=user, ends_at__isnull=True)
    return list(rows.select_related("organisation").order_by("id"))


def may_act_for(user: User, organisation: Organisation, at: datetime, *, role: AffiliationRole | None = None) -> bool:
    """Whether a validated affiliation (of this ``role`` if given) lets the person act at ``at``."""
    found = Affiliation.objects.filter(user=user, organisation=organisation).current(at)
    return (found.filter(role=role) if role else found).exists()


def colleagues_of(user: User, at: datetime) -> AffiliationQuerySet:
    """The contributors of the organisations whose legal representative the person is at ``at``, ended ones included."""
    represented = Affiliation.objects.filter(user=user, role=AffiliationRole.LEGAL_REPRESENTATIVE).current(at)
    return (
        Affiliation.objects.filter(
            organisation__in=represented.values("organisation_id").order_by(),
            role=AffiliationRole.CONTRIBUTOR,
            validated_at__isnull=False,
        )
        .exclude(user=user)
        .select_related("user", "organisation")
    )


def requests_to(user: User, at: datetime) -> AffiliationQuerySet:
    """The pending requests to prepare dossiers for the organisations whose legal representative the person is at ``at``."""
    represented = Affiliation.objects.filter(user=user, role=AffiliationRole.LEGAL_REPRESENTATIVE).current(at)
    return (
        Affiliation.objects.pending()
        .filter(organisation__in=represented.values("organisation_id").order_by(), role=AffiliationRole.CONTRIBUTOR)
        .filter(user__is_active=True)
        .exclude(user=user)
        .select_related("user", "organisation")
    )


def request_affiliation(*, user: User, organisation: Organisation, role: AffiliationRole, at: datetime) -> Affiliation:
    """Ask to act for an organisation. Refused when a request or affiliation exists.

    An agent of the State answers; its legal representative may too, to whoever will prepare dossiers, and is told.
    """
    with transaction.atomic():
        User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        existing = Affiliation.objects.filter(
            user=user, organisation=organisation, role=role, ends_at__isnull=True
        ).first()
        if existing is not None:
            raise Refused(already_asked(existing), field="organisation")
        affiliation = Affiliation.objects.create(user=user, organisation=organisation, role=role, requested_at=at)
        _journal(affiliation, "affiliation.requested", user, at)
        held = Affiliation.objects.filter(user=user, organisation=organisation).current(at).first()
        _tell(affiliation, "requested", subject="Votre demande de rattachement est transmise", held=held)
        if role == AffiliationRole.CONTRIBUTOR:
            _tell_who_represents(affiliation, at)
    return affiliation


# What a person who asks is told, on the pages and by mail. No text sets a time limit: none is promised.
WHAT_FOLLOWS = (
    "Un agent de l’État de votre territoire vérifie votre demande auprès de votre collectivité, puis l’accepte ou la "
    "refuse\u00a0; sa réponse vous arrive par courriel. Si vous préparez les dossiers, le représentant légal de "
    "votre collectivité, s’il a un compte ici, peut aussi répondre. Aucun délai n’est fixé\u00a0: sans nouvelles après "
    "une semaine, écrivez au service chargé de l’appel, dont l’adresse figure sur la page de l’appel."
)


def already_asked(affiliation: Affiliation) -> str:
    """What to tell whoever asks again: the affiliation is in force, or the request waits, since when and for whom."""
    name, role = affiliation.organisation.name, affiliation.get_role_display()
    if affiliation.validated_at:
        return (
            f"Votre rattachement à {name} ({role}) est déjà en vigueur\u00a0: vous pouvez agir pour cette collectivité."
        )
    asked = paris_date(affiliation.requested_at)
    return f"Vous avez déjà demandé ce rattachement à {name} ({role}) le {asked}. {WHAT_FOLLOWS}"


def validate_affiliation(
    *,
    affiliation_id: int,
    by: User | None,
    at: datetime,
    evidence: str,
    among: Callable[[], AffiliationQuerySet] | None = None,
) -> Affiliation:
    """Accept a request, on ``evidence`` (a visa, an identity provider). ``by`` None: the system did.

    ``among`` gives those that ``by`` may answer, asked once the row is locked.
    """
    with transaction.atomic():
        affiliation = _pending(affiliation_id, among)
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
        if by is not None:
            # Whom the site attaches by itself, through ProConnect, is there to see it.
            _tell(affiliation, "validated", subject="Votre rattachement est accepté")
        _tell_those_in_place(affiliation, by, at)
    return affiliation


def refuse_affiliation(
    *,
    affiliation_id: int,
    by: User,
    reason: str,
    at: datetime,
    among: Callable[[], AffiliationQuerySet] | None = None,
) -> Affiliation:
    """Turn a request down, with a reason that its author reads; another one may be made.

    ``among`` gives those that ``by`` may answer, asked once the row is locked.
    """
    reason = _readable(reason)
    with transaction.atomic():
        affiliation = _pending(affiliation_id, among)
        affiliation.refused_at = at
        affiliation.refusal_reason = reason
        affiliation.validated_by = by
        affiliation.ends_at = at
        affiliation.save(update_fields=["refused_at", "refusal_reason", "validated_by", "ends_at"])
        _journal(affiliation, "affiliation.refused", by, at, reason=reason)
        _tell(affiliation, "refused", subject="Votre demande de rattachement est refusée")
    return affiliation


def end_affiliation(
    *,
    affiliation_id: int,
    by: User,
    at: datetime,
    reason: str = "",
    among: Callable[[], AffiliationQuerySet] | None = None,
) -> Affiliation:
    """End an affiliation, or withdraw a request: it gives no right from ``at`` on.

    By somebody else than its holder, a reason is required, and mailed to the holder. ``among`` gives those that ``by``
    may end: asked once the row is locked, for the right may have been lost while it was waited for.
    """
    with transaction.atomic():
        affiliation = (
            Affiliation.objects.select_for_update(of=("self",))
            .select_related("user", "organisation")
            .get(pk=affiliation_id)
        )
        if affiliation.ends_at is not None and affiliation.ends_at <= at:
            raise Refused("Ce rattachement est déjà terminé.")
        if among is not None and not among().filter(pk=affiliation.pk).exists():
            raise Refused("Vous ne pouvez plus mettre fin à ce rattachement\u00a0: vos droits viennent de changer.")
        is_holder = by.pk == affiliation.user_id
        affiliation.end_reason = reason.strip() if is_holder else _readable(reason)
        affiliation.ends_at = at
        affiliation.save(update_fields=["ends_at", "end_reason"])
        _journal(affiliation, "affiliation.ended", by, at, reason=affiliation.end_reason)
        if not is_holder:
            _tell(affiliation, "ended", subject="Fin de votre rattachement")
    return affiliation


def _readable(reason: str) -> str:
    """A reason that the person will read: not empty, and no longer than its column."""
    text = reason.strip()
    if not text:
        raise Refused("Indiquez le motif\u00a0: la personne le lira.", field="reason")
    if len(text) > REASON_LENGTH:
        raise Refused(f"Le motif compte {REASON_LENGTH} caractères au plus.", field="reason")
    return text


def _tell_who_represents(affiliation: Affiliation, at: datetime) -> None:
    """Somebody asks to prepare the dossiers of an organisation: its legal representatives may answer."""
    heads = Affiliation.objects.filter(
        organisation=affiliation.organisation, role=AffiliationRole.LEGAL_REPRESENTATIVE, user__is_active=True
    ).exclude(user=affiliation.user)
    for address in sorted(set(heads.current(at).values_list("user__email", flat=True))):
        queue_mail(
            to=[address],
            subject=f"Une personne demande à rejoindre votre collectivité\u00a0: {affiliation.organisation.name}",
            template="emails/territories/affiliation_asked.txt",
            context={
                "person": str(affiliation.user),
                "address": affiliation.user.email,
                "organisation": affiliation.organisation.name,
                "path": reverse("affiliation_home"),
            },
            dedupe_key=f"affiliation:{affiliation.pk}:asked:{address}",
        )


def _tell_those_in_place(affiliation: Affiliation, by: User | None, at: datetime) -> None:
    """Somebody joins an organisation: its legal representatives learn it, or its contributors where it has none; ``by``,
    who let them in, knows."""
    # A closed account keeps its affiliations: nobody would read what is sent to it alone.
    others = (
        Affiliation.objects.filter(organisation=affiliation.organisation, user__is_active=True)
        .exclude(user=affiliation.user)
        .current(at)
    )
    heads = others.filter(role=AffiliationRole.LEGAL_REPRESENTATIVE)
    told = (heads if heads.exists() else others).exclude(user=by)
    for address, role in set(told.values_list("user__email", "role")):
        may_end = role == AffiliationRole.LEGAL_REPRESENTATIVE and affiliation.role == AffiliationRole.CONTRIBUTOR
        queue_mail(
            to=[address],
            subject=f"Une personne rejoint votre collectivité\u00a0: {affiliation.organisation.name}",
            template="emails/territories/affiliation_joined.txt",
            context={
                "person": str(affiliation.user),
                "organisation": affiliation.organisation.name,
                "role": affiliation.get_role_display(),
                "may_end": may_end,
                "path": reverse("affiliation_home" if may_end else "home"),
            },
            dedupe_key=f"affiliation:{affiliation.pk}:joined:{address}",
        )


def _tell(affiliation: Affiliation, answer: str, *, subject: str, held: Affiliation | None = None) -> None:
    """Mail the holder what became of it: requested, validated, refused or ended. ``held``: what they already hold there."""
    organisation = affiliation.organisation.name
    queue_mail(
        to=[affiliation.user.email],
        subject=f"{subject}\u00a0: {organisation}",
        template=f"emails/territories/affiliation_{answer}.txt",
        context={
            "organisation": organisation,
            "role": affiliation.get_role_display(),
            "reason": affiliation.end_reason or affiliation.refusal_reason,
            "needs_factor": affiliation.role == AffiliationRole.LEGAL_REPRESENTATIVE,
            "held": held.get_role_display() if held else "",
            "follows": WHAT_FOLLOWS if answer == "requested" else "",
            "path": reverse("affiliation_home"),
        },
        dedupe_key=f"affiliation:{affiliation.pk}:{answer}",
    )


def attach_by_siret(*, user: User, siret: str, at: datetime) -> Affiliation | None:
    """Attach a person, as a contributor, to the authority whose SIREN their identity provider vouches for.

    None when the SIRET is wrong or is no local authority's. It never makes a legal representative: that an agent
    of the State checks. Nor does it bring back what was ended or refused: it asks again, once, and an agent answers;
    after a refusal the person asks by themself. Called again, it changes nothing.
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
        rows = Affiliation.objects.filter(user=user, organisation=organisation)
        contributions = rows.filter(role=AffiliationRole.CONTRIBUTOR)
        known = contributions.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at)).first()
        if known is not None and known.validated_at is not None:
            return known
        if not rows.filter(ends_at__lte=at).exists():
            known = known or Affiliation.objects.create(
                user=user, organisation=organisation, role=AffiliationRole.CONTRIBUTOR, requested_at=at
            )
            return validate_affiliation(affiliation_id=known.pk, by=None, at=at, evidence="ProConnect")
        last = contributions.order_by("-ends_at", "-id").first()
        if known is not None or (last is not None and last.validated_at is None):
            return known
        return request_affiliation(user=user, organisation=organisation, role=AffiliationRole.CONTRIBUTOR, at=at)


def organisation_by_siret(siret: str) -> Organisation | None:
    """The organisation whose SIREN is that of ``siret``: by the latest vintage that has it, else by an administrator.

    None when two have it. A SIRET that an applicant merely stated proves nothing, and is not looked at.
    """
    siren = siret[:9]
    bearers = list(Territory.objects.filter(siren=siren).order_by("-vintage_id", "id")[:2])
    if bearers:
        shared = len(bearers) == 2 and bearers[0].vintage_id == bearers[1].vintage_id
        return None if shared else organisation_for(bearers[0])
    vouched = list(Organisation.objects.filter(siren=siren).order_by("id")[:2])
    return vouched[0] if len(vouched) == 1 else None


def _pending(affiliation_id: int, among: Callable[[], AffiliationQuerySet] | None = None) -> Affiliation:
    affiliation = Affiliation.objects.select_for_update(of=("self",)).get(pk=affiliation_id)
    if affiliation.validated_at or affiliation.refused_at or affiliation.ends_at:
        raise Refused("Cette demande a déjà reçu une réponse.")
    if among is not None and not among().filter(pk=affiliation.pk).exists():
        raise Refused("Vous ne pouvez plus répondre à cette demande\u00a0: vos droits viennent de changer.")
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
