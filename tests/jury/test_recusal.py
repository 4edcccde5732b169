"""A recusal by its own page: without having been asked to read the dossier, or on behalf of a member."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from applications.models import Access, Application
from calls.enums import MandateRole
from calls.models import Mandate
from core.errors import Refused
from core.journal_words import data_in_words
from core.models import JournalEntry
from jury import services
from jury.enums import EvaluationState, Outcome
from jury.models import Recusal
from tests.factories.accounts import sign_in
from tests.factories.jury import AT, HELD, JuryWorld


def address(world, application, jury=None):
    return reverse("jury_recuse", kwargs={"pk": (jury or world.jury).pk, "dossier": application.pk})


def facts():
    return Recusal.objects.count(), Access.objects.count(), JournalEntry.objects.count()


def test_juror_leaves_a_dossier_they_were_not_asked_to_read(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    application, user = world.applications[0], world.users[0]
    sign_in(client, user)
    page = client.get(address(world, application)).content.decode()
    assert application.number in page
    assert str(world.users[1]) not in page
    done = client.post(address(world, application), {"juror": world.juror(user).pk, "reason": ""}, follow=True)
    assert f"n’a plus accès au dossier {application.number}" in done.content.decode()
    assert Recusal.objects.get().juror == world.juror(user)
    run = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    assert world.juror(user).pk not in {seat["juror"] for seat in run.replay["seats"]}
    assert client.get(address(world, application)).status_code == 404


def test_member_finds_every_dossier_they_may_be_tied_to_from_their_desk(client, db):
    world = JuryWorld(dossiers=3, jurors=2)
    left, user = world.applications[0], world.users[0]
    services.recuse(juror=world.juror(user), application=left, reason="", at=AT, actor=user)
    sign_in(client, user)
    url = reverse("jury_conflicts", kwargs={"pk": world.jury.pk})
    assert url in client.get(reverse("jury_desk")).content.decode()
    page = client.get(url).content.decode()
    assert [row.number in page for row in world.applications] == [False, True, True]
    assert [address(world, row) in page for row in world.applications] == [False, True, True]
    other = JuryWorld(dossiers=1, jurors=1)
    theirs = reverse("jury_conflicts", kwargs={"pk": other.jury.pk})
    assert client.get(theirs).status_code == 404
    assert theirs not in client.get(reverse("jury_desk")).content.decode()
    sign_in(client, world.officer)
    assert client.get(url).status_code == 404


def test_list_of_conflicts_costs_the_same_with_1_3_and_30_rows(client, db):
    costs = []
    for size in (1, 3, 30):
        world = JuryWorld(dossiers=size, jurors=1)
        sign_in(client, world.users[0])
        url = reverse("jury_conflicts", kwargs={"pk": world.jury.pk})
        client.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).content.decode().count("Me déporter") == size
        costs.append(len(queries))
    assert len(set(costs)) == 1, costs


def test_recused_chair_confirms_no_block_and_reads_no_rank_that_tells_of_the_hidden_dossier(client, db):
    world = JuryWorld(dossiers=4, jurors=3)
    world.assign()
    world.submit_all()
    deliberation = world.meet()
    for application in world.applications[1:3]:
        world.opine(deliberation, application)
    hidden = world.applications[0]
    sign_in(client, world.chair_user)
    page, block = (
        reverse(name, kwargs={"pk": deliberation.pk}) for name in ("deliberation_detail", "deliberation_block")
    )
    assert block in client.get(page).content.decode()
    assert '<td data-label="Ordre" class="guichet-number">3</td>' in client.get(page).content.decode()
    services.recuse(juror=world.chair, application=hidden, reason="", at=HELD, actor=world.chair_user)
    seen = client.get(page).content.decode()
    assert block not in seen
    assert seen.count('<td data-label="Ordre" class="guichet-number">—</td>') == 2
    assert "un par un" in client.get(block).content.decode()
    with pytest.raises(Refused, match="un par un"), transaction.atomic():
        services.confirm_block(deliberation=deliberation, at=HELD, actor=world.chair_user)
    assert deliberation.opinions.count() == 2
    assert client.post(block, {"shown": ""}).status_code == 200
    assert deliberation.opinions.count() == 2
    # Whatever becomes of the hidden dossier, the answer stays the same.
    Application.objects.filter(pk=hidden.pk).update(state="withdrawn")
    after = client.get(page).content.decode()
    assert after.count(">—</td>") == seen.count(">—</td>")
    assert block not in after


def test_recusal_in_the_meeting_erases_the_opinion_and_the_journal_says_so(db):
    world = JuryWorld(dossiers=2, jurors=3)
    world.assign()
    world.submit_all()
    deliberation = world.meet()
    heard, kept = world.applications
    world.opine(deliberation, heard)
    world.opine(deliberation, kept, Outcome.REFUSED)
    leaving = world.users[0]
    services.recuse(juror=world.juror(leaving), application=heard, reason="", at=HELD, actor=leaving)
    assert [row.application for row in deliberation.opinions.all()] == [kept]
    told = JournalEntry.objects.get(action="jury.recused")
    assert told.data["forgotten"] == ["awarded"]
    assert ("avis effacé", "retenu") in data_in_words(told.data)[0]


def test_juror_notes_nobody_elses_recusal(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    application, other = world.applications[0], world.juror(world.users[1])
    sign_in(client, world.users[0])
    before = facts()
    page = client.post(address(world, application), {"juror": other.pk, "reason": "Ancien employeur"})
    assert "juror" in page.context["form"].errors
    with pytest.raises(Refused, match="droit"), transaction.atomic():
        services.recuse(juror=other, application=application, reason="Lien", at=AT, actor=world.users[0])
    assert facts() == before


@pytest.mark.parametrize("who", ["chair_user", "officer"])
def test_whoever_runs_the_jury_notes_a_members_conflict_with_a_reason(client, db, who):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    application, user = world.applications[0], world.users[0]
    actor = getattr(world, who)
    sign_in(client, actor)
    detail = client.get(reverse("jury_detail", kwargs={"pk": world.jury.pk})).content.decode()
    assert address(world, application) in detail
    before = facts()
    silent = client.post(address(world, application), {"juror": world.juror(user).pk, "reason": "  "})
    assert "Indiquez le motif" in silent.context["form"].errors["reason"][0]
    assert facts() == before
    data = {"juror": world.juror(user).pk, "reason": "Ancien employeur"}
    done = client.post(address(world, application), data, follow=True)
    assert "Ancien employeur" in done.content.decode()
    recusal = Recusal.objects.get()
    assert (recusal.juror.user, recusal.declared_by) == (user, actor)
    assert world.evaluation(application, user).state == EvaluationState.WITHDRAWN
    assert not Application.objects.visible_to(user).filter(pk=application.pk).exists()


def test_chair_leaves_a_dossier_of_their_own_jury(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    hidden = world.applications[0]
    sign_in(client, world.chair_user)
    done = client.post(address(world, hidden), {"juror": world.chair.pk, "reason": ""}, follow=True)
    assert done.status_code == 200
    assert Recusal.objects.get().juror == world.chair
    assert hidden.number not in client.get(reverse("jury_detail", kwargs={"pk": world.jury.pk})).content.decode()
    assert client.get(address(world, hidden)).status_code == 404


def test_what_is_not_theirs_answers_like_what_does_not_exist(client, db):
    world, other = JuryWorld(dossiers=1, jurors=1), JuryWorld(dossiers=1, jurors=1)
    application = world.applications[0]
    gone = world.users[0]
    services.recuse(juror=world.juror(gone), application=application, reason="", at=AT, actor=gone)
    left = world.agent(MandateRole.JUROR)
    unknown = Application(pk="00000000-0000-4000-8000-000000000000")
    before = facts()
    asked = [(user, application, None) for user in (gone, other.users[0], other.chair_user, other.officer, left)]
    asked += [(user, application, None) for user in (world.releaser, world.agent(MandateRole.AUDITOR))]
    asked += [(world.chair_user, unknown, None), (world.chair_user, other.applications[0], None)]
    asked += [(world.users[0], application, other.jury)]
    bodies = set()
    for user, dossier, jury in asked:
        sign_in(client, user)
        for send in (client.get, client.post):
            assert send(address(world, dossier, jury)).status_code == 404
    for dossier in (application, unknown):
        sign_in(client, gone)
        page = client.get(address(world, dossier)).content.decode()
        bodies.add(len(page.replace(str(dossier.pk), "")))
    assert len(bodies) == 1
    assert facts() == before


def test_an_ended_mandate_closes_the_page(client, db):
    world = JuryWorld(dossiers=1, jurors=1)
    user, application = world.users[0], world.applications[0]
    sign_in(client, user)
    assert client.get(address(world, application)).status_code == 200
    Mandate.objects.filter(user=user).update(ends_at=HELD)
    assert client.get(address(world, application)).status_code == 404
