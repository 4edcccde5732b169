"""The same evaluation open in two tabs, or left open while the jury decides."""

from django.urls import reverse

from tests.factories.accounts import sign_in
from tests.factories.jury import JuryWorld
from tests.jury.pages import form_data, hidden

HANDED_IN = "Cette évaluation est déjà remise, peut-être depuis un autre onglet"


def begun(client):
    """A juror's evaluation, past the declaration."""
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    evaluation = world.evaluation(world.applications[0], world.users[0])
    sign_in(client, world.users[0])
    client.post(reverse("evaluation_declare", kwargs={"pk": evaluation.pk}))
    return world, evaluation


def test_grid_of_an_evaluation_handed_in_elsewhere_leads_to_what_was_handed_in(client, db):
    _, evaluation = begun(client)
    pk = {"pk": evaluation.pk}
    shown = client.post(reverse("evaluation_review", kwargs=pk), form_data(evaluation), follow=True)
    client.post(reverse("evaluation_submit", kwargs=pk), hidden(shown))
    late = {**hidden(shown), "idempotency_key": "0a56b0a1-2a53-4a35-8f5b-1f7f8a1b2c3d"}
    for name, data in (
        ("evaluation_save", form_data(evaluation, mark="5")),
        ("evaluation_review", form_data(evaluation, mark="5")),
        ("evaluation_submit", late),
    ):
        told = client.post(reverse(name, kwargs=pk), data, follow=True)
        assert told.redirect_chain == [(reverse("evaluation_page", kwargs=pk), 302)], name
        content = told.content.decode()
        assert content.count(HANDED_IN) == 1, name
        assert "12,00 sur 20" in content and "<textarea" not in content, name
    evaluation.refresh_from_db()
    assert str(evaluation.total) == "12.00"


def test_grid_left_open_until_the_jury_has_spoken_keeps_the_text_and_offers_no_button(client, db):
    world, evaluation = begun(client)
    pk = {"pk": evaluation.pk}
    page = client.get(reverse("evaluation_page", kwargs=pk)).content.decode()
    assert "Relire et remettre</button>" in page
    world.submit(world.evaluation(world.applications[0], world.readers(world.applications[0])[1]), 3)
    meeting = world.meet()
    world.opine(meeting, world.applications[0])
    world.close(meeting)
    for name in ("evaluation_save", "evaluation_review"):
        content = client.post(
            reverse(name, kwargs=pk), form_data(evaluation, comment="Phrase tapée trop tard")
        ).content.decode()
        assert "Phrase tapée trop tard" in content, name
        assert content.count("Le jury a déjà délibéré sur ce dossier") == 1, name
        assert "Relire et remettre</button>" not in content, name
        assert "une correction" not in content.lower(), name
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.comment) == ("assigned", "")
