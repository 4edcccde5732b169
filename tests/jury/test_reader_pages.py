"""What a juror reads on their own pages: the money, what submitting does, what is left, what they have left."""

import re
from datetime import timedelta
from decimal import Decimal

from django.urls import reverse

from applications.models import CostLine, FundingLine
from calls.models import AxisTerms, RulesVersion
from jury import services
from jury.models import Juror
from tests.factories.accounts import sign_in
from tests.factories.jury import AT, HELD, JuryWorld, marks
from tests.factories.territories import VintageFactory


def opened(client, world, application=None, user=None):
    """The grid page of a juror who has declared no conflict."""
    application = application or world.applications[0]
    user = user or world.users[0]
    evaluation = world.evaluation(application, user)
    services.declare_no_conflict(evaluation=evaluation, at=AT, actor=user)
    sign_in(client, user)
    return evaluation


def grid_page(client, evaluation):
    return client.get(reverse("evaluation_page", args=[evaluation.pk])).content.decode()


def desk(client, user):
    sign_in(client, user)
    return client.get(reverse("jury_desk")).content.decode()


def test_juror_reads_the_totals_the_aid_and_its_rate(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    application = world.applications[0]
    rules = RulesVersion.objects.create(
        call=world.call, number=1, effective_at=AT - timedelta(days=50), vintage=VintageFactory()
    )
    AxisTerms.objects.create(
        rules_version=rules, axis=world.axis, aid_rate=Decimal("0.5"), source="Règlement, article 4"
    )
    application.rules_version = rules
    application.save()
    world.assign()
    evaluation = opened(client, world)
    CostLine.objects.create(application=application, label="Développement", amount=Decimal("12500.00"), position=1)
    CostLine.objects.create(application=application, label="Formation", amount=Decimal("7500.00"), position=2)
    FundingLine.objects.create(application=application, kind="own", amount=Decimal("10000.00"), position=1)
    content = grid_page(client, evaluation)
    assert re.search(r"Total des dépenses.*?20\u202f000,00", content, re.S)
    assert re.search(r"Aide demandée à cet appel.*?10\u202f000,00", content, re.S)
    assert re.search(r"Total des ressources.*?20\u202f000,00", content, re.S)
    assert re.search(r"Coût éligible.*?20\u202f000,00", content, re.S)
    assert "50\u00a0%" in content


def test_grid_says_that_submitting_is_final_and_the_total_of_the_last_save(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    evaluation = opened(client, world)
    content = grid_page(client, evaluation)
    assert "Remettre est définitif" in content
    assert "sur 20" not in content
    evaluation.refresh_from_db()
    services.save_evaluation(
        evaluation=evaluation, marks=marks(4), comment="", version=evaluation.version, at=AT, actor=world.users[0]
    )
    assert "vos notes donnent <strong>16,00 sur 20</strong>" in grid_page(client, evaluation)


def test_desk_sets_apart_what_is_due_and_what_is_finished(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    content = desk(client, world.users[0])
    assert "À évaluer" in content
    assert "Remis" not in content
    world.submit(world.evaluation(world.applications[0], world.users[0]))
    due, finished = desk(client, world.users[0]).split("Remis", 1)
    assert world.applications[1].number in due.split("<table")[1]
    assert world.applications[0].number not in due.split("<table")[1]
    assert world.applications[0].number in finished
    assert world.applications[1].number not in finished


def test_recusal_names_the_dossier_once_then_nothing_tells_of_it(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    application, user = world.applications[0], world.users[0]
    desk(client, user)
    evaluation = world.evaluation(application, user)
    done = client.post(reverse("evaluation_recuse", args=[evaluation.pk]), {"reason": "Un secret."}, follow=True)
    assert f"Votre déport du dossier {application.number} est enregistré" in done.content.decode()
    content = desk(client, user)
    for hidden in (
        application.number,
        application.organisation.name,
        str(application.pk),
        str(evaluation.pk),
        "Un secret.",
    ):
        assert hidden not in content


def test_chair_without_dossier_is_led_to_the_juries_and_told_nothing_false(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    for _ in range(2):
        content = desk(client, world.chair_user)
        assert "confirmé l’affectation" not in content
        assert "Vous présidez un jury" in content
        assert f'href="{reverse("jury_index")}"' in content
        assert "Vous présidez un jury" not in desk(client, world.users[0])
        world.assign()


def test_other_readers_are_named_in_full(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    for user in world.users:
        world.submit(world.evaluation(world.applications[0], user))
    sign_in(client, world.users[0])
    content = grid_page(client, world.evaluation(world.applications[0], world.users[0]))
    assert f"Notes\u00a0: {world.users[1]}" in content


def test_recusal_is_offered_only_while_the_jury_may_still_speak(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    sign_in(client, world.chair_user)
    page = reverse("jury_detail", args=[world.jury.pk])
    offers = [reverse("jury_recuse", args=[world.jury.pk, row.pk]) for row in world.applications]

    def offered():
        content = client.get(page).content.decode()
        return [offer in content for offer in offers]

    assert offered() == [True, True]
    deliberation = world.deliberated()
    assert offered() == [False, False]
    world.release(world.prepared(deliberation))
    assert offered() == [False, False]
    services.summon(jury=world.jury, held_at=HELD, place="Paris", at=AT, actor=world.chair_user)
    assert offered() == [False, False]


def test_recusal_is_offered_again_when_a_meeting_may_reopen_the_dossier(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.deliberated()
    services.summon(jury=world.jury, held_at=HELD, place="Paris", at=AT, actor=world.chair_user)
    sign_in(client, world.chair_user)
    content = client.get(reverse("jury_detail", args=[world.jury.pk])).content.decode()
    assert reverse("jury_recuse", args=[world.jury.pk, world.applications[0].pk]) in content


def test_page_of_a_jury_does_not_say_its_name_twice_nor_a_gender(client, db):
    world = JuryWorld(dossiers=1)
    assert world.jury.subtitle() == world.axis.title
    world.jury.name = f"Jury – {world.axis.title}, {world.session.title}"
    assert world.jury.subtitle() == ""
    sign_in(client, world.chair_user)
    content = client.get(reverse("jury_detail", args=[world.jury.pk])).content.decode()
    assert f"{world.chair_user} (préside le jury)" in content
    meeting = world.meet(present=[world.chair])
    content = client.get(reverse("deliberation_detail", args=[meeting.pk])).content.decode()
    assert f"{world.chair_user} (préside le jury)&nbsp;: en séance" in content
    assert Juror.objects.count() == 4


def test_dossier_deliberated_without_my_mark_is_set_apart_and_asks_nothing(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    first, second = world.applications
    user = world.users[0]
    world.submit(world.evaluation(first, user))
    deliberation = world.meet()
    world.opine(deliberation, second)
    world.close(deliberation)
    content = desk(client, user)
    finished, passed = content.split("Délibérés sans votre note", 1)
    assert first.number in finished.split("Remis", 1)[1]
    assert second.number in passed and "Sans note" in passed
    url = reverse("evaluation_page", args=[world.evaluation(second, user).pk])
    answer = client.get(url, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("jury_desk")
    assert "a déjà délibéré" in answer.content.decode()
