"""Releasing a list: all or nothing, once, by another person, on what was read."""

import threading
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction

from accounts.models import Confirmation
from applications.enums import AccessEffect, AccessSource
from applications.models import Access, Application
from budget.models import LedgerEntry
from calls.enums import MandateRole
from core.errors import Refused
from core.idempotency import KeyReused
from core.models import JournalEntry, OutboxMessage
from jury import services
from jury.enums import DecisionListState, Outcome
from jury.models import DecisionList
from jury.services.release import ACT
from tests.factories.accounts import confirmed
from tests.factories.budget import make_mandate
from tests.factories.jury import DECIDED, JuryWorld, left_of


def counts() -> tuple[int, ...]:
    """What a refusal must leave as it was."""
    return (
        LedgerEntry.objects.filter(movement="reserve").count(),
        Application.objects.exclude(state="admissible").count(),
        JournalEntry.objects.count(),
        OutboxMessage.objects.filter(dedupe_key__startswith="mail:jury:decision").count(),
        Confirmation.objects.filter(used_at__isnull=False).count(),
        DecisionList.objects.filter(state="released").count(),
    )


def test_release_reserves_decides_journals_and_notifies(db):
    world = JuryWorld(dossiers=5)
    outcomes = [Outcome.AWARDED, Outcome.AWARDED, Outcome.WAITLISTED, Outcome.REFUSED, Outcome.DEFERRED]
    released = world.release(world.prepared(world.deliberated(outcomes)))

    assert released.state == DecisionListState.RELEASED
    assert released.released_by == world.releaser
    states = [Application.objects.get(pk=row.pk).state for row in world.applications]
    assert states == ["awarded", "awarded", "waitlisted", "refused", "deferred"]
    assert left_of(world) == Decimal("80000.00")
    mails = OutboxMessage.objects.filter(dedupe_key__startswith="mail:jury:decision")
    assert mails.count() == 5
    assert {mail.payload["template"] for mail in mails} == {f"emails/jury/decision_{row}.txt" for row in set(outcomes)}
    assert JournalEntry.objects.filter(chain=f"call:{world.call.code}", action="decision_list.released").count() == 1


def test_release_calls_the_hooks_with_awards_and_reservations(db):
    seen = []
    services.after_release.append(lambda **found: seen.append(found))
    try:
        world = JuryWorld(dossiers=2)
        world.release(world.prepared(world.deliberated([Outcome.AWARDED, Outcome.REFUSED])))
    finally:
        services.after_release.pop()
    assert len(seen) == 1
    assert [decision.application for decision in seen[0]["decisions"]] == [world.applications[0]]
    assert seen[0]["reservations"][world.applications[0].pk].amount == Decimal("10000.00")
    assert seen[0]["actor"] == world.releaser


def test_release_stopped_by_a_hook_changes_nothing(db):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    before = counts()

    def refuse(**found):
        raise Refused("Le modèle de convention manque.")

    services.after_release.append(refuse)
    try:
        with pytest.raises(Refused, match="modèle"), transaction.atomic():
            world.release(prepared)
    finally:
        services.after_release.pop()
    assert counts() == before


def test_overspend_refuses_the_whole_list_and_says_what_is_left(db):
    world = JuryWorld(dossiers=4, amount="35000.00")
    prepared = world.prepared()
    before = counts()
    with pytest.raises(Refused) as refusal, transaction.atomic():
        world.release(prepared)
    assert "35\u202f000,00" in refusal.value.message
    assert "40\u202f000,00" in refusal.value.message
    assert "Axe 1" in refusal.value.message
    assert counts() == before
    assert left_of(world) == Decimal("35000.00")


def test_same_key_twice_gives_one_release(db):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    key = str(uuid4())
    confirmation = confirmed(world.releaser, act=ACT, content_sha256=services.list_digest(prepared), at=DECIDED)
    arguments = {"decision_list": prepared, "user": world.releaser, "at": DECIDED, "confirmation": confirmation}
    first = services.release_list(**arguments, key=key)
    after = counts()
    again = services.release_list(**arguments, key=key)
    assert again.pk == first.pk
    assert counts() == after


def test_same_key_for_another_content_is_refused(db):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    key = str(uuid4())
    world.release(prepared, key=key)
    other = confirmed(world.releaser, act=ACT, content_sha256="0" * 64, at=DECIDED)
    with pytest.raises(KeyReused):
        services.release_list(decision_list=prepared, user=world.releaser, at=DECIDED, key=key, confirmation=other)


@pytest.mark.parametrize("role", ["officer", "chair_user", "juror", "stranger"])
def test_release_without_the_releaser_mandate_is_refused(db, role):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    user = {"juror": world.users[0], "stranger": world.agent("screener")}.get(role) or getattr(world, role)
    before = counts()
    with pytest.raises(Refused, match="droit"), transaction.atomic():
        world.release(prepared, user=user)
    assert counts() == before


def test_who_prepared_does_not_release_above_the_threshold(db):
    from calls.enums import MandateRole
    from tests.factories.budget import make_mandate

    world = JuryWorld(dossiers=2)
    make_mandate(world.officer, world.call, MandateRole.RELEASER)
    prepared = world.prepared()
    before = counts()
    with pytest.raises(Refused, match="autre personne"), transaction.atomic():
        world.release(prepared, user=world.officer)
    assert counts() == before


def test_who_edited_does_not_release_although_another_prepared(db):
    from calls.enums import MandateRole
    from tests.factories.budget import make_mandate

    world = JuryWorld(dossiers=2)
    make_mandate(world.releaser, world.call, MandateRole.OFFICER)
    created = services.prepare_list(deliberation=world.deliberated(), title="Liste", at=DECIDED, actor=world.officer)
    services.edit_decision(
        decision=created.decisions.first(),
        outcome=Outcome.AWARDED,
        amount=Decimal("9000.00"),
        motive="Un poste est écarté.",
        version=created.version,
        at=DECIDED,
        actor=world.releaser,
    )
    created.refresh_from_db()
    prepared = services.mark_prepared(decision_list=created, version=created.version, at=DECIDED, actor=world.officer)
    with pytest.raises(Refused, match="autre personne"), transaction.atomic():
        world.release(prepared)


def test_below_the_threshold_one_person_may_do_both(db):
    world = JuryWorld(dossiers=2)
    world.call.two_person_threshold = Decimal("20000.00")
    world.call.save()
    make_mandate(world.officer, world.call, MandateRole.RELEASER)
    assert world.release(world.prepared(), user=world.officer).state == DecisionListState.RELEASED


def test_awards_cut_in_small_lists_are_added_up_against_the_threshold(db):
    world = JuryWorld(dossiers=3)
    world.call.two_person_threshold = Decimal("20000.00")
    world.call.save()
    make_mandate(world.officer, world.call, MandateRole.RELEASER)
    deliberation = world.deliberated()
    lists = []
    for application in world.applications:
        made = services.prepare_list(
            deliberation=deliberation, title="Part", at=DECIDED, actor=world.officer, applications=[application.pk]
        )
        lists.append(services.mark_prepared(decision_list=made, version=made.version, at=DECIDED, actor=world.officer))
    before = left_of(world)
    for part in lists:
        with pytest.raises(Refused, match="autre personne"), transaction.atomic():
            world.release(part, user=world.officer)
    assert left_of(world) == before
    # What a cancelled list held no longer counts: what is left is at the threshold, not above it.
    services.cancel_list(decision_list=lists[2], reason="Reporté.", at=DECIDED, actor=world.officer)
    assert world.release(lists[0], user=world.officer).state == DecisionListState.RELEASED


def test_list_with_a_dossier_closed_to_the_releaser_is_refused(db):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    Access.objects.create(
        user=world.releaser,
        application=world.applications[1],
        effect=AccessEffect.DENY,
        source=AccessSource.RECUSAL,
        created_at=DECIDED,
    )
    before = counts()
    with pytest.raises(Refused, match="droit de faire cet acte"), transaction.atomic():
        world.release(prepared)
    assert counts() == before
    # Told the same whatever became of the dossier: its number and state are not theirs to read.
    with transaction.atomic():
        Application.objects.filter(pk=world.applications[1].pk).update(state="withdrawn")
        with pytest.raises(Refused, match="droit de faire cet acte"), transaction.atomic():
            world.release(prepared)
        transaction.set_rollback(True)
    other = world.agent(MandateRole.RELEASER)
    assert world.release(prepared, user=other).state == DecisionListState.RELEASED


def test_stale_confirmation_is_refused(db):
    from datetime import timedelta

    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    old = confirmed(
        world.releaser,
        act=ACT,
        content_sha256=services.list_digest(prepared),
        at=DECIDED - timedelta(minutes=6),
    )
    before = counts()
    with pytest.raises(Refused, match="confirm"), transaction.atomic():
        services.release_list(
            decision_list=prepared, user=world.releaser, at=DECIDED, key=str(uuid4()), confirmation=old
        )
    assert counts() == before


def test_confirmation_of_somebody_else_is_refused(db):
    from calls.enums import MandateRole

    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    other = world.agent(MandateRole.RELEASER)
    theirs = confirmed(other, act=ACT, content_sha256=services.list_digest(prepared), at=DECIDED)
    with pytest.raises(Refused, match="confirm"), transaction.atomic():
        services.release_list(
            decision_list=prepared, user=world.releaser, at=DECIDED, key=str(uuid4()), confirmation=theirs
        )


def test_list_changed_after_the_confirmation_is_refused(db):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    confirmation = confirmed(world.releaser, act=ACT, content_sha256=services.list_digest(prepared), at=DECIDED)
    reopened = services.reopen_list(decision_list=prepared, at=DECIDED, actor=world.officer)
    services.edit_decision(
        decision=reopened.decisions.first(),
        outcome=Outcome.AWARDED,
        amount=Decimal("9999.99"),
        motive="Arrondi.",
        version=reopened.version,
        at=DECIDED,
        actor=world.officer,
    )
    reopened.refresh_from_db()
    again = services.mark_prepared(decision_list=reopened, version=reopened.version, at=DECIDED, actor=world.officer)
    before = counts()
    with pytest.raises(Refused, match="a changé"), transaction.atomic():
        services.release_list(
            decision_list=again, user=world.releaser, at=DECIDED, key=str(uuid4()), confirmation=confirmation
        )
    assert counts() == before


def test_waitlisted_dossier_is_awarded_by_a_later_list(db):
    world = JuryWorld(dossiers=2)
    deliberation = world.deliberated([Outcome.AWARDED, Outcome.WAITLISTED])
    world.release(world.prepared(deliberation))
    created = services.award_from_waiting_list(
        deliberation=deliberation,
        title="Liste d’attente",
        applications=[world.applications[1].pk],
        at=DECIDED,
        actor=world.officer,
    )
    prepared = services.mark_prepared(decision_list=created, version=created.version, at=DECIDED, actor=world.officer)
    world.release(prepared)
    assert Application.objects.get(pk=world.applications[1].pk).state == "awarded"
    assert left_of(world) == Decimal("80000.00")


def test_two_simultaneous_releases_spend_once_what_is_there(transactional_db):
    world = JuryWorld(dossiers=4, amount="25000.00")
    deliberation = world.deliberated()
    lists = []
    for half in (world.applications[:2], world.applications[2:]):
        created = services.prepare_list(
            deliberation=deliberation,
            title="Moitié",
            at=DECIDED,
            actor=world.officer,
            applications=[row.pk for row in half],
        )
        lists.append(
            services.mark_prepared(decision_list=created, version=created.version, at=DECIDED, actor=world.officer)
        )
    outcomes: list[str] = []
    barrier = threading.Barrier(2)

    def run(decision_list):
        try:
            barrier.wait(timeout=20)
            world.release(decision_list)
            outcomes.append("released")
        except Refused as refusal:
            outcomes.append(refusal.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(row,)) for row in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(message == "released" for message in outcomes) == [False, True]
    refusal = next(message for message in outcomes if message != "released")
    assert "5\u202f000,00" in refusal
    assert left_of(world) == Decimal("5000.00")
    assert Application.objects.filter(state="awarded").count() == 2
