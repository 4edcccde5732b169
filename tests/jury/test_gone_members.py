"""A member whose account was closed, or whose mandate ended, reads nothing more: no seat is kept for them."""

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import hooks
from accounts.models import User
from accounts.recovery import out_of_reach
from calls.enums import MandateRole
from calls.models import Mandate
from core.errors import Refused
from jury import services
from jury.models import Evaluation
from jury.permissions import due_evaluations
from jury.queries import gaps_of
from tests.factories.accounts import AdministratorFactory, AgentFactory, sign_in
from tests.factories.budget import make_call, make_mandate
from tests.factories.jury import AT, JuryWorld


def close(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def end_mandate(user):
    Mandate.objects.filter(user=user).update(ends_at=AT)


GOING = [pytest.param(close, id="account"), pytest.param(end_mandate, id="mandate")]


@pytest.mark.parametrize("go", GOING)
def test_member_who_is_gone_is_neither_offered_nor_seated_by_hand(client, db, go):
    world = JuryWorld(dossiers=1, jurors=4)
    world.assign()
    application = world.applications[0]
    offered = services.possible_readers(jury=world.jury, application=application, at=timezone.now())
    gone = next(juror for juror, _ in offered if not juror.is_chair)
    go(gone.user)
    left = services.possible_readers(jury=world.jury, application=application, at=timezone.now())
    assert [row for row, _ in left] == [row for row, _ in offered if row != gone]
    with pytest.raises(Refused, match="ne siège plus"):
        services.seat_juror(
            jury=world.jury, application=application, juror=gone, at=timezone.now(), actor=world.chair_user
        )
    assert not Evaluation.objects.filter(juror=gone).exists()


@pytest.mark.parametrize("go", GOING)
def test_seat_of_a_member_who_is_gone_is_a_seat_without_reader(client, db, go):
    world = JuryWorld(dossiers=2, jurors=3)
    world.assign()
    first, second = world.applications
    leaver = next(user for user in world.readers(first) if user in world.readers(second))
    world.submit(world.evaluation(second, leaver))
    go(leaver)
    gaps = gaps_of(world.jury, [first.pk, second.pk])
    assert (gaps[first.pk].missing, gaps[second.pk].missing) == (1, 0), "what was handed in still counts"
    run = services.propose_assignment(jury=world.jury, at=timezone.now(), actor=world.chair_user)
    seats = {(seat["dossier"], seat["juror"]) for seat in run.replay["seats"]}
    leaving = world.juror(leaver).pk
    assert (str(first.pk), leaving) not in seats
    assert (str(second.pk), leaving) in seats
    assert services.verify_run(run)
    services.confirm_assignment(run=run, sha256=run.sha256, at=timezone.now(), actor=world.chair_user)
    assert gaps_of(world.jury, [first.pk])[first.pk].missing == 0
    assert leaver not in world.readers(first)


def test_proposal_that_seats_somebody_gone_since_is_not_confirmed(db):
    world = JuryWorld(dossiers=1, jurors=3)
    run = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    close(world.jury.jurors.get(pk=run.replay["seats"][0]["juror"]).user)
    with pytest.raises(Refused, match="ne siège plus"):
        services.confirm_assignment(run=run, sha256=run.sha256, at=AT, actor=world.chair_user)
    assert not Evaluation.objects.exists()


def test_page_of_the_jury_counts_the_seat_left_empty(client, db):
    world = JuryWorld(dossiers=1, jurors=3)
    world.assign()
    sign_in(client, world.chair_user)
    page = reverse("jury_detail", kwargs={"pk": world.jury.pk})
    assert client.get(page).context["missing"] == 0
    close(next(user for user in world.readers(world.applications[0]) if user != world.chair_user))
    assert client.get(page).context["missing"] == 1


def test_agent_who_closes_an_account_is_told_what_the_juror_still_owes(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    user, administrator = world.users[0], AdministratorFactory()
    owed = due_evaluations(user).count()
    assert owed
    told = [right.text for right in hooks.rights_of(user=user, by=administrator, at=timezone.now())]
    assert any(text.startswith(f"{owed}\u00a0évaluation") for text in told)
    # Of a call that this agent does not administer, it opens nothing: neither the closing nor a lost factor.
    stranger = AgentFactory()
    make_mandate(stranger, make_call(code="autre-appel"), MandateRole.ADMINISTRATOR)
    assert out_of_reach(user=user, by=stranger, at=timezone.now())
    assert not any(right.is_reached for right in hooks.rights_of(user=user, by=stranger, at=timezone.now()))
    world.submit_all()
    told = [right.text for right in hooks.rights_of(user=user, by=administrator, at=timezone.now())]
    assert not any("à remettre" in text for text in told)
