"""The worker writes a convention: lay out, prepare the fields, seal. Each step is stored and never done twice."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from conventions.document import FIELD_BENEFICIARY, FIELD_SEAL, FIELD_STATE, convention_html
from conventions.enums import BatchState, ConventionState, RevisionKind
from conventions.models import Batch, Convention, Revision
from conventions.notifications import tell_ready_to_sign
from core import files, keyring
from core.journal import record
from core.models import StoredFile
from core.pdf.render import Attachment, Metadata, RenderSettings, render_document
from core.signing.fields import FieldSpec, prepare_fields
from core.signing.revision import SignedRevision
from core.signing.seal import seal

MEDIA_TYPE = "application/pdf"
# What the embedded file carries: enough to check the document against the site, nothing of the bank account.
EMBEDDED = ("number", "application", "siret", "amount", "axis", "rules_version", "reservation")


def embedded_json(convention: Convention) -> bytes:
    """The bytes of ``convention.json``: amounts in euros as text."""
    data = {key: convention.data[key] for key in EMBEDDED}
    data["beneficiary"] = convention.data["beneficiary"]["name"]
    data["amount_in_words"] = convention.data["amount_in_words"]
    data["beneficiaries"] = convention.data["beneficiaries"]
    data["verification_code"] = convention.verification_code
    return json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True).encode()


def write_convention(*, convention_id: str) -> None:
    """Brings a pending convention to its sealed document. Re-entrant: what is done is read, not done again.

    Called outside any transaction. A convention gone, or no longer pending, is left as it is.
    """
    convention = Convention.objects.select_related("application__call", "template").filter(pk=convention_id).first()
    if convention is None or convention.state != ConventionState.PENDING:
        return
    rendered = convention.revisions.filter(kind=RevisionKind.RENDERED).select_related("file").first()
    if rendered is None:
        pdf = lay_out(convention)
        stored = files.store(
            content=pdf,
            name=f"{convention.number}-projet.pdf",
            kind="convention.rendered",
            media_type=MEDIA_TYPE,
            actor_id=None,
        )
        rendered = _keep_rendered(convention_id=convention_id, stored=stored)
    base = files.read(rendered.file)
    sealed = seal(
        base,
        field_name=FIELD_SEAL,
        signer=keyring.seal_source(),
        timestamps=keyring.timestamp_source(),
        trust=keyring.trust_material(),
        owner=convention.application.call.steward,
        reason=f"Convention {convention.number}",
    )
    stored = files.store(
        content=sealed.pdf,
        name=f"{convention.number}.pdf",
        kind="convention.sealed",
        media_type=MEDIA_TYPE,
        actor_id=None,
    )
    _keep_sealed(convention_id=convention_id, stored=stored, sealed=sealed)


def lay_out(convention: Convention) -> bytes:
    """The PDF/A-3a of the convention with its data embedded and its three empty signature fields."""
    document = render_document(
        convention_html(convention),
        attachments=[
            Attachment(
                name="convention.json",
                content=embedded_json(convention),
                mime_type="application/json",
                description="Données de la convention",
            )
        ],
        metadata=Metadata(
            title=f"Convention de subvention {convention.number}",
            at=convention.created_at,
            author=convention.application.call.steward,
            subject=convention.data["project"]["title"],
        ),
        settings=RenderSettings(),
    )
    names = {
        FIELD_SEAL: "Cachet de l’État",
        FIELD_BENEFICIARY: "Signature du bénéficiaire",
        FIELD_STATE: "Signature pour l’État",
    }
    specs = []
    for name, label in names.items():
        place = document.box(name)
        specs.append(FieldSpec(name=name, page=place.page, box=place.box, label=label))
    return prepare_fields(document.pdf, specs)


def _keep_rendered(*, convention_id: str, stored: StoredFile) -> Revision:
    """Two workers at once: the first revision stays, the other's bytes are never referred to."""
    with transaction.atomic():
        convention = Convention.objects.select_for_update(of=("self",)).get(pk=convention_id)
        existing = convention.revisions.filter(kind=RevisionKind.RENDERED).select_related("file").first()
        if existing is not None:
            return existing
        return Revision.objects.create(
            convention=convention,
            kind=RevisionKind.RENDERED,
            file=stored,
            sha256=stored.sha256,
            size=stored.size,
            created_at=timezone.now(),
        )


def _keep_sealed(*, convention_id: str, stored: StoredFile, sealed: SignedRevision) -> None:
    with transaction.atomic():
        convention = (
            Convention.objects.select_for_update(of=("self",))
            .select_related("application", "batch")
            .get(pk=convention_id)
        )
        current = convention.current_revision()
        if (
            convention.state != ConventionState.PENDING
            or current is None
            or current.sha256 != hashlib.sha256(sealed.pdf[: sealed.base_length]).hexdigest()
        ):
            return
        keep_revision(convention=convention, kind=RevisionKind.SEALED, stored=stored, signed=sealed)
        # The act belongs to the release that ordered it, on the call's own calendar; the real instants are the
        # journal's ``recorded_at`` and the revision's timestamp.
        at = convention.created_at
        convention.apply_seal()
        convention.sealed_at = at
        convention.save(update_fields=["state", "sealed_at"])
        record(
            chain=convention.chain(),
            action="convention.seal",
            at=at,
            actor=None,
            from_state=ConventionState.PENDING,
            to_state=ConventionState.SEALED,
            data={"sha256": stored.sha256, "certificate": sealed.serial, "level": sealed.level},
        )
        tell_ready_to_sign(convention)
        _finish_batch(convention.batch_id, at)


def keep_revision(
    *,
    convention: Convention,
    kind: RevisionKind,
    stored: StoredFile,
    signed: SignedRevision,
    **facts: Any,
) -> Revision:
    """Inserts the row of a sealed or signed revision with its evidence, in the caller's transaction."""
    return Revision.objects.create(
        convention=convention,
        kind=kind,
        file=stored,
        sha256=stored.sha256,
        size=stored.size,
        base_sha256=signed.base_sha256,
        certificate_subject=signed.signer_subject[:300],
        certificate_serial=signed.serial[:60],
        level=signed.level,
        timestamped_at=signed.timestamp,
        created_at=timezone.now(),
        **facts,
    )


def _finish_batch(batch_id: Any, at: datetime) -> None:
    batch = Batch.objects.select_for_update().get(pk=batch_id)
    if batch.state != BatchState.RUNNING or batch.conventions.filter(state=ConventionState.PENDING).exists():
        return
    batch.finish()
    batch.finished_at = at
    batch.save(update_fields=["state", "finished_at"])
