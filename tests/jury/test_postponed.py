"""A meeting summoned for a date, then moved: the members are told, and nothing is recorded before it is held."""

from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from core.errors import Refused
from core.models import JournalEntry, OutboxMessage
from core.templatetags.guichet import paris_datetime
from jury import services
from tests.factories.accounts import sign_in
from tests.factories.jury import AT, HELD, JuryWorld


def mails():
    rows = OutboxMessage.objects.filter(dedupe_key__startswith="mail:jury:summons")
    return sorted((row.payload for row in rows), key=lambda mail: (mail["subject"], mail["to"]))


def summon(world, held_at=HELD):
    return services.summon(jury=world.jury, held_at=held_at, place="Paris", at=AT, actor=world.chair_user)


def move(world, deliberation, *, at=AT + timedelta(days=1), held_at=HELD + timedelta(days=9), place="Lyon", actor=None):
    return services.postpone(
        deliberation=deliberation, held_at=held_at, place=place, at=at, actor=actor or world.chair_user
    )


def test_meeting_years_ahead_is_refused_as_a_slip(db):
    world = JuryWorld(dossiers=1)
    with pytest.raises(Refused, match="six mois") as refusal, transaction.atomic():
        summon(world, AT + timedelta(days=184))
    assert refusal.value.field == "held_at"
    assert not world.jury.deliberations.exists() and not mails()
    assert summon(world, AT + timedelta(days=183)).number == 1


def test_meeting_is_moved_and_every_member_is_told_again(db):
    world = JuryWorld(dossiers=1, jurors=2)
    moved = move(world, summon(world))
    assert (moved.held_at, moved.place, moved.number) == (HELD + timedelta(days=9), "Lyon", 1)
    first, again = mails()[:3], mails()[3:]
    assert [len(first), len(again)] == [3, 3]
    assert {row["subject"] for row in again} == {f"Séance déplacée : {world.jury.name}"}
    context = again[0]["context"]
    assert (context["moved_from"], context["held_at"]) == (paris_datetime(HELD), paris_datetime(moved.held_at))
    assert context["contact_email"] == world.call.contact_email
    entry = JournalEntry.objects.get(action="jury.postponed")
    assert entry.data["before"] == HELD.isoformat()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"at": HELD, "held_at": HELD + timedelta(days=30)}, "s’est tenue"),
        ({"held_at": AT + timedelta(days=5)}, "cinq jours"),
        ({"held_at": AT + timedelta(days=400)}, "six mois"),
        ({"place": "  "}, "lieu"),
    ],
)
def test_meeting_is_not_moved_once_held_nor_without_notice(db, changes, told):
    world = JuryWorld(dossiers=1, jurors=2)
    deliberation = summon(world)
    before = (mails(), JournalEntry.objects.count())
    with pytest.raises(Refused, match=told), transaction.atomic():
        move(world, deliberation, **changes)
    assert (mails(), JournalEntry.objects.count()) == before
    deliberation.refresh_from_db()
    assert (deliberation.held_at, deliberation.place) == (HELD, "Paris")


def test_member_who_does_not_run_the_jury_moves_nothing(db):
    world = JuryWorld(dossiers=1, jurors=2)
    deliberation = summon(world)
    with pytest.raises(Refused, match="droit"), transaction.atomic():
        move(world, deliberation, actor=world.users[0])


def test_page_of_a_meeting_to_come_offers_to_move_it_and_nothing_else(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    world.submit_all()
    deliberation = summon(world)
    page = reverse("deliberation_detail", args=[deliberation.pk])
    acts = [reverse(f"deliberation_{act}", args=[deliberation.pk]) for act in ("attendance", "block", "close")]
    acts.append(reverse("deliberation_opinion", args=[deliberation.pk, world.applications[0].pk]))
    with time_machine.travel(HELD - timedelta(hours=1), tick=False):
        sign_in(client, world.chair_user)
        before = client.get(page).content.decode()
        assert reverse("deliberation_postpone", args=[deliberation.pk]) in before
        assert not [act for act in acts if act in before]
        assert "s’enregistrent à partir du" in before
    with time_machine.travel(HELD, tick=False):
        sign_in(client, world.chair_user)
        held = client.get(page).content.decode()
        assert reverse("deliberation_postpone", args=[deliberation.pk]) not in held
        assert acts[0] in held and acts[3] in held
    with time_machine.travel(AT + timedelta(days=1), tick=False):
        sign_in(client, world.chair_user)
        url = reverse("deliberation_postpone", args=[deliberation.pk])
        assert "Déplacer la séance" in client.get(url).content.decode()
        late = client.post(url, {"held_at": "2028-12-01T03:00", "place": "Paris"})
        assert "six mois" in str(late.context["form"].errors["held_at"])
        assert client.post(url, {"held_at": "2021-11-05T14:00", "place": "Lyon"}).status_code == 302
    deliberation.refresh_from_db()
    assert deliberation.place == "Lyon"


def test_member_whose_account_is_closed_is_not_summoned(db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    closed, other = world.users
    User.objects.filter(pk=closed.pk).update(is_active=False)
    summon(world)
    told = {address for mail in mails() for address in mail["to"]}
    assert told == {other.email, world.chair_user.email}
