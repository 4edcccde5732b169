"""A proposal tells its reader no mark that they may not read, and counts the seats that it shows."""

from django.db import transaction
from django.urls import reverse

from jury import services
from jury.models import AssignmentRun
from tests.factories.accounts import sign_in
from tests.factories.jury import AT, JuryWorld


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
