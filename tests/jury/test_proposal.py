"""A proposal tells its reader no mark that they may not read, and counts the seats that it shows."""

import pytest
from django.db import transaction
from django.urls import reverse

from core.errors import Refused
from jury import services
from jury.models import AssignmentRun, Evaluation
from tests.factories.accounts import sign_in
from tests.factories.budget import make_applications
from tests.factories.jury import AT, HELD, JuryWorld


def read_by_two(second):
    """One dossier marked 5 by its first reader and ``second`` by the other; a third member is free."""
    world = JuryWorld(dossiers=1, jurors=3)
    world.assign()
    first, other = (world.evaluation(world.applications[0], user) for user in world.readers(world.applications[0]))
    world.submit(first, 5)
    world.submit(other, second)
    return world


def proposed(world, actor):
    run = services.propose_assignment(jury=world.jury, at=AT, actor=actor, least_change=True)
    return len(run.replay["seats"]), [row["seats"] for row in run.replay["inputs"]["dossiers"]], run.replay["warnings"]


def test_officers_proposal_is_the_same_whether_hidden_marks_differ_or_not(db):
    """Two worlds: the ministry reads no mark yet, the chair reads them all."""
    said = {}
    for second in (5, 1):
        point = transaction.savepoint()
        world = read_by_two(second)
        said[second] = [proposed(world, actor) for actor in (world.officer, world.chair_user)]
        transaction.savepoint_rollback(point)
    assert said[5][0] == said[1][0] == (2, [2], [])
    assert [said[mark][1][0] for mark in (5, 1)] == [2, 3]


def test_officers_proposal_keeps_the_third_reader_already_seated(db):
    world = read_by_two(1)
    free = next(user for user in world.users if user not in world.readers(world.applications[0]))
    services.seat_juror(
        jury=world.jury,
        application=world.applications[0],
        juror=world.juror(free),
        at=AT,
        actor=world.chair_user,
    )
    assert proposed(world, world.officer)[0] == 3


def test_seat_added_or_removed_by_hand_is_counted_among_those_missing(client, db):
    world = JuryWorld(dossiers=1, jurors=2, per_dossier=3)
    run = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    sign_in(client, world.chair_user)
    url = reverse("assignment_run", kwargs={"pk": run.pk})
    assert "1 place sans juré" in client.get(url).content.decode()
    world.jury.jurors.filter(is_chair=True).update(load_max=5)
    common = {"application": world.applications[0], "reason": "Troisième lecture.", "at": AT, "actor": world.chair_user}
    run = services.change_seat(run=run, old=None, new=world.chair, sha256=run.sha256, **common)
    assert "sans juré" not in client.get(url).content.decode()
    juror = world.juror(world.users[0])
    services.change_seat(run=run, old=juror, new=None, sha256=run.sha256, **common)
    assert "1 place sans juré" in client.get(url).content.decode()
    assert AssignmentRun.objects.count() == 1


def heard_with_a_reader_less():
    """One dossier of which the jury has spoken, moved from a member to the other, who left it since."""
    world = JuryWorld(dossiers=1, jurors=2, per_dossier=1)
    (heard,) = world.applications
    world.assign()
    reader, other = (world.juror(user) for user in sorted(world.users, key=lambda user: user.pk != at_work(heard)))
    run = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    common = {"run": run, "sha256": run.sha256, "at": AT, "actor": world.chair_user}
    run = services.change_seat(application=heard, old=reader, new=other, reason="Charge.", **common)
    services.confirm_assignment(run=run, sha256=run.sha256, at=AT, actor=world.chair_user)
    world.submit(heard.evaluations.get(juror=other), 4)
    stale = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    deliberation = world.meet()
    world.opine(deliberation, heard)
    world.close(deliberation)
    services.recuse(juror=other, application=heard, reason="", at=HELD, actor=other.user)
    return world, reader, stale


def at_work(application):
    return application.evaluations.get(state="assigned").juror.user_id


def test_dossier_of_which_the_jury_has_spoken_takes_no_reader_and_stops_no_other(db):
    world, reader, _ = heard_with_a_reader_less()
    (heard,) = world.applications
    with pytest.raises(Refused, match="Aucun dossier recevable"), transaction.atomic():
        services.propose_assignment(jury=world.jury, at=HELD, actor=world.chair_user)
    with pytest.raises(Refused, match="n’attend plus de lecteur"), transaction.atomic():
        services.seat_juror(jury=world.jury, application=heard, juror=reader, at=HELD, actor=world.chair_user)
    (fresh,) = make_applications(world.axis, 1, theme=world.theme, departement_code="35", region_code="53")
    run = services.propose_assignment(jury=world.jury, at=HELD, actor=world.chair_user)
    assert {seat["dossier"] for seat in run.replay["seats"]} == {str(fresh.pk)}
    seated = services.confirm_assignment(run=run, sha256=run.sha256, at=HELD, actor=world.chair_user)
    assert [row.application for row in seated] == [fresh]
    assert sorted(heard.evaluations.values_list("state", flat=True)) == ["submitted", "withdrawn"]


def test_proposal_older_than_the_meeting_seats_nobody_on_what_was_heard(db):
    world, _, stale = heard_with_a_reader_less()
    before = list(Evaluation.objects.order_by("pk").values_list("pk", "state"))
    services.confirm_assignment(run=stale, sha256=stale.sha256, at=HELD, actor=world.chair_user)
    assert list(Evaluation.objects.order_by("pk").values_list("pk", "state")) == before
