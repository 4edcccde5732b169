"""Closing: the votes are checked again with the attendance as it stands; afterwards nothing changes the record."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils.html import strip_tags

from applications.models import Application
from core.errors import Refused
from core.models import JournalEntry
from jury import services
from jury.enums import Attendance, Outcome
from jury.minutes import items_of, render_minutes
from jury.services import AttendanceInput
from jury.services.deliberation import CHECK_EACH, NO_QUORUM, VOTES_CHANGED, quorums
from tests.factories.accounts import sign_in
from tests.factories.jury import HELD, JuryWorld

VOTED = {"votes_for": 4, "votes_against": 0}


def met(jurors=4):
    world = JuryWorld(dossiers=2, jurors=jurors)
    world.assign()
    world.submit_all([5])
    return world, world.meet()


def attend(world, deliberation, *, without):
    rows = [
        AttendanceInput(juror, Attendance.ABSENT if juror.user in without else Attendance.PRESENT)
        for juror in world.jury.jurors.select_related("user").order_by("pk")
    ]
    services.record_attendance(deliberation=deliberation, rows=rows, at=HELD, actor=world.chair_user)


def close_by_page(client, deliberation):
    """As the chair does: reads what is closed, then closes just that."""
    url = reverse("deliberation_close", kwargs={"pk": deliberation.pk})
    return client.post(url, {"shown": client.get(url).context["sha256"]})


def refused(client, world, deliberation):
    """By the service and by the page: nothing closed, no number taken. Returns the sentence."""
    before = JournalEntry.objects.count()
    with pytest.raises(Refused) as refusal, transaction.atomic():
        world.close(deliberation)
    begins, _, ends = VOTES_CHANGED.partition("{named}")
    told = refusal.value.message
    assert told == CHECK_EACH or (told.startswith(begins) and told.endswith(ends))
    sign_in(client, world.chair_user)
    assert close_by_page(client, deliberation).status_code == 302
    assert JournalEntry.objects.count() == before
    deliberation.refresh_from_db()
    assert (deliberation.state, deliberation.minutes_number) == ("open", "")
    return refusal.value.message


def test_more_votes_than_members_present_at_the_closing_is_refused(client, db):
    world, deliberation = met()
    first, second = world.applications
    world.opine(deliberation, first, votes_for=4, votes_against=1)
    world.opine(deliberation, second)
    attend(world, deliberation, without=world.users[:2])
    told = refused(client, world, deliberation)
    assert (first.number in told, second.number in told) == (True, False)
    # Once the opinion is recorded again with those who are there, it closes.
    world.opine(deliberation, first, votes_for=2, votes_against=1)
    assert world.close(deliberation).state == "closed"


def test_tie_whose_casting_vote_is_of_an_absent_chair_at_the_closing_is_refused(client, db):
    world, deliberation = met()
    world.opine(deliberation, world.applications[0], votes_for=2, votes_against=2, casting_vote="for")
    attend(world, deliberation, without=[world.chair_user])
    refused(client, world, deliberation)


def test_recused_chair_is_told_nothing_of_the_dossier_at_the_closing(client, db):
    world, deliberation = met()
    hidden = world.applications[0]
    services.recuse(juror=world.chair, application=hidden, reason="", at=HELD, actor=world.chair_user)
    world.opine(deliberation, hidden, actor=world.officer, votes_for=4, votes_against=0)
    world.opine(deliberation, world.applications[1])
    attend(world, deliberation, without=world.users[:2])
    assert refused(client, world, deliberation) == CHECK_EACH


def test_recused_chair_is_told_the_same_whichever_dossier_and_fault_stop_the_closing(db):
    """Two worlds and more: a name, or its absence, a quorum or a vote would tell of the dossier that they left."""
    said = set()
    for fault_of_hidden, fault_of_seen in ((True, False), (False, True), (True, True)):
        world, deliberation = met()
        hidden, seen = world.applications
        services.recuse(juror=world.chair, application=hidden, reason="", at=HELD, actor=world.chair_user)
        world.opine(deliberation, hidden, actor=world.officer, **(VOTED if fault_of_hidden else {}))
        world.opine(deliberation, seen, **(VOTED if fault_of_seen else {}))
        attend(world, deliberation, without=world.users[:2])
        with pytest.raises(Refused) as refusal, transaction.atomic():
            world.close(deliberation)
        said.add(refusal.value.message)
    assert said == {CHECK_EACH}


def test_quorum_lost_at_the_closing_names_the_dossiers(db):
    world, deliberation = met()
    for application in world.applications:
        world.opine(deliberation, application)
    attend(world, deliberation, without=[*world.users[:3]])
    with pytest.raises(Refused) as refusal, transaction.atomic():
        world.close(deliberation)
    numbers = ", ".join(sorted(application.number for application in world.applications))
    assert refusal.value.message == NO_QUORUM.format(named=f" ({numbers})")


def test_recusal_declared_after_the_closing_changes_no_minutes(db):
    world, deliberation = met(jurors=3)
    early, late = world.users[:2]
    first, second = world.applications
    services.recuse(juror=world.juror(early), application=first, reason="", at=HELD, actor=early)
    for application in world.applications:
        world.opine(deliberation, application)
    deliberation = world.close(deliberation)
    before = quorums(deliberation, [first.pk, second.pk])
    minutes = render_minutes(deliberation)
    for application in world.applications:
        services.recuse(
            juror=world.juror(late), application=application, reason="", at=HELD + timedelta(hours=1), actor=late
        )
    named = {item.opinion.application_id: item.recused for item in items_of(deliberation)}
    assert named == {first.pk: [str(early)], second.pk: []}
    assert quorums(deliberation, [first.pk, second.pk]) == before
    assert render_minutes(deliberation) == minutes


def test_recusal_declared_before_the_closing_counts_while_the_meeting_is_open(db):
    world, deliberation = met(jurors=3)
    user, application = world.users[0], world.applications[0]
    services.recuse(
        juror=world.juror(user), application=application, reason="", at=HELD + timedelta(hours=1), actor=user
    )
    assert quorums(deliberation, [application.pk])[application.pk].members == 3


def test_order_of_the_minutes_is_that_of_the_closing_whenever_each_opinion_was_recorded(db):
    world = JuryWorld(dossiers=3, jurors=3, per_dossier=1)
    world.assign()
    world.submit_all([5, 4, 3])
    deliberation = world.meet()
    best, middle, last = world.applications
    assert world.opine(deliberation, middle, Outcome.WAITLISTED).merit_rank == 2
    reader = best.evaluations.get().juror
    services.recuse(juror=reader, application=best, reason="", at=HELD, actor=reader.user)
    assert world.opine(deliberation, last, Outcome.WAITLISTED).merit_rank == 2
    closed = world.close(deliberation)
    rows = closed.opinions.order_by("rank").values_list("application", "merit_rank", "average")
    assert list(rows) == [(middle.pk, 1, Decimal("16.00")), (last.pk, 2, Decimal("12.00"))]


def test_page_tells_what_is_closed_and_an_older_page_closes_nothing(client, db):
    world, deliberation = met()
    first, second = world.applications
    world.opine(deliberation, first)
    sign_in(client, world.chair_user)
    url = reverse("deliberation_close", kwargs={"pk": deliberation.pk})
    page = client.get(url)
    content = page.content.decode()
    assert "1 dossier, 10\u202f000,00\u00a0€ proposés" in content
    assert second.number in content.split("Sans avis de cette séance")[1]
    world.opine(deliberation, second, Outcome.REFUSED, motive="Au-delà de l’enveloppe.")
    told = client.post(url, {"shown": page.context["sha256"]}, follow=True).content.decode()
    assert "rien n’est clos" in told and "Non retenu" in told
    deliberation.refresh_from_db()
    assert deliberation.state == "open"
    close_by_page(client, deliberation)
    deliberation.refresh_from_db()
    assert deliberation.state == "closed"
    assert client.get(url).status_code == 302


def test_chair_is_shown_no_opinion_on_a_dossier_that_they_left(client, db):
    world, deliberation = met()
    hidden, seen = world.applications
    services.recuse(juror=world.chair, application=hidden, reason="", at=HELD, actor=world.chair_user)
    world.opine(deliberation, hidden, actor=world.officer)
    sign_in(client, world.chair_user)
    page = client.get(reverse("deliberation_close", kwargs={"pk": deliberation.pk})).content.decode()
    assert "Vous ne lisez aucun avis" in page
    assert "la clôture vaut aussi pour eux" in page
    assert hidden.number not in page and seen.number in page


def test_service_closes_only_what_was_shown_once_it_holds_the_meeting(db):
    """An opinion of which the votes alone changed, between the reading and the lock."""
    world, deliberation = met()
    first, second = world.applications
    world.opine(deliberation, first, votes_for=2, votes_against=2, casting_vote="for")
    world.opine(deliberation, second)
    shown = services.closing_digest(deliberation, world.chair_user)
    deliberation.opinions.filter(application=first).update(casting_vote="against")
    with pytest.raises(Refused, match="rien n’est clos") as refusal, transaction.atomic():
        services.close_deliberation(deliberation=deliberation, at=HELD, actor=world.chair_user, shown=shown)
    assert refusal.value.field == "shown"
    deliberation.opinions.filter(application=first).update(casting_vote="for")
    closed = services.close_deliberation(deliberation=deliberation, at=HELD, actor=world.chair_user, shown=shown)
    assert closed.state == "closed"


@pytest.mark.parametrize("has_opinion", [False, True])
def test_refusal_to_close_tells_no_opinion_on_a_dossier_that_the_chair_left(client, db, has_opinion):
    """Nobody present: nothing may be closed, and the answer is the same whether an opinion was given there or not."""
    world, deliberation = met()
    hidden, _ = world.applications
    services.recuse(juror=world.chair, application=hidden, reason="", at=HELD, actor=world.chair_user)
    if has_opinion:
        world.opine(deliberation, hidden, actor=world.officer)
    attend(world, deliberation, without=[juror.user for juror in world.jury.jurors.all()])
    sign_in(client, world.chair_user)
    answer = close_by_page(client, deliberation)
    told = [str(message) for message in client.get(answer["Location"]).context["messages"]]
    assert told == [CHECK_EACH]
    deliberation.refresh_from_db()
    assert deliberation.state == "open"


def test_what_is_closed_is_read_before_it_and_what_changes_shows(client, db):
    world, deliberation = met()
    first, second = world.applications
    world.opine(deliberation, first, votes_for=4, votes_against=0)
    sign_in(client, world.chair_user)
    url = reverse("deliberation_close", kwargs={"pk": deliberation.pk})

    def read():
        answer = client.get(url)
        text = strip_tags(answer.content.decode().split("<main")[1].split('name="shown"')[0])
        return answer.context["sha256"], " ".join(text.split())

    seen = [read()]
    assert first.number in seen[0][1] and "4 pour, 0 contre" in seen[0][1] and "en séance" in seen[0][1].lower()
    attend(world, deliberation, without=[world.jury.jurors.order_by("pk").last().user])
    seen.append(read())
    deliberation.opinions.update(motive="Un autre motif")
    seen.append(read())
    assert "Un autre motif" in seen[2][1]
    world.opine(deliberation, second, votes_for=3, votes_against=0)
    seen.append(read())
    for before, after in pairwise(seen):
        assert before[0] != after[0] and before[1] != after[1]


def test_dossier_that_comes_to_the_jury_meanwhile_is_named_before_the_closing(client, db):
    world, deliberation = met()
    first, second = world.applications
    Application.objects.filter(pk=second.pk).update(state="submitted")
    world.opine(deliberation, first)
    shown = services.closing_digest(deliberation, world.chair_user)
    Application.objects.filter(pk=second.pk).update(state="admissible")
    with pytest.raises(Refused, match="rien n’est clos"), transaction.atomic():
        services.close_deliberation(deliberation=deliberation, at=HELD, actor=world.chair_user, shown=shown)
