"""Signing: confirmed and begun in one transaction, made outside any, stored and paid for in another.

A signature is a state of its own (design): whatever stops in between is resumed by a sweep from the last step done.
"""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, transaction
from django.utils import timezone

from accounts.confirmations import consume
from budget.refusals import BUSY
from budget.services import commit
from conventions.document import FIELD_BENEFICIARY, FIELD_STATE
from conventions.enums import ConventionState, RevisionKind, SigningState
from conventions.models import Convention, Revision, Signing
from conventions.notifications import tell_signed_by_beneficiary, tell_signed_by_both
from conventions.services.writing import MEDIA_TYPE, keep_revision
from conventions.workflow import CONVENTION
from core import files, keyring, outbox
from core.errors import Refused
from core.idempotency import idempotent
from core.journal import record
from core.locks import exclusive
from core.money import NBSP
from core.series import take_number
from core.signing.keys import SigningError
from core.signing.revision import SignedRevision, describe_revision
from core.signing.sign import sign
from territories.names import normalise

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger("guichet.signing")

SIGN_ACT = "convention.sign"
# Which transition, revision and field belong to the state in which a convention waits.
STEPS = {
    ConventionState.SEALED: ("sign_for_beneficiary", RevisionKind.BENEFICIARY, FIELD_BENEFICIARY),
    ConventionState.BENEFICIARY_SIGNED: ("sign_for_state", RevisionKind.STATE, FIELD_STATE),
}
# After a day without key or timestamp, whoever signed is asked again rather than bound by surprise.
PATIENCE = timedelta(days=1)
# A certificate names its person.
CHANGED = "Le document a changé depuis que vous l’avez ouvert. Relisez-le ci-dessous avant de signer."
NAMELESS = (
    f"Votre signature portera votre prénom et votre nom{NBSP}: indiquez-les d’abord dans «{NBSP}Mon compte{NBSP}»."
)
TOO_LATE = "La signature n’a pas pu être faite dans la journée. Rien n’est signé : signez de nouveau."
TOO_LATE_TO_KEEP = (
    "La signature a été faite mais n’a pas pu être enregistrée dans la journée. Elle est abandonnée et n’engage "
    f"personne{NBSP}: signez de nouveau."
)
# What stops a signature for a while: no key, no timestamp, a store or a database that does not answer.
STOPPED = (SigningError, ImproperlyConfigured, files.FileAltered, OSError)
POSTPONED = (*STOPPED, OperationalError)
CIVILITIES = {"m", "mr", "mme", "mlle", "monsieur", "madame", "mademoiselle"}
_BY_KIND = {kind: (name, field) for name, kind, field in STEPS.values()}


def what_is_signed(convention: Convention) -> str:
    """SHA-256 of the bytes shown to the person who signs; the confirmation is bound to it."""
    revision = convention.current_revision()
    if revision is None:
        raise Refused("La convention n’est pas encore rédigée.")
    return revision.sha256


def start_signing(*, convention: Convention, user: "User", at: datetime, key: str, shown_sha256: str) -> Signing:
    """Takes the person's confirmed will to sign the bytes whose SHA-256 was shown; the signature follows.

    Raises Refused: not this person's turn, a person without a name, bytes that changed since, confirmation missing
    or used, or a signature already in progress.
    """
    with (
        transaction.atomic(),
        idempotent(
            key=key, act=SIGN_ACT, actor=user, content={"convention": convention.pk, "sha256": shown_sha256}
        ) as command,
    ):
        if command.is_replay:
            return Signing.objects.get(pk=command.answer["signing"])
        locked = Convention.objects.select_for_update(of=("self",)).select_related("application").get(pk=convention.pk)
        step = STEPS.get(ConventionState(locked.state))
        if step is None:
            raise Refused("Cette convention n’attend pas de signature.")
        name, kind, _ = step
        if not CONVENTION.holds(user, locked, name, at):
            raise Refused("La signature attendue n’est pas la vôtre.")
        CONVENTION.check(locked, name, at)
        if obstacle := both_parties(locked, user):
            raise Refused(obstacle)
        if not bears_name(user):
            raise Refused(NAMELESS)
        if what_is_signed(locked) != shown_sha256:
            raise Refused(CHANGED)
        confirmation = consume(user=user, act=SIGN_ACT, content_sha256=shown_sha256, at=at)
        signing = Signing.objects.create(
            convention=locked,
            kind=kind,
            base_sha256=shown_sha256,
            user=user,
            confirmation=confirmation,
            at=at,
            started_at=timezone.now(),
        )
        outbox.enqueue(
            kind="conventions.sign", payload={"signing": str(signing.pk)}, dedupe_key=f"signing:{signing.pk}"
        )
        command.answer = {"signing": str(signing.pk)}
    return signing


def bears_name(user: "User") -> bool:
    """Whether the person's account has the first name and the name that a certificate bears."""
    return bool(user.first_name.strip() and user.last_name.strip())


def both_parties(convention: Convention, user: "User") -> str:
    """A contract is between two: whoever signed for the beneficiary never signs for the State, even since gone there.
    Says so, or nothing."""
    if (
        convention.state == ConventionState.BENEFICIARY_SIGNED
        and convention.revisions.filter(kind=RevisionKind.BENEFICIARY, signed_by=user).exists()
    ):
        return f"Vous avez signé cette convention pour la collectivité{NBSP}: une autre personne signe pour l’État."
    return ""


def complete_signing(*, signing_id: str) -> SigningState | None:
    """Takes a signature from where it stands to the end: sign and timestamp outside, then store in one transaction.

    Re-entrant; one process at a time. Returns the state reached, None when unknown or in other hands.
    """
    with exclusive(f"signing:{signing_id}") as held:
        if not held:
            return None
        signing = Signing.objects.select_related("convention__application", "user").filter(pk=signing_id).first()
        if signing is None:
            return None
        if signing.state == SigningState.STARTED:
            if _is_overdue(signing):
                _give_up(signing, TOO_LATE)
            else:
                _produce(signing)
        if signing.state == SigningState.PRODUCED:
            _store_or_give_up(signing)
        return SigningState(signing.state)


def _is_overdue(signing: Signing) -> bool:
    return timezone.now() - signing.started_at > PATIENCE


def _store_or_give_up(signing: Signing) -> None:
    """A signature made in time is kept even late; one that cannot be read for a day no longer blocks its convention."""
    try:
        _store(signing)
    except STOPPED:
        if not _is_overdue(signing):
            raise
        logger.exception("signing_unreadable", extra={"signing_id": str(signing.pk)})
        _give_up(signing, TOO_LATE_TO_KEEP)


def _produce(signing: Signing) -> None:
    """Signs the very bytes that were confirmed, outside any transaction."""
    convention = signing.convention
    base = Revision.objects.select_related("file").get(convention=convention, sha256=signing.base_sha256)
    person = signing.user
    assert person is not None
    organisation = (
        convention.data["beneficiary"]["name"]
        if signing.kind == RevisionKind.BENEFICIARY
        else convention.data["call"]["steward"]
    )
    _, field_name = _BY_KIND[RevisionKind(signing.kind)]
    signed = sign(
        files.read(base.file),
        field_name,
        keyring.person_source(person_id=person.pk, common_name=person.get_full_name(), organisation=organisation),
        capacity=_capacity(signing),
        reason=f"Convention {convention.number}",
        timestamps=keyring.timestamp_source(),
        trust=keyring.trust_material(),
    )
    stored = files.store(
        content=signed.pdf,
        name=f"{convention.number}.pdf",
        kind=f"convention.{signing.kind}",
        media_type=MEDIA_TYPE,
        actor_id=person.pk,
    )
    with transaction.atomic():
        locked = Signing.objects.select_for_update().get(pk=signing.pk)
        if locked.state == SigningState.STARTED:
            locked.produce()
            locked.produced_file = stored
            locked.save(update_fields=["state", "produced_file"])
    signing.refresh_from_db()


def _capacity(signing: Signing) -> str:
    """In what capacity the person signs. The title that the dossier states is that of the person it names alone."""
    person = signing.user
    assert person is not None
    own = person.job_title.strip()
    if signing.kind == RevisionKind.STATE:
        return f"{own}, pour l’État" if own else "pour l’État"
    beneficiary = signing.convention.data["beneficiary"]
    stated = ""
    if _is_same_person(person.get_full_name(), beneficiary["representative"]):
        stated = (beneficiary["representative_title"] or "").strip()
    return f"{stated or own or 'représentant légal'}, {beneficiary['name']}"


def _is_same_person(name: str, other: str) -> bool:
    """The same words whatever their order, case, accents, hyphens and civility; a name left out is nobody's."""
    words = [sorted(set(normalise(each or "").split()) - CIVILITIES) for each in (name, other)]
    return words[0] != [] and words[0] == words[1]


def _store(signing: Signing) -> None:
    """One transaction: same base bytes, revision, state, money, journal. A refusal of the ledger fails the signing;
    rows that others hold for a moment do not: the bytes are made, and the sweep stores them.

    The files are read and described before it: no byte is fetched while the convention is locked.
    """
    signed = _described(signing)
    try:
        with transaction.atomic():
            _store_under_lock(signing, signed)
    except Refused as refusal:
        if refusal.data.get("rule") != "busy":
            _give_up(signing, refusal.message)
        else:
            logger.warning("signing_postponed", extra={"signing_id": str(signing.pk), "error": "busy"})
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) not in BUSY:
            raise
        logger.warning("signing_postponed", extra={"signing_id": str(signing.pk), "error": "busy"})
    signing.refresh_from_db()


def _described(signing: Signing) -> SignedRevision:
    """What the bytes made hold, read from the files that are kept."""
    assert signing.produced_file is not None
    base = Revision.objects.select_related("file").get(convention=signing.convention, sha256=signing.base_sha256)
    _, field_name = _BY_KIND[RevisionKind(signing.kind)]
    return describe_revision(
        files.read(base.file), files.read(signing.produced_file), field_name, trust=keyring.trust_material()
    )


def _give_up(signing: Signing, reason: str) -> None:
    """Nothing is signed: the bytes made, if any, belong to no convention, and the person may sign again."""
    with transaction.atomic():
        locked = Signing.objects.select_for_update(of=("self",)).select_related("user").get(pk=signing.pk)
        locked.fail()
        locked.error = reason
        locked.finished_at = timezone.now()
        locked.save(update_fields=["state", "error", "finished_at"])
        record(
            chain=signing.convention.chain(),
            action="convention.signing_failed",
            at=locked.at,
            actor=locked.user,
            reason=reason,
            data={"signing": str(locked.pk), "kind": locked.kind},
        )
    logger.error("signing_refused", extra={"signing_id": str(signing.pk)})
    signing.refresh_from_db()


def _store_under_lock(signing: Signing, signed: SignedRevision) -> None:
    """``signed`` was described before the lock: here its SHA-256 alone are compared with the rows."""
    convention = (
        Convention.objects.select_for_update(of=("self",))
        .select_related("application__axis", "application__call")
        .get(pk=signing.convention_id)
    )
    locked = (
        Signing.objects.select_for_update(of=("self",))
        .select_related("user", "confirmation", "produced_file")
        .get(pk=signing.pk)
    )
    if locked.state != SigningState.PRODUCED or locked.produced_file is None:
        return
    base = convention.current_revision()
    if base is None or not base.sha256 == locked.base_sha256 == signed.base_sha256:
        raise Refused("Le document a reçu une autre signature entre-temps.")
    if locked.produced_file.sha256 != signed.sha256:
        raise Refused("Le fichier signé n’est pas celui qui a été examiné.")
    kind = RevisionKind(locked.kind)
    name, _ = _BY_KIND[kind]
    revision = keep_revision(
        convention=convention,
        kind=kind,
        stored=locked.produced_file,
        signed=signed,
        signed_by=locked.user,
        confirmation=locked.confirmation,
    )
    from_state = convention.state
    getattr(convention, name)()
    if kind == RevisionKind.STATE:
        _commit_money(convention, locked)
    else:
        convention.beneficiary_signed_at = locked.at
    convention.save()
    locked.keep()
    locked.finished_at = timezone.now()
    locked.save(update_fields=["state", "finished_at"])
    _journal(convention, revision, locked, from_state)
    tell = tell_signed_by_both if kind == RevisionKind.STATE else tell_signed_by_beneficiary
    tell(convention)


def _journal(convention: Convention, revision: Revision, signing: Signing, from_state: str) -> None:
    name, _ = _BY_KIND[RevisionKind(signing.kind)]
    record(
        chain=convention.chain(),
        action=f"convention.{name}",
        at=signing.at,
        actor=signing.user,
        from_state=from_state,
        to_state=convention.state,
        data={
            "sha256": revision.sha256,
            "base_sha256": revision.base_sha256,
            "certificate": revision.certificate_serial,
            "confirmation": signing.confirmation_id,
            "commitment": str(convention.commitment_id) if convention.commitment_id else None,
        },
    )


def _commit_money(convention: Convention, signing: Signing) -> None:
    """The State's signature is the legal commitment: reserved money becomes committed (LOLF art. 8)."""
    year = timezone.localtime(signing.at).year
    convention.commitment_number = f"EJ-{year}-{take_number(f'commitment:{year}'):06d}"
    convention.commitment = commit(
        application=convention.application,
        amount=convention.amount,
        at=signing.at,
        actor=signing.user,
        key=f"commit:{convention.pk}",
        reference=convention.commitment_number,
    )
    convention.signed_at = signing.at
    # Notified once both parties can read it: later than the act when signing waited for the timestamp authority.
    convention.notified_at = signing.at + max(timezone.now() - signing.started_at, timedelta(0))


def unfinished_signings() -> list[str]:
    """Ids of signatures that stopped on the way, for the sweep."""
    rows = Signing.objects.filter(state__in=[SigningState.STARTED, SigningState.PRODUCED]).order_by("started_at", "id")
    return [str(pk) for pk in rows.values_list("pk", flat=True)[:200]]
