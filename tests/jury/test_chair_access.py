"""A dossier that becomes admissible after the jury was seated exists for its chair, unless they left it."""

import pytest
from django.urls import reverse

from applications.enums import AccessSource
from applications.hooks import on_admissible
from applications.models import Access, Application
from applications.services import declare_admissible
from calls.enums import MandateRole
from jury import services
from jury.permissions import hides_dossiers, reads_every_mark
from jury.services.base import open_to_chair
from tests.factories.accounts import sign_in
from tests.factories.budget import make_applications, make_axis
from tests.factories.jury import AT, HELD, JuryWorld
from tests.factories.territories import AffiliationFactory


def late_dossier(world, **fields):
    (application,) = make_applications(world.axis, 1, theme=world.theme, departement_code="35", **fields)
    return application


def chair_of(world):
    """Asked again: what a person may see is kept for the time of a request."""
    return type(world.chair_user).objects.get(pk=world.chair_user.pk)


def opened(world, application):
    rows = Access.objects.filter(user=world.chair_user, application=application, source=AccessSource.CHAIR)
    return rows.exists()


def test_dossier_declared_admissible_later_opens_to_the_chair(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    application = late_dossier(world, state="submitted")
    assert not Application.objects.visible_to(world.chair_user).filter(pk=application.pk).exists()
    declare_admissible(application=application, user=world.agent(MandateRole.SCREENER), at=AT)
    chair = chair_of(world)
    assert Application.objects.visible_to(chair).filter(pk=application.pk).exists()
    assert not hides_dossiers(chair, world.jury)
    sign_in(client, chair)
    page = client.get(reverse("jury_detail", kwargs={"pk": world.jury.pk})).content.decode()
    assert application.number in page


def test_summons_open_what_was_opened_to_nobody_yet(db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    world.submit_all()
    application = late_dossier(world)
    assert hides_dossiers(chair_of(world), world.jury)
    world.meet()
    assert opened(world, application)
    assert not hides_dossiers(chair_of(world), world.jury)
    assert reads_every_mark(chair_of(world), world.jury)


@pytest.mark.parametrize("opening", ["hook", "summons", "proposal"])
def test_chair_who_left_the_dossier_or_acts_for_its_applicant_is_given_nothing(db, opening):
    world = JuryWorld(dossiers=1, jurors=2)
    left, own, plain = (late_dossier(world) for _ in range(3))
    services.recuse(juror=world.chair, application=left, reason="", at=AT, actor=world.chair_user)
    AffiliationFactory(user=world.chair_user, organisation=own.organisation)
    if opening == "hook":
        for application in (left, own, plain):
            open_to_chair(application, AT)
    elif opening == "summons":
        services.summon(jury=world.jury, held_at=HELD, place="Paris", at=AT, actor=world.officer)
    else:
        services.propose_assignment(jury=world.jury, at=AT, actor=world.officer)
    assert [opened(world, row) for row in (left, own, plain)] == [False, False, True]
    assert hides_dossiers(chair_of(world), world.jury)


def test_dossier_of_a_session_without_jury_opens_to_nobody(db):
    world = JuryWorld(dossiers=1, jurors=1)
    before = Access.objects.count()
    (application,) = make_applications(make_axis(world.call), 1)
    open_to_chair(application, AT)
    assert Access.objects.count() == before


def test_the_room_follows_the_screening():
    assert open_to_chair in on_admissible
