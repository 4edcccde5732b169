"""What waits for the chair and the officer is told on their home page, leads to its page, and clears when done."""

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from applications.models import Application
from calls.enums import MandateRole
from calls.models import Session
from core.navigation import waiting_for
from jury import services
from jury.enums import Outcome
from jury.models import Evaluation
from tests.factories.accounts import sign_in
from tests.factories.budget import make_applications, make_mandate
from tests.factories.jury import AT, DECIDED, HELD, JuryWorld


def told(user):
    """What the home page says to this person, as if they had just come."""
    fresh = type(user).objects.get(pk=user.pk)
    return [(link.label.replace("\u00a0", " "), link.url) for link in waiting_for(fresh)]


def detail(client, world):
    sign_in(client, world.chair_user)
    return client.get(reverse("jury_detail", args=[world.jury.pk])).context


def test_chair_is_told_each_step_until_the_jury_has_spoken(client, db):
    world = JuryWorld(dossiers=2, jurors=3)
    gaps = f"{reverse('jury_detail', args=[world.jury.pk])}?voir=manques#dossiers"
    assert told(world.chair_user) == [("4 places sans lecteur", gaps)]
    assert detail(client, world)["missing"] == 4
    run = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    confirm = ("1 affectation à confirmer", reverse("assignment_run", args=[run.pk]))
    assert told(world.chair_user) == [("4 places sans lecteur", gaps), confirm]
    services.confirm_assignment(run=run, sha256=run.sha256, at=AT, actor=world.chair_user)
    assert told(world.chair_user) == []
    assert detail(client, world)["run"] is None
    world.submit_all([3])
    assert told(world.chair_user) == [("1 jury à convoquer", reverse("deliberation_summon", args=[world.jury.pk]))]
    deliberation = world.meet()
    assert told(world.chair_user) == [
        ("1 délibération à clore", reverse("deliberation_detail", args=[deliberation.pk]))
    ]
    for application in world.applications:
        world.opine(deliberation, application)
    world.close(deliberation)
    assert told(world.chair_user) == []


def test_chair_counts_the_reader_that_a_gap_or_a_recusal_asks_for(client, db):
    world = JuryWorld(dossiers=1, jurors=4)
    world.assign()
    first, *_ = world.readers(world.applications[0])
    services.recuse(juror=world.juror(first), application=world.applications[0], reason="", at=AT, actor=first)
    assert [label for label, _ in told(world.chair_user)] == ["1 place sans lecteur"]
    assert detail(client, world)["missing"] == 1


def test_meeting_is_not_to_close_before_its_date(db, time_machine):
    world = JuryWorld(dossiers=1)
    world.assign()
    world.submit_all()
    time_machine.move_to(AT)
    deliberation = services.summon(jury=world.jury, held_at=HELD, place="Paris", at=AT, actor=world.chair_user)
    assert told(world.chair_user) == []
    time_machine.move_to(HELD)
    assert [url for _, url in told(world.chair_user)] == [reverse("deliberation_detail", args=[deliberation.pk])]


def test_an_older_proposal_is_no_longer_to_confirm_once_a_later_one_is(client, db):
    world = JuryWorld(dossiers=2, jurors=3)
    services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    world.assign(at=HELD)
    assert told(world.chair_user) == []
    assert detail(client, world)["run"] is None


def test_chair_is_told_nothing_by_marks_they_may_not_read(db):
    """Two worlds: the readers differ, so that one more is wanted, or agree. The chair who has still to mark does not
    learn it; the chair who has nothing to mark is told of it."""
    world = JuryWorld(dossiers=1, jurors=2, per_dossier=3)
    world.assign()
    one, other = (world.evaluation(world.applications[0], user) for user in world.users)
    world.submit(one, 5)
    seat = {"juror": world.chair, "application": world.applications[0], "assigned_at": AT}
    blind, informed = [], []
    for value in (5, 0):
        point = transaction.savepoint()
        world.submit(other, value)
        informed.append([label for label, _ in told(world.chair_user)])
        Evaluation.objects.create(**seat)
        blind.append(told(world.chair_user))
        transaction.savepoint_rollback(point)
    assert informed == [["1 place sans lecteur"], ["2 places sans lecteur"]]
    assert blind[0] == blind[1]


def test_chair_who_left_a_dossier_is_told_nothing_of_it(db):
    world = JuryWorld(dossiers=2, jurors=4)
    world.assign()
    hidden, other = world.applications
    services.recuse(juror=world.chair, application=hidden, reason="", at=AT, actor=world.chair_user)
    before = told(world.chair_user)
    reader = world.readers(hidden)[0]
    services.recuse(juror=world.juror(reader), application=hidden, reason="", at=AT, actor=reader)
    assert told(world.chair_user) == before == []
    for evaluation in other.evaluations.all():
        world.submit(evaluation)
    # Whether the hidden one is read or not.
    assert [label for label, _ in told(world.chair_user)] == ["1 jury à convoquer"]


def test_index_leads_the_chair_to_the_same_work(client, db):
    world = JuryWorld(dossiers=2, jurors=3)
    run = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    sign_in(client, world.chair_user)
    content = client.get(reverse("jury_index")).content.decode()
    assert "4 places sans lecteur" in content
    assert reverse("assignment_run", args=[run.pk]) in content
    sign_in(client, world.officer)
    assert "places sans lecteur" not in client.get(reverse("jury_index")).content.decode()


def test_officer_is_told_of_sessions_deliberations_and_lists_until_each_is_done(client, db):
    world = JuryWorld(dossiers=2)
    assert told(world.officer) == []
    orphan = Session.objects.create(
        axis=world.axis, code="sans-jury", title="Relève sans jury", opens_at=AT, closes_at=HELD
    )
    assert told(world.officer) == [("1 relève sans jury", reverse("jury_constitute", args=[orphan.pk]))]
    orphan.delete()
    deliberation = world.deliberated([Outcome.AWARDED, Outcome.WAITLISTED])
    prepare = reverse("decision_list_prepare", args=[deliberation.pk])
    assert told(world.officer) == [("1 délibération sans liste de décisions", prepare)]
    assert told(world.releaser) == []
    created = services.prepare_list(deliberation=deliberation, title="Lauréats", at=DECIDED, actor=world.officer)
    page = reverse("decision_list_detail", args=[created.pk])
    assert told(world.officer) == [("1 liste de décisions à proposer", page)]
    assert told(world.releaser) == []
    services.mark_prepared(decision_list=created, version=created.version, at=DECIDED, actor=world.officer)
    assert told(world.officer) == []
    assert told(world.releaser) == [("1 liste de décisions à libérer", page)]


def test_officer_of_one_département_is_not_told_of_a_list_they_may_not_propose(db):
    world = JuryWorld(dossiers=2)
    local = world.agent(MandateRole.OFFICER, departement_code="35")
    # They see every list, as an auditor does; they propose those of their département.
    make_mandate(local, world.call, MandateRole.AUDITOR)
    services.prepare_list(deliberation=world.deliberated(), title="Lauréats", at=DECIDED, actor=world.officer)
    assert [label for label, _ in told(local)] == ["1 liste de décisions à proposer"]
    Application.objects.filter(pk=world.applications[0].pk).update(departement_code="14")
    assert told(local) == []


def test_home_costs_the_same_whatever_waits(client, db):
    costs = []
    for size in (1, 3, 30):
        world = JuryWorld(dossiers=size, jurors=2, amount="1000000.00")
        for _ in range(size):
            make_applications(world.axis, 1, departement_code="35", region_code="53")
        for user in (world.chair_user, world.officer):
            sign_in(client, user)
            client.get("/")
            with CaptureQueriesContext(connection) as queries:
                client.get("/")
            costs.append((user == world.officer, len(queries)))
    assert len(set(costs)) == 2, costs
