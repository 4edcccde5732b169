"""Every state × transition × role, from the tables that services and pages read; and the database's guards."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError, ProgrammingError

from calls.enums import MandateRole
from core.errors import Refused
from core.models import JournalEntry
from jury import services
from jury.enums import Outcome
from jury.models import DecisionList, Deliberation, Evaluation, Recusal
from jury.services import AttendanceInput, MarkInput
from jury.workflow import DECISION_LIST, DELIBERATION, EVALUATION
from tests.factories.jury import AT, DECIDED, HELD, JuryWorld, marks

LATER = HELD + timedelta(hours=1)


@pytest.fixture
def world(db):
    return JuryWorld(dossiers=2, jurors=2)


def people(world):
    return {
        "juror": world.users[0],
        "other_juror": world.users[1],
        "chair": world.chair_user,
        "officer": world.officer,
        "releaser": world.releaser,
        "screener": world.agent(MandateRole.SCREENER),
        "auditor": world.agent(MandateRole.AUDITOR),
        "applicant": world.applications[0].created_by,
    }


def act_on_evaluation(name, evaluation, user, world):
    common = {"at": AT, "actor": user}
    if name == "start":
        services.save_evaluation(
            evaluation=evaluation, marks=marks(3), comment="", version=evaluation.version, **common
        )
    elif name == "submit":
        services.submit_evaluation(
            evaluation=evaluation,
            marks=marks(3),
            comment="",
            version=evaluation.version,
            key=str(uuid4()),
            **common,
        )
    elif name == "withdraw":
        services.recuse(juror=evaluation.juror, application=evaluation.application, reason="Lien familial", **common)
    else:
        services.seat_juror(jury=world.jury, application=evaluation.application, juror=evaluation.juror, **common)


EVALUATION_ROLES = {"juror": {"juror"}, "chair": {"chair"}}


@pytest.mark.parametrize("state", ["assigned", "draft", "submitted", "withdrawn"])
@pytest.mark.parametrize("name", ["start", "submit", "withdraw", "reassign"])
def test_evaluation_every_state_transition_and_role(world, state, name):
    world.assign()
    evaluation = world.evaluation(world.applications[0], world.users[0])
    services.declare_no_conflict(evaluation=evaluation, at=AT, actor=world.users[0])
    extra = {"submitted_at": AT, "total": Decimal("12.00")} if state == "submitted" else {}
    Evaluation.objects.filter(pk=evaluation.pk).update(state=state, **extra)
    row = EVALUATION.transition(name)
    # Seating again and noting a conflict are also the secretariat's; a draft is saved again without a transition.
    allowed = set().union(*(EVALUATION_ROLES[role] for role in row.roles)) | (
        {"officer"} if name in {"reassign", "withdraw"} else set()
    )
    for who, user in people(world).items():
        fresh = Evaluation.objects.select_related("juror__jury", "application").get(pk=evaluation.pk)
        possible = state in row.sources or (name == "start" and state == "draft")
        before = JournalEntry.objects.count()
        point = transaction.savepoint()
        try:
            act_on_evaluation(name, fresh, user, world)
            happened = Evaluation.objects.get(pk=evaluation.pk).state == row.target
        except Refused:
            happened = False
            assert JournalEntry.objects.count() == before
        expected = who in allowed and possible
        if name == "withdraw" and state == "withdrawn":
            expected = who in allowed  # declared once more: recorded, already withdrawn
            happened = happened and Recusal.objects.exists()
        assert happened is expected, (who, state, name)
        transaction.savepoint_rollback(point)


@pytest.mark.parametrize("state", ["open", "closed"])
def test_deliberation_closes_once_by_the_chair_alone(world, state):
    world.assign()
    world.submit_all()
    deliberation = world.meet()
    world.opine(deliberation, world.applications[0])
    if state == "closed":
        deliberation = world.close(deliberation)
    for who, user in people(world).items():
        point = transaction.savepoint()
        try:
            services.close_deliberation(deliberation=deliberation, at=LATER, actor=user)
            happened = True
        except Refused:
            happened = False
        assert happened is (who == "chair" and state == "open"), who
        transaction.savepoint_rollback(point)
    assert DELIBERATION.transition("close").roles == ("chair",)


@pytest.mark.parametrize("state", ["preparing", "prepared", "released", "cancelled"])
@pytest.mark.parametrize("name", ["mark_prepared", "reopen", "send_back", "cancel", "release"])
def test_list_every_state_transition_and_role(world, state, name):
    created = services.prepare_list(deliberation=world.deliberated(), title="Liste", at=DECIDED, actor=world.officer)
    signed = {"released_at": DECIDED, "released_by": world.releaser} if state == "released" else {}
    DecisionList.objects.filter(pk=created.pk).update(state=state, **signed)
    row = DECISION_LIST.transition(name)
    for who, user in people(world).items():
        found = DecisionList.objects.get(pk=created.pk)
        common = {"decision_list": found, "at": DECIDED, "actor": user}
        point = transaction.savepoint()
        try:
            if name == "mark_prepared":
                services.mark_prepared(version=found.version, **common)
            elif name == "reopen":
                services.reopen_list(**common)
            elif name == "send_back":
                services.send_back_list(reason="Montant à revoir", version=found.version, **common)
            elif name == "cancel":
                services.cancel_list(reason="Erreur", **common)
            else:
                world.release(found, user=user)
            happened = True
        except Refused:
            happened = False
        assert happened is (who in row.roles and state in row.sources), (who, state, name)
        transaction.savepoint_rollback(point)


def test_marks_out_of_range_and_unknown_criteria_are_refused(world):
    world.assign()
    evaluation = world.evaluation(world.applications[0], world.users[0])
    services.declare_no_conflict(evaluation=evaluation, at=AT, actor=world.users[0])
    for given in ({"benefice": MarkInput(6)}, {"benefice": MarkInput(-1)}, {"autre": MarkInput(3)}):
        with pytest.raises(Refused), transaction.atomic():
            services.save_evaluation(
                evaluation=evaluation, marks=given, comment="", version=1, at=AT, actor=world.users[0]
            )
    assert not evaluation.scores.exists()


def test_submitting_without_declaring_is_refused(world):
    world.assign()
    evaluation = world.evaluation(world.applications[0], world.users[0])
    with pytest.raises(Refused, match="conflit"), transaction.atomic():
        act_on_evaluation("submit", evaluation, world.users[0], world)


def test_submitting_only_opinions_without_mark_is_refused(world):
    world.assign()
    with pytest.raises(Refused, match="sans avis sur tous"), transaction.atomic():
        world.submit(world.evaluation(world.applications[0], world.users[0]), None)


def test_two_readers_who_differ_call_for_a_third(db):
    from jury.queries import gaps_of

    world = JuryWorld(dossiers=1, jurors=3)
    world.assign()
    application = world.applications[0]
    first, second = (world.evaluation(application, user) for user in world.readers(application))
    world.submit(first, 5)
    world.submit(second, 4)
    assert gaps_of(world.jury, [application.pk])[application.pk].missing == 0
    Evaluation.objects.filter(pk=second.pk).update(state="withdrawn")
    Evaluation.objects.filter(pk=second.pk).update(state="assigned", no_conflict_declared_at=None)
    second.refresh_from_db()
    world.submit(second, 1)
    assert gaps_of(world.jury, [application.pk])[application.pk].missing == 1
    run = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user, least_change=True)
    assert len(run.replay["seats"]) == 3
    assert services.verify_run(run)


def test_summons_less_than_five_days_before_is_refused(world):
    for held in (AT + timedelta(days=5) - timedelta(seconds=1), AT):
        with pytest.raises(Refused, match="cinq jours"), transaction.atomic():
            services.summon(jury=world.jury, held_at=held, place="Paris", at=AT, actor=world.chair_user)
    assert services.summon(
        jury=world.jury, held_at=AT + timedelta(days=5), place="Paris", at=AT, actor=world.chair_user
    )


def test_opinion_without_quorum_is_refused(world):
    world.assign()
    world.submit_all()
    deliberation = world.meet(present=[world.chair])
    with pytest.raises(Refused, match="quorum"), transaction.atomic():
        world.opine(deliberation, world.applications[0])


def test_a_member_holds_one_proxy_and_holds_it_while_present(world):
    deliberation = world.meet()
    chair, first, second = world.chair, world.juror(world.users[0]), world.juror(world.users[1])
    both = [
        AttendanceInput(chair, "present"),
        AttendanceInput(first, "proxy", chair),
        AttendanceInput(second, "proxy", chair),
    ]
    gone = [
        AttendanceInput(chair, "present"),
        AttendanceInput(first, "absent"),
        AttendanceInput(second, "proxy", first),
    ]
    for rows, sentence in ((both, "qu’un pouvoir"), (gone, "présent ou à distance")):
        with pytest.raises(Refused, match=sentence), transaction.atomic():
            services.record_attendance(deliberation=deliberation, rows=rows, at=HELD, actor=world.chair_user)


def test_recusal_counts_out_of_the_quorum_of_its_item_only(db):
    world = JuryWorld(dossiers=2, jurors=3)
    world.assign()
    world.submit_all()
    hidden = world.applications[0]
    services.recuse(juror=world.juror(world.users[0]), application=hidden, reason="", at=AT, actor=world.users[0])
    deliberation = world.meet(present=[world.chair, world.juror(world.users[0])])
    with pytest.raises(Refused, match="il en faut 2 sur 3"), transaction.atomic():
        world.opine(deliberation, hidden)
    assert world.opine(deliberation, world.applications[1])


def test_tie_is_decided_by_the_chair_and_written(world):
    world.assign()
    world.submit_all()
    deliberation = world.meet()
    with pytest.raises(Refused, match="prépondérante"), transaction.atomic():
        world.opine(deliberation, world.applications[0], votes_for=1, votes_against=1)
    opinion = world.opine(deliberation, world.applications[0], votes_for=1, votes_against=1, casting_vote="for")
    assert opinion.casting_vote == "for"


def test_departure_from_the_order_of_merit_needs_a_motive(db):
    world = JuryWorld(dossiers=3, amount="10000.00")
    world.assign()
    world.submit_all()
    deliberation = world.meet()
    plain = world.opine(deliberation, world.applications[0], motive="")
    assert (plain.departs_from_merit, plain.merit_rank) == (False, 1)
    for dossier, fields in (
        (world.applications[2], {"motive": ""}),
        (world.applications[0], {"motive": "", "amount": Decimal("9000.00")}),
    ):
        with pytest.raises(Refused, match="s’écarte"), transaction.atomic():
            world.opine(deliberation, dossier, **fields)
    assert world.opine(deliberation, world.applications[2], motive="Seul du territoire.").departs_from_merit


def test_block_leaves_out_what_one_mark_may_move_and_what_is_called_up(db):
    world = JuryWorld(dossiers=4, amount="20000.00")
    world.assign()
    for application, (first, second) in zip(world.applications, [(5, 5), (5, 1), (3, 3), (1, 1)], strict=True):
        seats = list(application.evaluations.order_by("pk"))
        world.submit(seats[0], first)
        world.submit(seats[1], second)
    deliberation = world.meet()
    written = services.confirm_block(
        deliberation=deliberation,
        below=Outcome.REFUSED,
        motive="Au-delà de l’enveloppe.",
        called_up=[world.applications[3].pk],
        at=HELD,
        actor=world.chair_user,
    )
    spoken = {opinion.application_id for opinion in written}
    assert world.applications[0].pk in spoken
    assert world.applications[1].pk not in spoken
    assert world.applications[3].pk not in spoken


def test_closed_minutes_have_gapless_numbers(db):
    first, second = JuryWorld(dossiers=1, jurors=2), JuryWorld(dossiers=1, jurors=2)
    numbers = [world.deliberated().minutes_number for world in (first, second)]
    assert numbers == ["PV-2021-0001", "PV-2021-0002"]


def refused_by_the_database(sql, parameters):
    raises = pytest.raises((IntegrityError, ProgrammingError, DatabaseError))
    with raises, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def test_database_keeps_what_the_jury_said(db):
    world = JuryWorld(dossiers=2)
    deliberation = world.deliberated()
    evaluation = Evaluation.objects.filter(state="submitted").first()
    opinion = deliberation.opinions.first()
    released = world.release(world.prepared(deliberation))
    services.recuse(
        juror=world.juror(world.users[0]), application=world.applications[0], reason="", at=AT, actor=world.users[0]
    )
    for sql, parameters in (
        ("UPDATE jury_evaluation SET total = 1 WHERE id = %s", [evaluation.pk]),
        ("UPDATE jury_evaluation SET state = 'draft' WHERE id = %s", [evaluation.pk]),
        ("DELETE FROM jury_evaluation WHERE id = %s", [evaluation.pk]),
        ("UPDATE jury_score SET mark = 0 WHERE evaluation_id = %s", [evaluation.pk]),
        ("DELETE FROM jury_score WHERE evaluation_id = %s", [evaluation.pk]),
        ("UPDATE jury_opinion SET motive = 'x' WHERE id = %s", [opinion.pk]),
        ("DELETE FROM jury_opinion WHERE id = %s", [opinion.pk]),
        ("UPDATE jury_attendancerow SET attendance = 'absent' WHERE deliberation_id = %s", [deliberation.pk]),
        ("UPDATE jury_deliberation SET state = 'open' WHERE id = %s", [deliberation.pk]),
        ("UPDATE jury_deliberation SET place = 'x' WHERE id = %s", [deliberation.pk]),
        ("UPDATE jury_decision SET amount_granted = 1 WHERE decision_list_id = %s", [released.pk]),
        ("UPDATE jury_decisionlist SET state = 'prepared' WHERE id = %s", [released.pk]),
        ("UPDATE jury_recusal SET reason = 'x'", []),
        ("DELETE FROM jury_recusal", []),
        ("TRUNCATE jury_score", []),
    ):
        refused_by_the_database(sql, parameters)
    assert Deliberation.objects.get(pk=deliberation.pk).state == "closed"


def test_constituting_asks_for_one_chair_and_an_officer(db):
    from jury.services import Member
    from tests.factories.accounts import AgentFactory
    from tests.factories.budget import make_axis, make_session
    from tests.factories.jury import make_grid

    world = JuryWorld(dossiers=1)
    axis = make_axis(world.call)
    session, grid, user = make_session(axis), make_grid(axis), AgentFactory()
    common = {"session": session, "grid": grid, "name": "Jury", "at": AT}
    for members, actor in (
        ([Member(user=user)], world.officer),
        ([Member(user=user, is_chair=True), Member(user=AgentFactory(), is_chair=True)], world.officer),
        ([Member(user=user, is_chair=True)], world.releaser),
    ):
        with pytest.raises(Refused), transaction.atomic():
            services.constitute_jury(members=members, actor=actor, **common)
    jury = services.constitute_jury(members=[Member(user=user, is_chair=True)], actor=world.officer, **common)
    assert user.mandates.filter(role=MandateRole.CHAIR, axis=axis).exists()
    user.refresh_from_db()
    assert user.requires_second_factor
    assert jury.jurors.get().load_max == 0
