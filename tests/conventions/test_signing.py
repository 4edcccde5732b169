"""Signing: bound to the bytes, once, resumed from any stop; money and signature together or not at all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import OperationalError, connection
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Confirmation
from budget.models import AwardBalance
from budget.services import release
from calls.enums import MandateRole
from conventions.enums import ConventionState, SigningState
from conventions.models import Convention, Signing
from conventions.permissions import agent_conventions, awaiting_signature
from conventions.roles import is_signatory
from conventions.services import signing as services
from conventions.services import writing
from conventions.services.signing import SIGN_ACT, complete_signing, start_signing, what_is_signed
from conventions.tasks import sweep_signings_task
from core import files, keyring
from core.errors import Refused
from core.idempotency import KeyReused
from core.models import JournalEntry, OutboxMessage
from core.signing.keys import SigningError
from tests.factories.accounts import confirmed
from tests.factories.budget import make_mandate
from tests.factories.conventions import (
    SIGNED,
    ConventionWorld,
    begin_signing,
    representative_of,
    sign_as,
)
from tests.factories.territories import AffiliationFactory

pytestmark = pytest.mark.usefixtures("ready_bytes")


def state_of(convention):
    return Convention.objects.get(pk=convention.pk).state


def counts(convention):
    """What a refusal leaves as it was."""
    return (
        state_of(convention),
        convention.revisions.count(),
        Signing.objects.filter(state__in=["started", "produced", "stored"]).count(),
        JournalEntry.objects.count(),
        Confirmation.objects.filter(used_at__isnull=False).count(),
        AwardBalance.objects.filter(committed__gt=0).count(),
    )


def test_both_parties_sign_each_over_the_same_bytes(db):
    world = ConventionWorld(1)
    convention = world.sealed()
    sealed = files.read(convention.current_revision().file)
    sign_as(convention, representative_of(convention))
    assert convention.state == ConventionState.BENEFICIARY_SIGNED
    assert convention.beneficiary_signed_at == SIGNED
    assert convention.commitment is None
    once = files.read(convention.current_revision().file)
    sign_as(convention, world.signatory, at=SIGNED + timedelta(hours=1))
    twice = files.read(convention.current_revision().file)
    assert once.startswith(sealed) and twice.startswith(once)
    assert convention.state == ConventionState.SIGNED
    assert convention.signed_at == SIGNED + timedelta(hours=1)
    assert timedelta(0) <= convention.notified_at - convention.signed_at < timedelta(minutes=1)


def test_second_signature_commits_the_money_and_numbers_the_commitment(db):
    world = ConventionWorld(1)
    convention = world.signed()
    balance = AwardBalance.objects.get(application=convention.application)
    assert (balance.reserved, balance.committed) == (Decimal("0.00"), Decimal("10000.00"))
    assert convention.commitment_number == "EJ-2021-000001"
    assert convention.commitment.reference == convention.commitment_number
    entry = JournalEntry.objects.get(chain=convention.chain(), action="convention.sign_for_state")
    assert entry.data["commitment"] == str(convention.commitment_id)
    revision = convention.current_revision()
    assert entry.data["sha256"] == revision.sha256
    assert revision.level == "B-LT"
    assert abs(revision.timestamped_at - timezone.now()) < timedelta(hours=1), (
        "cryptographic time is real, whatever the day that is played"
    )
    assert revision.signed_by == world.signatory
    assert revision.confirmation.content_sha256 == revision.base_sha256


def test_each_party_is_told(db):
    convention = ConventionWorld(1).signed()
    subjects = [row.payload["subject"] for row in OutboxMessage.objects.filter(kind="core.mail").order_by("created_at")]
    assert subjects == [
        f"[{convention.number}] Votre convention est prête à signer",
        f"[{convention.number}] Votre représentant légal a signé la convention",
        f"[{convention.number}] La convention est signée par les deux parties",
    ]


def mail_of(convention, step):
    return OutboxMessage.objects.get(dedupe_key=f"mail:convention:{convention.pk}:{step}").payload


def test_notification_carries_the_number_of_the_commitment(db):
    """Article 7 promises it there."""
    convention = ConventionWorld(1).signed()
    mail = mail_of(convention, "signed")
    assert convention.commitment_number
    assert convention.commitment_number in render_to_string(mail["template"], {**mail["context"], "site_url": ""})


def test_representatives_of_the_day_are_told_and_no_others(db):
    world = ConventionWorld(1)
    organisation, now = world.applications[0].organisation, timezone.now()
    common = {"organisation": organisation, "legal": True}
    until_later = AffiliationFactory(ends_at=now + timedelta(days=30), **common).user
    gone = AffiliationFactory(ends_at=now - timedelta(minutes=1), **common).user
    asked = AffiliationFactory(pending=True, **common).user
    convention = world.sealed()
    told = mail_of(convention, "ready")["to"]
    assert {until_later.email, representative_of(convention).email} <= set(told)
    assert not {gone.email, asked.email} & set(told)


@pytest.mark.parametrize("who", ["signatory", "officer", "releaser"])
def test_nobody_else_signs_for_the_beneficiary(db, who):
    world = ConventionWorld(1)
    convention = world.sealed()
    before = counts(convention)
    with pytest.raises(Refused, match="n’est pas la vôtre"):
        begin_signing(convention, getattr(world, who))
    assert counts(convention) == before


def test_representative_of_another_organisation_does_not_sign(db):
    world = ConventionWorld(2)
    first, second = world.release()
    writing.write_convention(convention_id=str(first.pk))
    first.refresh_from_db()
    before = counts(first)
    with pytest.raises(Refused):
        begin_signing(first, representative_of(second))
    assert counts(first) == before


def test_state_does_not_sign_before_the_beneficiary(db):
    world = ConventionWorld(1)
    with pytest.raises(Refused):
        begin_signing(world.sealed(), world.signatory)


def test_nobody_signs_for_both_parties(db):
    """A legal representative who is also mandated to sign for the State signs for the first alone."""
    world = ConventionWorld(1)
    convention = world.sealed()
    both = representative_of(convention)
    make_mandate(both, world.call, MandateRole.SIGNATORY)
    sign_as(convention, both)
    before = counts(convention)
    assert not is_signatory(both, convention, SIGNED)
    assert not awaiting_signature(both).exists()
    with pytest.raises(Refused, match="n’est pas la vôtre"):
        begin_signing(convention, both)
    assert counts(convention) == before


def test_signatory_of_the_state_does_not_sign_for_their_own_organisation(db):
    """Somebody else signed for it: what it receives is still not theirs to grant."""
    world = ConventionWorld(1)
    convention = world.sealed()
    member = AffiliationFactory(organisation=convention.application.organisation).user
    make_mandate(member, world.call, MandateRole.SIGNATORY)
    sign_as(convention, representative_of(convention))
    before = counts(convention)
    assert not awaiting_signature(member).exists()
    assert not agent_conventions(member).exists()
    assert Convention.objects.visible_to(member).get() == convention
    with pytest.raises(Refused, match="n’est pas la vôtre"):
        begin_signing(convention, member)
    assert counts(convention) == before
    assert awaiting_signature(world.signatory).get() == convention


def test_whoever_signed_for_the_beneficiary_and_left_it_does_not_sign_for_the_state(db):
    world = ConventionWorld(1)
    convention = world.sealed()
    both = representative_of(convention)
    make_mandate(both, world.call, MandateRole.SIGNATORY)
    sign_as(convention, both)
    both.affiliations.update(ends_at=SIGNED)
    later = SIGNED + timedelta(days=1)
    before = counts(convention)
    assert is_signatory(both, convention, later)
    assert not awaiting_signature(both).exists()
    with pytest.raises(Refused, match="une autre personne signe pour l’État"):
        begin_signing(convention, both, at=later)
    assert counts(convention) == before
    assert sign_as(convention, world.signatory, at=later).state == ConventionState.SIGNED


def test_no_file_is_read_or_written_inside_a_transaction(transactional_db, monkeypatch):
    """Neither the store nor the library of signatures answers while rows are locked."""
    world = ConventionWorld(1)
    convention = world.sealed()
    asked = []

    def outside(real):
        def answer(*args, **options):
            asked.append((real.__name__, connection.in_atomic_block))
            return real(*args, **options)

        return answer

    signing = begin_signing(convention, representative_of(convention))
    for name in ("_open", "_save"):
        monkeypatch.setattr(FileSystemStorage, name, outside(getattr(FileSystemStorage, name)))
    for name in ("sign", "describe_revision"):
        monkeypatch.setattr(services, name, outside(getattr(services, name)))
    assert complete_signing(signing_id=str(signing.pk)) == SigningState.STORED
    assert {name for name, _ in asked} >= {"_open", "_save"}
    assert len(asked) == 6
    assert not [name for name, is_inside in asked if is_inside]


def test_bytes_that_are_not_those_described_are_not_kept(db, monkeypatch):
    convention = ConventionWorld(1).sealed()
    signing = begin_signing(convention, representative_of(convention))
    real = services._described
    monkeypatch.setattr(services, "_described", lambda row: replace(real(row), sha256="0" * 64))
    assert complete_signing(signing_id=str(signing.pk)) == SigningState.FAILED
    assert state_of(convention) == ConventionState.SEALED
    assert convention.revisions.count() == 2


def test_pending_convention_is_not_signed(db):
    convention = ConventionWorld(1).release()[0]
    with pytest.raises(Refused, match="pas encore rédigée"):
        what_is_signed(convention)


def test_signing_other_bytes_than_those_shown_is_refused(db):
    convention = ConventionWorld(1).sealed()
    user = representative_of(convention)
    before = counts(convention)
    confirmed(user, act=SIGN_ACT, content_sha256="0" * 64, at=SIGNED)
    with pytest.raises(Refused, match="a changé"):
        start_signing(convention=convention, user=user, at=SIGNED, key="k", shown_sha256="0" * 64)
    assert counts(convention) == before


def test_signing_without_a_fresh_confirmation_of_these_bytes_is_refused(db):
    convention = ConventionWorld(1).sealed()
    user, shown = representative_of(convention), what_is_signed(convention)
    before = counts(convention)
    confirmed(user, act=SIGN_ACT, content_sha256="1" * 64, at=SIGNED)
    confirmed(user, act="autre", content_sha256=shown, at=SIGNED)
    confirmed(user, act=SIGN_ACT, content_sha256=shown, at=SIGNED - timedelta(minutes=6))
    with pytest.raises(Refused) as refusal:
        start_signing(convention=convention, user=user, at=SIGNED, key="k", shown_sha256=shown)
    assert refusal.value.field == "confirmation_code"
    assert counts(convention) == before


@pytest.mark.parametrize("names", [("", ""), ("Camille", " "), ("", "Ferrand")])
def test_signing_without_a_name_is_refused_before_the_code_is_used(db, names):
    convention = ConventionWorld(1).sealed()
    user, shown = representative_of(convention), what_is_signed(convention)
    user.first_name, user.last_name = names
    user.save()
    before = counts(convention)
    confirmed(user, act=SIGN_ACT, content_sha256=shown, at=SIGNED)
    with pytest.raises(Refused, match="prénom et votre nom"):
        start_signing(convention=convention, user=user, at=SIGNED, key="k", shown_sha256=shown)
    assert counts(convention) == before
    user.first_name, user.last_name = "Camille", "Ferrand"
    user.save()
    assert start_signing(convention=convention, user=user, at=SIGNED, key="k", shown_sha256=shown).user == user


def test_same_key_gives_the_same_signing_and_other_content_is_refused(db):
    world = ConventionWorld(1)
    convention = world.sealed()
    user, shown = representative_of(convention), what_is_signed(convention)
    first = begin_signing(convention, user, key="k")
    again = start_signing(convention=convention, user=user, at=SIGNED, key="k", shown_sha256=shown)
    assert again == first
    with pytest.raises(KeyReused):
        start_signing(convention=convention, user=user, at=SIGNED, key="k", shown_sha256="2" * 64)


def test_second_signing_while_one_is_in_progress_is_refused(db):
    convention = ConventionWorld(1).sealed()
    begin_signing(convention, representative_of(convention))
    before = counts(convention)
    with pytest.raises(Refused, match="déjà en cours"):
        begin_signing(convention, representative_of(convention))
    assert counts(convention) == before


def test_timestamp_authority_away_leaves_the_signing_for_the_sweep(db, monkeypatch):
    convention = ConventionWorld(1).sealed()
    signing = begin_signing(convention, representative_of(convention))

    def away():
        raise SigningError("timestamp authority: connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(keyring, "timestamp_source", away)
        with pytest.raises(SigningError):
            complete_signing(signing_id=str(signing.pk))
        assert sweep_signings_task() == 1
    assert state_of(convention) == ConventionState.SEALED
    assert Signing.objects.get().state == SigningState.STARTED
    assert sweep_signings_task() == 1
    assert state_of(convention) == ConventionState.BENEFICIARY_SIGNED
    assert sweep_signings_task() == 0


def test_sweep_is_not_stopped_by_one_that_fails(db, monkeypatch, documents):
    copies = iter(range(9))
    monkeypatch.setattr(writing, "lay_out", lambda convention: documents.rendered + b"\n%%%d\n" % next(copies))
    world = ConventionWorld(2)
    for convention in world.release():
        writing.write_convention(convention_id=str(convention.pk))
        convention.refresh_from_db()
        begin_signing(convention, representative_of(convention))
    real, first = services._produce, Signing.objects.order_by("started_at", "id").first()

    def broken(signing):
        if signing.pk == first.pk:
            raise SigningError("no key")
        real(signing)

    monkeypatch.setattr(services, "_produce", broken)
    assert sweep_signings_task() == 2
    assert sorted(Signing.objects.values_list("state", flat=True)) == ["started", "stored"]


@pytest.mark.parametrize("error", [OSError("store away"), OperationalError("database away")])
def test_sweep_goes_on_when_store_or_database_fail_one(db, monkeypatch, error):
    convention = ConventionWorld(1).sealed()
    begin_signing(convention, representative_of(convention))

    def away(signing):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(services, "_produce", away)
        assert sweep_signings_task() == 1
    assert Signing.objects.get().state == SigningState.STARTED
    assert sweep_signings_task() == 1
    assert state_of(convention) == ConventionState.BENEFICIARY_SIGNED


def test_stop_after_the_signature_is_made_resumes_with_the_same_bytes(db, monkeypatch):
    convention = ConventionWorld(1).sealed()
    signing = begin_signing(convention, representative_of(convention))
    with monkeypatch.context() as patch:
        patch.setattr(services, "_store", lambda signing: (_ for _ in ()).throw(OSError("killed here")))
        with pytest.raises(OSError, match="killed"):
            complete_signing(signing_id=str(signing.pk))
    signing.refresh_from_db()
    assert signing.state == SigningState.PRODUCED
    assert state_of(convention) == ConventionState.SEALED
    assert complete_signing(signing_id=str(signing.pk)) == SigningState.STORED
    assert convention.current_revision().file_id == signing.produced_file_id


def test_complete_twice_changes_nothing(db):
    convention = ConventionWorld(1).sealed()
    signing = begin_signing(convention, representative_of(convention))
    assert complete_signing(signing_id=str(signing.pk)) == SigningState.STORED
    before = counts(convention)
    assert complete_signing(signing_id=str(signing.pk)) == SigningState.STORED
    assert counts(convention) == before
    assert complete_signing(signing_id=str(uuid4())) is None


def test_ledger_refusal_leaves_nothing_signed(db):
    world = ConventionWorld(1)
    convention = world.signed_once()
    # The money is taken back between the two signatures.
    release(reservation=convention.reservation, at=SIGNED, actor=world.officer, key="back", reason="essai")
    revisions = convention.revisions.count()
    sign_as(convention, world.signatory)
    assert convention.state == ConventionState.BENEFICIARY_SIGNED
    assert convention.revisions.count() == revisions
    assert convention.commitment is None and convention.commitment_number == ""
    failed = Signing.objects.get(state=SigningState.FAILED)
    assert failed.error
    entry = JournalEntry.objects.get(chain=convention.chain(), action="convention.signing_failed")
    assert entry.reason == failed.error
    assert not JournalEntry.objects.filter(chain=convention.chain(), action="convention.sign_for_state").exists()


def test_number_of_commitment_has_no_gap_after_a_refusal(db, monkeypatch, documents):
    copies = iter(range(9))
    monkeypatch.setattr(writing, "lay_out", lambda convention: documents.rendered + b"\n%%%d\n" % next(copies))
    world = ConventionWorld(2)
    first, second = world.release()
    for convention in (first, second):
        writing.write_convention(convention_id=str(convention.pk))
        convention.refresh_from_db()
        sign_as(convention, representative_of(convention))
    release(reservation=first.reservation, at=SIGNED, actor=world.officer, key="back", reason="essai")
    sign_as(first, world.signatory)
    sign_as(second, world.signatory)
    assert (first.commitment_number, second.commitment_number) == ("", "EJ-2021-000001")


def test_signing_left_for_a_day_is_given_up_and_may_be_made_again(db):
    convention = ConventionWorld(1).sealed()
    signing = begin_signing(convention, representative_of(convention))
    Signing.objects.filter(pk=signing.pk).update(started_at=timezone.now() - timedelta(days=1, minutes=1))
    assert complete_signing(signing_id=str(signing.pk)) == SigningState.FAILED
    assert state_of(convention) == ConventionState.SEALED
    sign_as(convention, representative_of(convention))
    assert convention.state == ConventionState.BENEFICIARY_SIGNED


def test_two_simultaneous_signings_give_one_signature(transactional_db):
    world = ConventionWorld(1)
    convention = world.signed_once()
    shown = what_is_signed(convention)
    for _ in range(4):
        confirmed(world.signatory, act=SIGN_ACT, content_sha256=shown, at=SIGNED)
    barrier = threading.Barrier(4)

    def attempt(number):
        try:
            barrier.wait(20)
            signing = start_signing(
                convention=convention, user=world.signatory, at=SIGNED, key=f"k{number}", shown_sha256=shown
            )
            return complete_signing(signing_id=str(signing.pk))
        except Refused:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(attempt, range(4)))
    assert answers.count(SigningState.STORED) == 1
    assert answers.count("refused") == 3
    convention.refresh_from_db()
    assert convention.state == ConventionState.SIGNED
    assert convention.revisions.filter(kind="state").count() == 1
    assert AwardBalance.objects.get().committed == Decimal("10000.00")


def test_two_workers_completing_one_signing_store_it_once(transactional_db):
    world = ConventionWorld(1)
    convention = world.sealed()
    signing = begin_signing(convention, representative_of(convention))
    barrier = threading.Barrier(3)

    def attempt(_):
        try:
            barrier.wait(20)
            return complete_signing(signing_id=str(signing.pk))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(attempt, range(3)))
    assert SigningState.STORED in answers
    assert convention.revisions.filter(kind="beneficiary").count() == 1
