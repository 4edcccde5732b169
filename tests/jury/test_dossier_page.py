"""The dossier as the chair and the ministry read it before and after the meeting."""

import re

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jury import services
from jury.models import Evaluation
from tests.factories.accounts import sign_in
from tests.factories.jury import AT, JuryWorld, marks

NOTHING_YET = "Aucune évaluation que vous puissiez lire"


def page_of(client, user, world, application):
    sign_in(client, user)
    return client.get(reverse("jury_dossier", kwargs={"pk": world.jury.pk, "dossier": application.pk}))


def test_chair_reads_the_dossier_then_each_mark_once_handed_in(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    application = world.applications[0]
    before = page_of(client, world.chair_user, world, application)
    assert before.status_code == 200
    assert application.title in before.content.decode()
    assert NOTHING_YET in before.content.decode()
    reader = world.readers(application)[0]
    world.submit(world.evaluation(application, reader), 4)
    after = page_of(client, world.chair_user, world, application).content.decode()
    assert f"Notes : {reader}" in after
    assert "16,00 sur 20" in after
    assert NOTHING_YET not in after


def test_numbers_of_the_jury_pages_open_the_dossier(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    world.submit_all()
    deliberation = world.meet()
    application = world.applications[0]
    link = f'href="{reverse("jury_dossier", kwargs={"pk": world.jury.pk, "dossier": application.pk})}"'
    sign_in(client, world.chair_user)
    for name, arguments in (
        ("jury_detail", {"pk": world.jury.pk}),
        ("jury_ranking", {"pk": world.jury.pk}),
        ("deliberation_detail", {"pk": deliberation.pk}),
        ("deliberation_opinion", {"pk": deliberation.pk, "dossier": application.pk}),
    ):
        assert link in client.get(reverse(name, kwargs=arguments)).content.decode(), name


def test_ministry_reads_marks_without_names_once_the_jury_has_spoken(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    world.submit_all()
    application = world.applications[0]
    assert NOTHING_YET in page_of(client, world.officer, world, application).content.decode()
    meeting = world.meet()
    world.opine(meeting, application)
    world.close(meeting)
    told = page_of(client, world.officer, world, application).content.decode()
    assert "Juré 1&nbsp;:" in told and "Juré 2&nbsp;:" in told
    for reader in world.readers(application):
        assert str(reader) not in told.split("<main")[1]


def test_numbers_of_the_readers_follow_nothing_that_names_them(client, db):
    """The seats list the names in the order of the members: numbers in that order would be names."""
    world = JuryWorld(dossiers=8, jurors=2)
    world.assign()
    for application in world.applications:
        for value, user in enumerate(world.readers(application), start=2):
            world.submit(world.evaluation(application, user), value)
    meeting = world.meet()
    for application in world.applications:
        world.opine(meeting, application, "refused")
    world.close(meeting)
    orders = []
    for application in world.applications:
        told = page_of(client, world.officer, world, application).content.decode()
        shown = re.findall(r"Juré \d&nbsp;: (\d+,\d\d) sur 20", told)
        rows = Evaluation.objects.filter(application=application).order_by("pk").values_list("total", flat=True)
        assert shown == [str(total).replace(".", ",") for total in rows]
        orders.append(shown == sorted(shown))
    assert set(orders) == {True, False}


def test_mark_of_a_reader_who_has_left_since_is_told_as_such(client, db):
    world = JuryWorld(dossiers=1, jurors=3)
    world.assign()
    world.submit_all()
    application = world.applications[0]
    meeting = world.meet()
    world.opine(meeting, application)
    world.close(meeting)
    said = "Ce lecteur s’est déporté depuis"
    assert said not in page_of(client, world.chair_user, world, application).content.decode()
    leaver = next(user for user in world.readers(application) if user != world.chair_user)
    services.recuse(juror=world.juror(leaver), application=application, reason="", at=AT, actor=leaver)
    told = page_of(client, world.chair_user, world, application).content.decode()
    assert told.count(said) == 1


def test_whoever_left_the_dossier_or_only_reads_another_finds_nothing(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    application = world.applications[0]
    assert page_of(client, world.readers(application)[0], world, application).status_code == 404
    services.recuse(juror=world.chair, application=application, reason="", at=AT, actor=world.chair_user)
    chair = type(world.chair_user).objects.get(pk=world.chair_user.pk)
    assert page_of(client, chair, world, application).status_code == 404


def test_dossier_of_the_jury_says_nothing_of_the_bank(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    application = world.applications[0]
    type(application).objects.filter(pk=application.pk).update(
        iban="FR7630001007941234567890185", bank_holder="Trésorerie"
    )
    text = page_of(client, world.chair_user, world, application).content.decode()
    assert application.title in text
    assert "FR76" not in text and "Trésorerie" not in text


def test_only_members_who_may_read_the_dossier_are_offered_with_their_load(client, db):
    world = JuryWorld(dossiers=2, jurors=4)
    world.assign()
    application = world.applications[0]
    reading = {world.juror(user).pk for user in world.readers(application)}
    gone, kept = world.jury.jurors.exclude(pk__in=[*reading, world.chair.pk]).order_by("pk")
    services.recuse(juror=gone, application=application, reason="Ancien agent", at=AT, actor=world.chair_user)
    url = reverse("seat_add", kwargs={"pk": world.jury.pk, "dossier": application.pk})
    sign_in(client, world.chair_user)
    form = client.get(url).context["form"]
    load = kept.evaluations.count()
    assert dict(form.fields["new"].choices[1:]) == {
        kept.pk: f"{kept.user}, {load} dossier{'s' * (load > 1)} sur {kept.load_max}"
    }
    refused = client.post(url, {"new": gone.pk}).content.decode()
    assert "choisissez dans la liste" in refused
    assert not gone.evaluations.filter(application=application).exists()
    kept.load_max = load
    kept.save()
    assert "Aucun membre ne peut lire ce dossier de plus" in client.get(url).content.decode()


def test_chair_who_reads_too_waits_for_nothing_but_their_own_evaluation(client, db):
    world = JuryWorld(dossiers=1, jurors=3)
    world.assign()
    application = world.applications[0]
    reader = world.readers(application)[0]
    type(world.chair).objects.filter(pk=world.chair.pk).update(load_max=5)
    world.chair.refresh_from_db()
    services.seat_juror(jury=world.jury, application=application, juror=world.chair, at=AT, actor=world.officer)
    world.submit(world.evaluation(application, reader), 4)
    own = world.evaluation(application, world.chair_user)
    undeclared = page_of(client, world.chair_user, world, application)
    assert undeclared.url == reverse("evaluation_page", kwargs={"pk": own.pk})
    client.post(reverse("evaluation_declare", kwargs={"pk": own.pk}))
    before = page_of(client, world.chair_user, world, application).content.decode()
    assert NOTHING_YET in before
    assert "Notes : " not in before
    own.refresh_from_db()
    services.submit_evaluation(
        evaluation=own, marks=marks(3), comment="", version=own.version, at=AT, actor=world.chair_user, key="k"
    )
    after = page_of(client, world.chair_user, world, application).content.decode()
    assert "16,00 sur 20" in after and "12,00 sur 20" in after


def test_choice_of_one_more_reader_costs_the_same_whatever_the_size_of_the_jury(client, db):
    costs, offered = [], []
    for size in (2, 4, 30):
        world = JuryWorld(dossiers=1, jurors=size)
        world.assign()
        url = reverse("seat_add", kwargs={"pk": world.jury.pk, "dossier": world.applications[0].pk})
        sign_in(client, world.chair_user)
        with CaptureQueriesContext(connection) as asked:
            offered.append(len(client.get(url).context["possible"]))
        costs.append(len(asked))
    assert costs[0] == costs[1] == costs[2], costs
    assert offered[0] < offered[1] < offered[2]


def test_member_of_the_same_house_as_a_reader_is_not_offered(client, db):
    world = JuryWorld(dossiers=1, jurors=3)
    world.assign()
    application = world.applications[0]
    readers = [world.juror(user) for user in world.readers(application)]
    free = world.jury.jurors.exclude(pk__in=[row.pk for row in (*readers, world.chair)]).get()
    url = reverse("seat_add", kwargs={"pk": world.jury.pk, "dossier": application.pk})
    sign_in(client, world.chair_user)
    assert [row.pk for row, _ in client.get(url).context["possible"]] == [free.pk]
    type(free).objects.filter(pk=readers[0].pk).update(organisation_name="Université ")
    type(free).objects.filter(pk=free.pk).update(organisation_name="université")
    assert "vient du même organisme" in client.get(url).content.decode()


def test_second_tab_that_adds_a_reader_too_is_told_that_the_readers_changed(client, db):
    world = JuryWorld(dossiers=1, jurors=4)
    world.assign()
    application = world.applications[0]
    url = reverse("seat_add", kwargs={"pk": world.jury.pk, "dossier": application.pk})
    sign_in(client, world.chair_user)
    form = client.get(url).context["form"]
    first, second = [pk for pk, _ in form.fields["new"].choices[1:]]
    shown = {"readers": form["readers"].value()}
    client.post(url, {"new": first, **shown})
    again = client.post(url, {"new": second, **shown}, follow=True)
    assert again.redirect_chain == [(url, 302)]
    assert again.content.decode().count("Les lecteurs de ce dossier ont changé") == 1
    assert len(world.readers(application)) == 3
    client.post(url, {"new": second, "readers": again.context["form"]["readers"].value()})
    assert len(world.readers(application)) == 4
