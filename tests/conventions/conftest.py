"""The documents of one convention, made once: their bytes serve every test that needs no row."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction

from conventions.services import signing, writing
from core import files, keyring
from core.signing.revision import SignedRevision, describe_revision
from tests.factories.conventions import ConventionWorld, representative_of, sign_as


@dataclass(frozen=True)
class Documents:
    """The bytes of each revision, and the facts frozen in the convention."""

    rendered: bytes
    sealed: bytes
    beneficiary: bytes
    state: bytes
    data: dict[str, Any]
    code: str
    # By the SHA-256 of the bytes each one continues.
    signed: dict[str, SignedRevision]


@pytest.fixture(scope="session")
def documents(django_db_setup: None, django_db_blocker: Any) -> Documents:
    with django_db_blocker.unblock(), transaction.atomic():
        world = ConventionWorld(1, title="Écoute & aide : <b>{siret}</b>, « démarches »")
        world.share(world.applications[0], "6000.00", "3000.00", "1000.00")
        convention = world.release(amounts=["9999.99"])[0]
        writing.write_convention(convention_id=str(convention.pk))
        convention.refresh_from_db()
        sign_as(convention, representative_of(convention))
        sign_as(convention, world.signatory)
        content = {row.kind: files.read(row.file) for row in convention.revisions.select_related("file")}
        steps = [
            ("rendered", "sealed", "seal"),
            ("sealed", "beneficiary", "beneficiary"),
            ("beneficiary", "state", "state"),
        ]
        trust = keyring.trust_material()
        described = [describe_revision(content[a], content[b], field, trust=trust) for a, b, field in steps]
        signed = {row.base_sha256: row for row in described}
        made = Documents(data=convention.data, code=convention.verification_code, signed=signed, **content)
        transaction.set_rollback(True)
    return made


@pytest.fixture
def ready_bytes(monkeypatch: pytest.MonkeyPatch, documents: Documents) -> None:
    """The same real document, seal and signatures for every test that is about something else: made once, found by
    the bytes they continue. Any other bytes are sealed and signed for real."""
    monkeypatch.setattr(writing, "lay_out", lambda convention: documents.rendered)

    def known_or(real: Callable[..., SignedRevision]) -> Callable[..., SignedRevision]:
        def answer(base: bytes, *args: Any, **options: Any) -> SignedRevision:
            found = documents.signed.get(hashlib.sha256(base).hexdigest())
            return found if found is not None else real(base, *args, **options)

        return answer

    monkeypatch.setattr(writing, "seal", known_or(writing.seal))
    monkeypatch.setattr(signing, "sign", known_or(signing.sign))
    monkeypatch.setattr(signing, "describe_revision", known_or(signing.describe_revision))
