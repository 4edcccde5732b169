"""A recusal and the writers of the meeting, at the same instant, on a real database: one waits for the other."""

from calls.models import Session
from jury import services
from jury.enums import Attendance
from jury.models import Evaluation, Juror, Jury, Recusal
from jury.services import AttendanceInput, Member
from tests.concurrency import while_uncommitted
from tests.factories.jury import AT, HELD, JuryWorld, left_of
from tests.jury import test_reopening as reopening


def met() -> tuple[JuryWorld, object]:
    world = JuryWorld(dossiers=2, jurors=3)
    world.assign()
    world.submit_all()
    return world, world.meet()


def leave(world):
    user = world.users[0]
    return services.recuse(juror=world.juror(user), application=world.applications[0], reason="", at=HELD, actor=user)


def test_recusal_declared_while_the_meeting_closes_is_kept(transactional_db):
    world, deliberation = met()
    for application in world.applications:
        world.opine(deliberation, application)
    assert while_uncommitted(lambda: world.close(deliberation), lambda: leave(world)) == []
    assert Recusal.objects.get().juror == world.juror(world.users[0])
    deliberation.refresh_from_db()
    assert (deliberation.state, deliberation.opinions.count()) == ("closed", 2)


def test_opinion_being_recorded_does_not_outlive_the_recusal(transactional_db):
    world, deliberation = met()
    hidden = world.applications[0]
    stopped = while_uncommitted(
        lambda: world.opine(deliberation, hidden, votes_for=4, votes_against=0), lambda: leave(world)
    )
    assert stopped == []
    assert Recusal.objects.count() == 1
    assert not deliberation.opinions.exists()


def test_opinion_recorded_during_a_recusal_counts_without_the_member(transactional_db):
    world, deliberation = met()
    hidden = world.applications[0]
    stopped = while_uncommitted(
        lambda: leave(world), lambda: world.opine(deliberation, hidden, votes_for=4, votes_against=0)
    )
    assert stopped == ["4 voix pour 3 membres présents ou représentés."]
    assert not deliberation.opinions.exists()


def test_release_waits_for_the_meeting_that_speaks_again(transactional_db):
    world, first, second = reopening.met_again(["awarded"])
    prepared = reopening.propose(world, reopening.prepare(world, first))
    reopening.opine(world, second, world.applications[0], "refused", reopening.NEW_FACT)
    before = left_of(world)
    stopped = while_uncommitted(
        lambda: reopening.close(world, second), lambda: world.release(prepared, at=reopening.FINALLY)
    )
    assert len(stopped) == 1
    assert "prononcé de nouveau" in stopped[0]
    assert left_of(world) == before


def test_attendance_waits_for_members_in_the_order_of_every_other_writer(transactional_db):
    """Typed from the last member to the first, it holds none of them while it waits for the first: no crossed wait."""
    world, deliberation = met()
    members = list(world.jury.jurors.order_by("pk"))
    rows = [AttendanceInput(member, Attendance.PRESENT) for member in reversed(members)]

    def attend() -> None:
        services.record_attendance(deliberation=deliberation, rows=rows, at=HELD, actor=world.chair_user)

    def lock(*chosen: Juror, nowait: bool = False) -> None:
        list(Juror.objects.select_for_update(nowait=nowait).filter(pk__in=[member.pk for member in chosen]))

    stopped = while_uncommitted(lambda: lock(members[0]), attend, lambda: lock(*members[1:], nowait=True))
    assert stopped == []
    assert deliberation.attendance.count() == len(members)


def proposed():
    """Everybody is proposed for the one dossier; the first member is about to leave it."""
    world = JuryWorld(dossiers=1, jurors=2)
    return world, services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)


def confirm(world, run):
    return services.confirm_assignment(run=run, sha256=run.sha256, at=AT, actor=world.chair_user)


def test_member_who_leaves_during_the_confirmation_is_not_seated(transactional_db):
    world, run = proposed()
    stopped = while_uncommitted(lambda: leave(world), lambda: confirm(world, run))
    assert len(stopped) == 1
    assert "un juré s’est déporté" in stopped[0]
    assert not Evaluation.objects.exists()


def test_member_who_leaves_once_confirmed_loses_the_seat(transactional_db):
    world, run = proposed()
    assert while_uncommitted(lambda: confirm(world, run), lambda: leave(world)) == []
    assert world.evaluation(world.applications[0], world.users[0]).state == "withdrawn"


def test_second_person_who_seats_the_same_jury_is_told(transactional_db):
    world = JuryWorld(dossiers=0, jurors=1)
    session = Session.objects.create(axis=world.axis, code="suite", title="Suite", opens_at=AT, closes_at=HELD)
    members = [Member(user=world.chair_user, is_chair=True), Member(user=world.users[0])]

    def seat() -> object:
        return services.constitute_jury(
            session=session, grid=world.grid, name="Jury de la suite", members=members, at=AT, actor=world.officer
        )

    assert while_uncommitted(seat, seat) == ["Cette relève a déjà son jury."]
    assert Jury.objects.filter(session=session).count() == 1
