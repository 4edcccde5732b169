"""Blind review, and the two worlds of a recused juror: flip a hidden fact, get the same bytes everywhere."""

import re
from decimal import Decimal

import pytest
from django.db import transaction
from django.urls import reverse

from applications.models import Access, Application
from core import outbox
from core.errors import Refused
from jury import services
from jury.enums import EvaluationState
from jury.models import Evaluation, Juror, Opinion
from jury.permissions import may_read_minutes, readable_evaluations
from tests.factories.accounts import sign_in
from tests.factories.applications import pdf
from tests.factories.jury import AT, HELD, JuryWorld

# What a page draws anew at each request, whatever it says.
FRESH = [
    rb'nonce="[^"]+"',
    rb'name="csrfmiddlewaretoken" value="[^"]+"',
    rb'"X-CSRFToken": "[^"]+"',
    rb'name="idempotency_key" value="[^"]+"',
]


def answer(client, url):
    response = client.get(url)
    content = b"".join(response.streaming_content) if response.streaming else response.content
    for pattern in FRESH:
        content = re.sub(pattern, b"", content)
    return response.status_code, response.headers.get("Content-Disposition", ""), content


def urls_of(world, hidden, evaluation, attachment, deliberation):
    """Every address by which the dossier could leak to somebody recused from it."""
    names = [
        ("jury_desk", {}),
        ("evaluation_page", {"pk": evaluation.pk}),
        ("evaluation_recuse", {"pk": evaluation.pk}),
        ("jury_index", {}),
        ("jury_detail", {"pk": world.jury.pk}),
        ("seat_add", {"pk": world.jury.pk, "dossier": hidden.pk}),
        ("jury_recuse", {"pk": world.jury.pk, "dossier": hidden.pk}),
        ("jury_ranking", {"pk": world.jury.pk}),
        ("ranking_export", {"pk": world.jury.pk}),
        ("deliberation_detail", {"pk": deliberation.pk}),
        ("deliberation_opinion", {"pk": deliberation.pk, "dossier": hidden.pk}),
        ("deliberation_block", {"pk": deliberation.pk}),
        ("deliberation_minutes", {"pk": deliberation.pk}),
        ("decision_index", {}),
        ("application_detail", {"pk": hidden.pk}),
        ("attachment_download", {"pk": hidden.pk, "attachment": attachment.pk}),
        ("screening_list", {}),
        ("screening_export", {}),
    ]
    return [reverse(name, kwargs=kwargs) for name, kwargs in names] + [
        "/",
        reverse("jury_ranking", kwargs={"pk": world.jury.pk}) + "?plancher=1&correction=oui",
        reverse("jury_detail", kwargs={"pk": world.jury.pk}) + "?voir=manques",
        reverse("screening_list") + f"?q={hidden.number}",
    ]


def attach(application):
    from applications.models import Attachment
    from core import files

    stored = files.store(
        content=pdf("secret"), name="devis.pdf", kind="attachment", media_type="application/pdf", actor_id=None
    )
    return Attachment.objects.create(
        application=application, kind="quote", file=stored, added_at=AT, added_by=application.created_by
    )


def flip(world, hidden):
    """Everything about the dossier that the recused person must not notice."""
    for evaluation in Evaluation.objects.filter(application=hidden, state="assigned"):
        if evaluation.no_conflict_declared_at is None and world.submit(evaluation, 5):
            break
    Application.objects.filter(pk=hidden.pk).update(
        title="Tout autre projet", summary="Tout autre résumé", amount_requested=Decimal("77777.00"), search_text="zzz"
    )


@pytest.mark.parametrize("who", ["juror", "chair"])
def test_recused_person_sees_the_same_bytes_when_a_hidden_fact_flips(client, db, who):
    world = JuryWorld(dossiers=3, jurors=4)
    world.assign()
    hidden = world.applications[0]
    attachment = attach(hidden)
    for application in world.applications[1:]:
        for evaluation in application.evaluations.all():
            world.submit(evaluation)
    reader = world.readers(hidden)[0]
    user = reader if who == "juror" else world.chair_user
    evaluation = world.evaluation(hidden, reader)
    deliberation = world.meet()
    services.recuse(juror=world.juror(user), application=hidden, reason="", at=AT, actor=user)
    sign_in(client, user)
    urls = urls_of(world, hidden, evaluation, attachment, deliberation)
    before = [(url, *answer(client, url)) for url in urls]
    opened = {row[1] for row in before}
    assert 200 in opened
    flip(world, hidden)
    Opinion.objects.create(
        deliberation=deliberation, application=hidden, outcome="awarded", amount_proposed=Decimal("10000.00")
    )
    after = [(url, *answer(client, url)) for url in urls]
    assert after == before
    assert all(hidden.number.encode() not in row[3] for row in after)
    own = [row for row in after if str(hidden.pk) in row[0] or (str(evaluation.pk) in row[0] and user == reader)]
    assert own
    assert {row[1] for row in own} == {404}


def test_the_same_flip_is_noticed_by_the_chair_who_is_not_recused(client, db):
    world = JuryWorld(dossiers=3, jurors=4)
    world.assign()
    hidden = world.applications[0]
    sign_in(client, world.chair_user)
    url = reverse("jury_detail", kwargs={"pk": world.jury.pk})
    before = answer(client, url)
    flip(world, hidden)
    assert answer(client, url) != before


def test_recusal_answers_like_a_dossier_that_does_not_exist(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    hidden = world.applications[0]
    user = world.users[0]
    evaluation = world.evaluation(hidden, user)
    services.recuse(juror=world.juror(user), application=hidden, reason="", at=AT, actor=user)
    sign_in(client, user)
    unknown = "00000000-0000-4000-8000-000000000000"
    for name in ("evaluation_page", "evaluation_recuse"):
        gone = answer(client, reverse(name, kwargs={"pk": evaluation.pk}))
        never = answer(client, reverse(name, kwargs={"pk": unknown}))
        assert gone[0] == never[0] == 404
        assert gone[2].replace(str(evaluation.pk).encode(), b"") == never[2].replace(unknown.encode(), b"")


def test_recusal_withdraws_the_evaluation_and_shows_the_gap(client, db):
    world = JuryWorld(dossiers=1, jurors=3)
    world.assign()
    application = world.applications[0]
    user = world.readers(application)[0]
    world.submit(world.evaluation(application, user), 5)
    services.recuse(juror=world.juror(user), application=application, reason="Ancien employeur", at=AT, actor=user)
    evaluation = world.evaluation(application, user)
    assert evaluation.state == EvaluationState.WITHDRAWN
    assert Access.objects.filter(user=user, application=application, effect="deny").count() == 1
    assert not Application.objects.visible_to(user).filter(pk=application.pk).exists()
    sign_in(client, world.chair_user)
    content = client.get(reverse("jury_detail", kwargs={"pk": world.jury.pk})).content.decode()
    assert "Il manque 1 lecteur" in content
    assert "Ancien employeur" in content
    other = next(row for row in world.users if row not in world.readers(application) and row != user)
    seated = services.seat_juror(
        jury=world.jury, application=application, juror=world.juror(other), at=AT, actor=world.chair_user
    )
    assert seated.state == EvaluationState.ASSIGNED
    assert Application.objects.visible_to(other).filter(pk=application.pk).exists()


def test_recused_juror_cannot_be_seated_again_nor_act(db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    application, user = world.applications[0], world.users[0]
    evaluation = world.evaluation(application, user)
    services.recuse(juror=world.juror(user), application=application, reason="", at=AT, actor=user)
    with pytest.raises(Refused), transaction.atomic():
        services.seat_juror(
            jury=world.jury, application=application, juror=world.juror(user), at=AT, actor=world.chair_user
        )
    with pytest.raises(Refused), transaction.atomic():
        services.declare_no_conflict(evaluation=evaluation, at=AT, actor=user)
    with pytest.raises(Refused), transaction.atomic():
        world.submit(evaluation)


def test_recused_chair_records_no_opinion_and_the_secretary_may(db):
    world = JuryWorld(dossiers=2, jurors=4)
    world.assign()
    world.submit_all()
    hidden = world.applications[0]
    services.recuse(juror=world.chair, application=hidden, reason="", at=AT, actor=world.chair_user)
    deliberation = world.meet()
    with pytest.raises(Refused, match="droit"), transaction.atomic():
        world.opine(deliberation, hidden)
    assert world.opine(deliberation, hidden, actor=world.officer).outcome == "awarded"


def test_minutes_are_closed_to_whoever_recused_from_one_of_their_items(client, transactional_db):
    world = JuryWorld(dossiers=2, jurors=4)
    world.assign()
    world.submit_all()
    hidden = world.applications[0]
    services.recuse(juror=world.chair, application=hidden, reason="", at=AT, actor=world.chair_user)
    deliberation = world.meet()
    world.opine(deliberation, hidden, actor=world.officer)
    world.opine(deliberation, world.applications[1])
    deliberation = world.close(deliberation)
    outbox.deliver_all()
    deliberation.refresh_from_db()
    assert deliberation.minutes_file is not None
    assert not may_read_minutes(world.chair_user, deliberation)
    assert may_read_minutes(world.officer, deliberation)
    sign_in(client, world.chair_user)
    assert client.get(reverse("deliberation_minutes", kwargs={"pk": deliberation.pk})).status_code == 404


def bodies(client, world, evaluation):
    names = [
        ("jury_desk", {}),
        ("evaluation_page", {"pk": evaluation.pk}),
        ("jury_index", {}),
        ("jury_detail", {"pk": world.jury.pk}),
        ("jury_ranking", {"pk": world.jury.pk}),
        ("ranking_export", {"pk": world.jury.pk}),
    ]
    return [answer(client, reverse(name, kwargs=kwargs)) for name, kwargs in names]


def test_juror_sees_the_same_bytes_whatever_others_marked_before_submitting(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    first, second = world.users
    application = world.applications[0]
    mine = world.evaluation(application, first)
    services.declare_no_conflict(evaluation=mine, at=AT, actor=first)
    sign_in(client, first)
    before = bodies(client, world, mine)
    world.submit(world.evaluation(application, second), 5)
    assert bodies(client, world, mine) == before
    assert not readable_evaluations(first).exclude(juror__user=first).exists()
    mine.refresh_from_db()
    world.submit(mine, 1)
    first = type(first).objects.get(pk=first.pk)
    assert readable_evaluations(first).filter(juror__user=second).count() == 1
    content = client.get(reverse("evaluation_page", kwargs={"pk": mine.pk})).content.decode()
    assert "20,00 sur 20" in content


def test_chair_who_also_reads_is_blind_until_they_submit(client, db):
    """Two worlds: the other reader gave the best marks, or the worst. The same bytes, until the chair hands theirs in."""
    world = JuryWorld(dossiers=1, jurors=1)
    Juror.objects.filter(pk=world.chair.pk).update(load_max=5)
    world.assign()
    application = world.applications[0]
    mine = world.evaluation(application, world.chair_user)
    deliberation = world.meet()
    urls = urls_of(world, application, mine, attach(application), deliberation)
    sign_in(client, world.chair_user)
    blind, informed = [], []
    for value in (5, 1):
        point = transaction.savepoint()
        world.submit(world.evaluation(application, world.users[0]), value)
        chair = type(world.chair_user).objects.get(pk=world.chair_user.pk)
        assert not readable_evaluations(chair, world.jury).exclude(pk=mine.pk).exists()
        blind.append([(url, *answer(client, url)) for url in urls])
        world.submit(world.evaluation(application, world.chair_user), 3)
        informed.append([(url, *answer(client, url)) for url in urls])
        transaction.savepoint_rollback(point)
    assert [row[1] for row in blind[0]].count(200) > len(urls) / 2
    assert blind[0] == blind[1]
    # The flip is one that the chair notices, once they have handed in theirs.
    assert informed[0] != informed[1]


def test_ministry_reads_no_mark_before_the_deliberation_is_closed(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    sign_in(client, world.officer)
    urls = [reverse(name, kwargs={"pk": world.jury.pk}) for name in ("jury_ranking", "ranking_export")]
    before = [answer(client, url) for url in urls]
    world.submit_all([5])
    assert [answer(client, url) for url in urls] == before
    deliberation = world.meet()
    for application in world.applications:
        world.opine(deliberation, application)
    world.close(deliberation)
    content = answer(client, urls[0])[2].decode()
    assert "20,00" in content
    assert world.users[0].last_name not in content


@pytest.mark.parametrize("who", ["applicant", "stranger"])
def test_outsiders_find_no_page_of_the_jury(client, db, who):
    from tests.factories.accounts import UserFactory

    world = JuryWorld(dossiers=2)
    deliberation = world.deliberated()
    user = world.applications[0].created_by if who == "applicant" else UserFactory()
    sign_in(client, user)
    for name, kwargs in (
        ("jury_desk", {}),
        ("jury_index", {}),
        ("jury_detail", {"pk": world.jury.pk}),
        ("jury_ranking", {"pk": world.jury.pk}),
        ("deliberation_detail", {"pk": deliberation.pk}),
        ("decision_index", {}),
    ):
        assert client.get(reverse(name, kwargs=kwargs)).status_code == 404, name


def test_an_ended_mandate_closes_the_desk_at_the_next_request(client, db):
    from calls.models import Mandate

    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    sign_in(client, world.users[0])
    assert client.get(reverse("jury_desk")).status_code == 200
    Mandate.objects.filter(user=world.users[0]).update(ends_at=HELD)
    assert client.get(reverse("jury_desk")).status_code == 404


def test_secretary_who_reads_no_mark_learns_nothing_of_the_ranking_from_the_opinion(client, db):
    """Two worlds: the dossier comes first or last; the page and its refusals are the same bytes."""
    said = []
    for values in ([5, 1], [1, 5]):
        point = transaction.savepoint()
        world = JuryWorld(dossiers=2, amount="10000.00")
        world.assign()
        world.submit_all(values)
        deliberation = world.meet()
        sign_in(client, world.officer)
        dossier = world.applications[0]
        url = reverse("deliberation_opinion", kwargs={"pk": deliberation.pk, "dossier": dossier.pk})
        page = client.get(url).content.decode()
        assert "la règle ne le retient pas" not in page
        assert "tient dans l’enveloppe" not in page
        refused = client.post(url, {"outcome": "awarded", "amount": "10 000,00", "motive": "", "casting_vote": ""})
        assert refused.status_code == 200
        assert "Motivez cet avis." in refused.content.decode()
        assert "s’écarte" not in refused.content.decode()
        assert not deliberation.opinions.exists()
        said.append(re.findall(r"Motivez[^<]*", refused.content.decode()))
        transaction.savepoint_rollback(point)
    assert said[0] == said[1]


def test_chair_who_still_owes_marks_always_gives_a_motive(db):
    world = JuryWorld(dossiers=1, jurors=1, per_dossier=1)
    world.assign()
    Juror.objects.filter(pk=world.chair.pk).update(load_max=5)
    dossier = world.applications[0]
    mine = services.seat_juror(jury=world.jury, application=dossier, juror=world.chair, at=AT, actor=world.officer)
    deliberation = world.meet()
    for submitted in (False, True):
        if submitted:
            world.submit(world.evaluation(dossier, world.users[0]), 5)
        with pytest.raises(Refused) as refusal, transaction.atomic():
            world.opine(deliberation, dossier, motive="")
        assert refusal.value.message == "Motivez cet avis."
        assert not deliberation.opinions.exists()
    world.submit(mine, 5)
    chair = type(world.chair_user).objects.get(pk=world.chair_user.pk)
    assert world.opine(deliberation, dossier, actor=chair, motive="").motive == ""


def test_chair_who_still_owes_marks_reads_no_rank_in_the_opinions(client, db):
    """Two worlds: the other reader put the dossier first or last. Neither its rank nor its place among the opinions says
    so, until the chair hands theirs in."""
    world = JuryWorld(dossiers=2, jurors=1, per_dossier=1)
    world.assign()
    Juror.objects.filter(pk=world.chair.pk).update(load_max=5)
    due, other = world.applications
    mine = services.seat_juror(jury=world.jury, application=due, juror=world.chair, at=AT, actor=world.officer)
    world.submit(world.evaluation(other, world.users[0]), 3)
    deliberation = world.meet()
    url = reverse("deliberation_detail", kwargs={"pk": deliberation.pk})
    sign_in(client, world.chair_user)
    blind, informed = [], []
    for value in (5, 1):
        point = transaction.savepoint()
        world.submit(world.evaluation(due, world.users[0]), value)
        for application in (due, other):
            world.opine(deliberation, application, actor=world.officer)
        blind.append(answer(client, url))
        world.submit(mine, value)
        informed.append(answer(client, url))
        transaction.savepoint_rollback(point)
    assert due.number.encode() in blind[0][2]
    assert blind[0] == blind[1]
    assert informed[0] != informed[1]
