"""A dossier that comes back before the jury: reopened on purpose, with a motive; only the last opinion is decided on."""

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from core.errors import Refused
from core.models import JournalEntry
from jury import services
from jury.enums import Attendance, Outcome
from jury.minutes import items_of
from jury.queries import full_merit, latest_opinions
from jury.services import AttendanceInput, OpinionInput
from tests.factories.accounts import sign_in
from tests.factories.budget import make_applications
from tests.factories.jury import HELD, JuryWorld, left_of

AGAIN = HELD + timedelta(days=10)
FINALLY = AGAIN + timedelta(days=1)
NEW_FACT = "Le plan de financement a changé."


def met_again(outcomes):
    """A first meeting closed with these opinions, nothing decided, and a second one open."""
    world = JuryWorld(dossiers=len(outcomes))
    first = world.deliberated(outcomes)
    second = services.summon(jury=world.jury, held_at=AGAIN, place="Paris", at=HELD, actor=world.chair_user)
    rows = [AttendanceInput(juror, Attendance.PRESENT) for juror in world.jury.jurors.order_by("pk")]
    services.record_attendance(deliberation=second, rows=rows, at=AGAIN, actor=world.chair_user)
    return world, first, second


def opine(world, deliberation, application, outcome, motive, actor=None):
    amount = application.amount_requested if outcome == Outcome.AWARDED else None
    return services.record_opinion(
        deliberation=deliberation,
        application=application,
        opinion=OpinionInput(outcome=outcome, amount=amount, motive=motive),
        at=AGAIN,
        actor=actor or world.chair_user,
    )


def close(world, deliberation):
    return services.close_deliberation(deliberation=deliberation, at=AGAIN, actor=world.chair_user)


def prepare(world, deliberation):
    return services.prepare_list(deliberation=deliberation, title="Liste", at=FINALLY, actor=world.officer)


def test_dossier_already_spoken_of_is_reopened_with_a_motive_only(db):
    world, _, second = met_again([Outcome.REFUSED, Outcome.AWARDED])
    reopened = world.applications[0]
    before = JournalEntry.objects.count()
    for actor in (world.chair_user, world.officer):
        with pytest.raises(Refused, match="séance n° 1 : non retenu") as refusal, transaction.atomic():
            opine(world, second, reopened, Outcome.AWARDED, "  ", actor)
        assert refusal.value.field == "motive"
    assert not second.opinions.exists()
    assert JournalEntry.objects.count() == before
    assert opine(world, second, reopened, Outcome.AWARDED, NEW_FACT).motive == NEW_FACT
    entry = JournalEntry.objects.filter(action="jury.opinion").latest("pk")
    assert entry.data["reopens"] == "PV-2021-0001"


def test_only_the_last_opinion_is_decided_on(client, db):
    world, first, second = met_again([Outcome.REFUSED, Outcome.AWARDED])
    reopened, other = world.applications
    opine(world, second, reopened, Outcome.AWARDED, NEW_FACT)
    # While the second meeting is open its opinion is none yet.
    assert latest_opinions([reopened.pk])[reopened.pk].outcome == Outcome.REFUSED
    close(world, second)
    sign_in(client, world.officer)
    index = client.get(reverse("decision_index")).content.decode()
    assert re.findall(r"(\d+) dossiers? sans décision", index) == ["1", "1"]
    old = prepare(world, first)
    assert [(row.application, row.outcome) for row in old.decisions.all()] == [(other, "awarded")]
    new = prepare(world, second)
    assert [(row.application, row.outcome, row.motive) for row in new.decisions.all()] == [
        (reopened, "awarded", NEW_FACT)
    ]


def test_meeting_whose_every_opinion_was_replaced_gives_no_list(db):
    world, first, second = met_again([Outcome.REFUSED])
    opine(world, second, world.applications[0], Outcome.AWARDED, NEW_FACT)
    close(world, second)
    with pytest.raises(Refused, match="prononcé de nouveau"), transaction.atomic():
        prepare(world, first)
    assert not first.decision_lists.exists()


def propose(world, decision_list):
    return services.mark_prepared(
        decision_list=decision_list, version=decision_list.version, at=FINALLY, actor=world.officer
    )


def test_list_made_before_the_jury_spoke_again_is_not_released(db):
    world, first, second = met_again([Outcome.AWARDED, Outcome.AWARDED])
    reopened, other = world.applications
    prepared = propose(world, prepare(world, first))
    opine(world, second, reopened, Outcome.REFUSED, NEW_FACT)
    close(world, second)
    before = left_of(world)
    with pytest.raises(Refused, match=f"prononcé de nouveau depuis sur : {reopened.number}\\. ") as refusal:
        world.release(prepared, at=FINALLY)
    assert other.number not in refusal.value.message
    reopened.refresh_from_db()
    assert (reopened.state, left_of(world)) == ("admissible", before)
    # Taken back, it is not proposed either; without the dossier, it is, and the dossier goes by the last meeting.
    taken = services.reopen_list(decision_list=prepared, at=FINALLY, actor=world.officer)
    with pytest.raises(Refused, match="prononcé de nouveau"), transaction.atomic():
        propose(world, taken)
    taken = services.remove_decision(
        decision=taken.decisions.get(application=reopened),
        reason="Rouvert par le jury.",
        version=taken.version,
        at=FINALLY,
        actor=world.officer,
    )
    world.release(propose(world, taken), at=FINALLY)
    assert [row.outcome for row in prepare(world, second).decisions.all()] == [Outcome.REFUSED]


def test_meeting_still_open_stops_no_release(db):
    world, first, second = met_again([Outcome.AWARDED])
    opine(world, second, world.applications[0], Outcome.REFUSED, NEW_FACT)
    assert world.release(propose(world, prepare(world, first)), at=FINALLY).state == "released"


def test_marks_of_whoever_left_the_dossier_since_rank_it_no_more(client, db):
    world, _, second = met_again([Outcome.REFUSED])
    application = world.applications[0]
    left = application.evaluations.order_by("juror_id").first()
    services.recuse(juror=left.juror, application=application, reason="", at=AGAIN, actor=left.juror.user)
    left.refresh_from_db()
    assert left.state == "submitted"
    assert [len(row.candidate.readings) for row in full_merit(world.jury).ranked] == [1]
    sign_in(client, world.chair_user)
    url = reverse("deliberation_opinion", kwargs={"pk": second.pk, "dossier": application.pk})
    assert len(client.get(url).context["row"].candidate.readings) == 1


def test_waiting_list_follows_the_last_opinion(client, db):
    world, first, second = met_again([Outcome.REFUSED])
    application = world.applications[0]
    opine(world, second, application, Outcome.WAITLISTED, NEW_FACT)
    close(world, second)
    prepared = services.mark_prepared(decision_list=prepare(world, second), version=1, at=FINALLY, actor=world.officer)
    world.release(prepared, at=FINALLY)
    award = {"title": "Liste", "applications": [application.pk], "at": FINALLY, "actor": world.officer}
    with pytest.raises(Refused), transaction.atomic():
        services.award_from_waiting_list(deliberation=first, **award)
    sign_in(client, world.officer)
    pages = [
        client.get(reverse("decision_list_waiting", kwargs={"pk": row.pk})).content.decode() for row in (first, second)
    ]
    assert [application.number in page for page in pages] == [False, True]
    assert services.award_from_waiting_list(deliberation=second, **award).decisions.count() == 1


def test_block_leaves_out_what_was_already_spoken_of(client, db):
    world, _, second = met_again([Outcome.REFUSED])
    (fresh,) = make_applications(world.axis, 1, theme=world.theme, departement_code="35", region_code="53")
    run = services.propose_assignment(jury=world.jury, at=HELD, actor=world.chair_user)
    services.confirm_assignment(run=run, sha256=run.sha256, at=HELD, actor=world.chair_user)
    for evaluation in fresh.evaluations.order_by("juror_id"):
        world.submit(evaluation, 4, at=HELD)
    sign_in(client, world.chair_user)
    page = client.get(reverse("deliberation_block", kwargs={"pk": second.pk})).content.decode()
    assert fresh.number in page
    assert world.applications[0].number not in page
    written = services.confirm_block(deliberation=second, at=AGAIN, actor=world.chair_user)
    assert [row.application for row in written] == [fresh]


def test_pages_say_what_was_said_before_and_that_it_is_reopened(client, db):
    world, _, second = met_again([Outcome.REFUSED])
    application = world.applications[0]
    sign_in(client, world.chair_user)
    meeting = client.get(reverse("deliberation_detail", kwargs={"pk": second.pk})).content.decode()
    assert "Rouvrir" in meeting
    assert "déjà délibéré, séance n°&nbsp;1&nbsp;: non retenu" in meeting
    url = reverse("deliberation_opinion", kwargs={"pk": second.pk, "dossier": application.pk})
    page = client.get(url).content.decode()
    assert "Le jury s’est déjà prononcé sur ce dossier" in page
    assert "PV-2021-0001" in page
    assert "pourquoi le jury rouvre ce dossier" in page
    data = {"outcome": "awarded", "amount": "10 000,00", "motive": "", "casting_vote": ""}
    assert "motive" in client.post(url, data).context["form"].errors
    assert client.post(url, {**data, "motive": NEW_FACT}).status_code == 302


def test_minutes_name_the_opinion_that_they_replace(db):
    world, first, second = met_again([Outcome.REFUSED])
    opine(world, second, world.applications[0], Outcome.AWARDED, NEW_FACT)
    second = close(world, second)
    assert [item.before for item in items_of(first)] == [None]
    (item,) = items_of(second)
    assert item.before is not None
    assert item.before.deliberation == first
