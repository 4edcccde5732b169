"""What waits for a person is listed on their home page; a form's address opened by hand says what it is."""

import pytest
from django.urls import reverse

from core.navigation import counted, waiting_for
from tests.factories.accounts import sign_in
from tests.factories.jury import JuryWorld
from tests.factories.territories import AffiliationFactory


def test_counted_says_nothing_of_nothing():
    assert (counted(0, "dossier", "dossiers"), counted(1, "dossier", "dossiers")) == ("", "1\u00a0dossier")
    assert counted(3, "dossier", "dossiers") == "3\u00a0dossiers"


def test_home_lists_what_waits_for_each(client, db):
    world = JuryWorld(dossiers=3, jurors=2)
    world.assign()
    juror = world.users[0]
    world.submit(world.evaluation(world.applications[0], juror))
    assert [link.label for link in waiting_for(juror)] == ["2\u00a0dossiers à évaluer"]
    sign_in(client, juror)
    page = client.get("/").content.decode()
    assert "Ce qui vous attend" in page
    assert f'<a href="{reverse("jury_desk")}">2\u00a0dossiers à évaluer</a>' in page
    sign_in(client, AffiliationFactory().user)
    assert "Ce qui vous attend" not in client.get("/").content.decode()


def test_releaser_is_told_of_a_prepared_list(db):
    world = JuryWorld(dossiers=2)
    assert waiting_for(world.releaser) == []
    world.prepared()
    assert [link.label for link in waiting_for(world.releaser)] == ["1\u00a0liste de décisions à libérer"]
    assert waiting_for(world.officer) == []


@pytest.mark.parametrize("method", ["get", "head"])
def test_address_of_a_form_opened_by_hand_is_explained(client, db, method):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    sign_in(client, world.users[0])
    evaluation = world.evaluation(world.applications[0], world.users[0])
    answer = getattr(client, method)(reverse("evaluation_submit", kwargs={"pk": evaluation.pk}))
    assert answer.status_code == 405
    assert ("Cette adresse reçoit un formulaire" in answer.content.decode()) == (method == "get")
    assert answer["Allow"] == "POST"
