"""A signature already made: what stops its storing for a moment, and what stops it for good."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError, connection
from django.utils import timezone

from conventions.enums import ConventionState, SigningState
from conventions.models import Convention, Signing
from conventions.services import signing as services
from conventions.services.signing import complete_signing
from conventions.tasks import sweep_signings_task
from core import files
from core.errors import Refused
from core.models import JournalEntry
from tests.factories.conventions import ConventionWorld, begin_signing, representative_of, sign_as

pytestmark = pytest.mark.usefixtures("ready_bytes")


def state_of(convention):
    return Convention.objects.get(pk=convention.pk).state


@pytest.mark.parametrize("error", [Refused("occupée", data={"rule": "busy"}), "55P03", "40P01"])
def test_busy_database_leaves_the_signature_for_the_sweep(db, monkeypatch, error):
    """The bytes are made: that somebody else held a row for a moment is no reason to throw them away."""
    world = ConventionWorld(1)
    convention = world.signed_once()
    signing = begin_signing(convention, world.signatory)

    def busy(**fields):
        if isinstance(error, str):
            with connection.cursor() as cursor:
                cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '{error}'; END $$")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(services, "commit", busy)
        assert complete_signing(signing_id=str(signing.pk)) == SigningState.PRODUCED
    signing.refresh_from_db()
    assert (signing.state, signing.error, signing.finished_at) == (SigningState.PRODUCED, "", None)
    assert state_of(convention) == ConventionState.BENEFICIARY_SIGNED
    assert not JournalEntry.objects.filter(action="convention.signing_failed").exists()
    assert sweep_signings_task() == 1
    convention.refresh_from_db()
    assert convention.state == ConventionState.SIGNED
    assert convention.current_revision().file_id == signing.produced_file_id
    assert convention.commitment_number == "EJ-2021-000001"


def test_other_errors_of_the_database_are_not_taken_for_a_busy_one(db, monkeypatch):
    convention = ConventionWorld(1).sealed()
    signing = begin_signing(convention, representative_of(convention))

    def broken(**fields):
        with connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$")

    with monkeypatch.context() as patch:
        patch.setattr(services, "keep_revision", broken)
        with pytest.raises(OperationalError):
            complete_signing(signing_id=str(signing.pk))
    assert Signing.objects.get().state == SigningState.PRODUCED


def test_signature_made_whose_file_cannot_be_read_is_given_up_after_a_day(db, monkeypatch):
    convention = ConventionWorld(1).sealed()
    user = representative_of(convention)
    signing = begin_signing(convention, user)

    with monkeypatch.context() as patch:
        patch.setattr(services, "_store", lambda signing: None)
        assert complete_signing(signing_id=str(signing.pk)) == SigningState.PRODUCED
    with open(default_storage.path(Signing.objects.get().produced_file.storage_key), "ab") as handle:
        handle.write(b"x")
    with pytest.raises(files.FileAltered):
        complete_signing(signing_id=str(signing.pk))
    assert sweep_signings_task() == 1
    assert Signing.objects.get().state == SigningState.PRODUCED, "a day is left to mend the store"
    Signing.objects.update(started_at=timezone.now() - timedelta(days=1, minutes=1))
    assert sweep_signings_task() == 1
    failed = Signing.objects.get()
    assert (failed.state, failed.error) == (SigningState.FAILED, services.TOO_LATE_TO_KEEP)
    entry = JournalEntry.objects.get(chain=convention.chain(), action="convention.signing_failed")
    assert entry.reason == failed.error
    assert state_of(convention) == ConventionState.SEALED
    sign_as(convention, user)
    assert convention.state == ConventionState.BENEFICIARY_SIGNED


def test_signature_made_and_found_whole_after_a_day_is_kept(db, monkeypatch):
    """Made and timestamped in time: only what cannot be kept is asked again."""
    convention = ConventionWorld(1).sealed()
    signing = begin_signing(convention, representative_of(convention))
    with monkeypatch.context() as patch:
        patch.setattr(services, "_store", lambda signing: None)
        assert complete_signing(signing_id=str(signing.pk)) == SigningState.PRODUCED
    Signing.objects.update(started_at=timezone.now() - timedelta(days=2))
    assert complete_signing(signing_id=str(signing.pk)) == SigningState.STORED
    assert state_of(convention) == ConventionState.BENEFICIARY_SIGNED


def test_notification_is_when_both_can_read_the_document_not_when_the_code_was_typed(db, monkeypatch):
    world = ConventionWorld(1)
    convention = world.sealed()
    sign_as(convention, representative_of(convention))
    signing = begin_signing(convention, world.signatory)
    with monkeypatch.context() as patch:
        patch.setattr(services, "_store", lambda signing: None)
        assert complete_signing(signing_id=str(signing.pk)) == SigningState.PRODUCED
    Signing.objects.filter(pk=signing.pk).update(started_at=timezone.now() - timedelta(hours=18))
    assert complete_signing(signing_id=str(signing.pk)) == SigningState.STORED
    convention.refresh_from_db()
    assert convention.signed_at == signing.at
    waited = convention.notified_at - convention.signed_at
    assert timedelta(hours=18) <= waited < timedelta(hours=18, minutes=5)
