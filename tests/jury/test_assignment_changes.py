"""Changing a proposal of assignment by hand: each refusal has its sentence and changes nothing."""

import pytest
from django.db import transaction

from applications.models import Access, Application
from core.errors import Refused
from core.models import JournalEntry
from jury import assignment, services
from jury.models import AssignmentRun, Evaluation, Juror
from tests.factories.jury import AT, JuryWorld


@pytest.fixture
def world(db):
    """One dossier, two readers of four members: the others are free."""
    return JuryWorld(dossiers=1, jurors=4)


def propose(world):
    return services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)


def split(world, run):
    """Members of the proposal for the dossier, then the others (the chair left out)."""
    seated = {seat["juror"] for seat in run.replay["seats"]}
    jurors = [world.juror(user) for user in world.users]
    return [row for row in jurors if row.pk in seated], [row for row in jurors if row.pk not in seated]


def facts():
    return (
        list(AssignmentRun.objects.order_by("pk").values_list("pk", "sha256", "replay", "confirmed_at")),
        list(Evaluation.objects.order_by("pk").values_list("pk", "juror", "state", "version")),
        list(Access.objects.order_by("pk").values_list("pk", flat=True)),
        JournalEntry.objects.count(),
    )


def change(world, run, old, new, **changes):
    values = {
        "run": run,
        "application": world.applications[0],
        "old": old,
        "new": new,
        "reason": "Meilleure connaissance du sujet.",
        "sha256": run.sha256,
        "at": AT,
        "actor": world.chair_user,
    }
    return services.change_seat(**{**values, **changes})


def refuses(sentence, act, *, field=None):
    before = facts()
    with pytest.raises(Refused, match=sentence) as refusal, transaction.atomic():
        act()
    assert refusal.value.field == field
    assert facts() == before


def test_change_replaces_adds_and_removes_with_the_reason_kept(world):
    run = propose(world)
    (first, second), (third, fourth) = split(world, run)
    run = change(world, run, first, third)
    run = change(world, run, None, fourth)
    run = change(world, run, second, None)
    assert {seat["juror"] for seat in run.replay["seats"]} == {third.pk, fourth.pk}
    assert [(row["old"], row["new"]) for row in run.replay["changes"]] == [
        (first.pk, third.pk),
        (None, fourth.pk),
        (second.pk, None),
    ]
    assert {row["reason"] for row in run.replay["changes"]} == {"Meilleure connaissance du sujet."}
    assert run.sha256 == assignment.digest(run.replay)
    assert services.verify_run(run)


@pytest.mark.parametrize("reason", ["", "   "])
def test_change_without_a_reason_is_refused(world, reason):
    run = propose(world)
    (first, _), (third, _) = split(world, run)
    refuses("pourquoi", lambda: change(world, run, first, third, reason=reason), field="reason")


def test_change_of_a_dossier_out_of_the_proposal_is_refused(world):
    run = propose(world)
    _, (third, _) = split(world, run)
    stranger = JuryWorld(dossiers=1, jurors=1).applications[0]
    refuses("pas dans la proposition", lambda: change(world, run, None, third, application=stranger))


def test_change_of_a_juror_who_is_not_in_the_panel_is_refused(world):
    run = propose(world)
    _, (third, fourth) = split(world, run)
    refuses("pas affecté à ce dossier", lambda: change(world, run, third, fourth), field="old")


def test_change_of_a_juror_already_reading_is_refused(world):
    world.assign()
    application = world.applications[0]
    user = world.readers(application)[0]
    services.declare_no_conflict(evaluation=world.evaluation(application, user), at=AT, actor=user)
    run = propose(world)
    _, (third, _) = split(world, run)
    refuses("déjà commencé", lambda: change(world, run, world.juror(user), third), field="old")


def test_seat_for_somebody_of_another_jury_is_refused(world):
    run = propose(world)
    (first, _), _ = split(world, run)
    other = JuryWorld(dossiers=1, jurors=1)
    stranger = other.juror(other.users[0])
    refuses("ne siège pas dans ce jury", lambda: change(world, run, first, stranger), field="new")


def test_seat_for_a_recused_juror_is_refused(world):
    run = propose(world)
    (first, _), (third, _) = split(world, run)
    services.recuse(juror=third, application=world.applications[0], reason="", at=AT, actor=third.user)
    refuses("déporté", lambda: change(world, run, first, third), field="new")


def test_seat_for_a_juror_already_seated_is_refused(world):
    run = propose(world)
    (first, second), _ = split(world, run)
    refuses("déjà affecté", lambda: change(world, run, first, second), field="new")
    refuses("déjà affecté", lambda: change(world, run, None, second), field="new")


def test_second_seat_of_one_organisation_is_refused(world):
    run = propose(world)
    (first, second), (third, _) = split(world, run)
    Juror.objects.filter(pk=third.pk).update(organisation_name=f" {second.organisation_name.upper()} ")
    third.refresh_from_db()
    refuses("même organisme", lambda: change(world, run, first, third), field="new")
    # Taking the very seat of the colleague is no second seat.
    assert change(world, run, second, third).replay["changes"]


def test_seat_beyond_the_maximal_load_is_refused(world):
    run = propose(world)
    (first, _), (third, _) = split(world, run)
    Juror.objects.filter(pk=third.pk).update(load_max=0)
    third.refresh_from_db()
    refuses("charge maximale", lambda: change(world, run, first, third), field="new")


def test_change_of_a_proposal_changed_since_it_was_read_is_refused(world):
    run = propose(world)
    (first, second), (third, fourth) = split(world, run)
    old = run.sha256
    change(world, run, first, third)
    refuses("a changé depuis", lambda: change(world, run, second, fourth, sha256=old))


def test_change_by_somebody_who_does_not_run_the_jury_is_refused(world):
    run = propose(world)
    (first, _), (third, _) = split(world, run)
    for actor in (world.users[0], world.releaser):
        refuses("droit", lambda actor=actor: change(world, run, first, third, actor=actor))


def test_confirmation_of_a_proposal_changed_since_it_was_read_is_refused(world):
    run = propose(world)
    (first, _), (third, _) = split(world, run)
    old = run.sha256
    run = change(world, run, first, third)
    common = {"run": run, "at": AT, "actor": world.chair_user}
    refuses("a changé depuis", lambda: services.confirm_assignment(sha256=old, **common))
    refuses("a changé depuis", lambda: services.confirm_assignment(sha256="", **common))
    services.confirm_assignment(sha256=run.sha256, **common)
    assert third.user in world.readers(world.applications[0])
    refuses("déjà confirmée", lambda: services.confirm_assignment(sha256=run.sha256, **common))


def test_confirmation_after_a_recusal_is_refused(world):
    run = propose(world)
    (first, _), _ = split(world, run)
    services.recuse(juror=first, application=world.applications[0], reason="", at=AT, actor=first.user)
    refuses(
        "s’est déporté",
        lambda: services.confirm_assignment(run=run, sha256=run.sha256, at=AT, actor=world.chair_user),
    )


def test_proposal_without_a_dossier_is_refused(world):
    Application.objects.filter(pk=world.applications[0].pk).update(state="withdrawn")
    refuses("Aucun dossier recevable", lambda: propose(world))


def test_reader_added_to_a_dossier_of_another_jury_is_refused(world):
    stranger = JuryWorld(dossiers=1, jurors=1).applications[0]
    common = {"jury": world.jury, "application": stranger, "juror": world.juror(world.users[0]), "at": AT}
    refuses("n’attend pas ce jury", lambda: services.seat_juror(actor=world.chair_user, **common))
