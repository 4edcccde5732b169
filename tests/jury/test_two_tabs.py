"""The same evaluation open in two tabs, or left open while the jury decides."""

from django.urls import reverse

from tests.factories.accounts import sign_in
from tests.factories.jury import JuryWorld
from tests.jury.pages import form_data, hidden

NEW_KEY = "0a56b0a1-2a53-4a35-8f5b-1f7f8a1b2c3e"
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


def test_grid_left_open_until_the_decision_keeps_the_text_too(client, db):
    world, evaluation = begun(client)
    pk = {"pk": evaluation.pk}
    world.submit(world.evaluation(world.applications[0], world.readers(world.applications[0])[1]), 3)
    meeting = world.meet()
    world.opine(meeting, world.applications[0])
    world.release(world.prepared(world.close(meeting)))
    assert client.get(reverse("evaluation_page", kwargs=pk)).status_code == 404
    for name in ("evaluation_save", "evaluation_review"):
        answer = client.post(reverse(name, kwargs=pk), form_data(evaluation, comment="Phrase tapée trop tard"))
        assert answer.status_code == 200, name
        content = answer.content.decode()
        assert "Phrase tapée trop tard" in content and "Relire et remettre</button>" not in content, name
    for name in ("evaluation_submit", "evaluation_declare"):
        told = client.post(reverse(name, kwargs=pk), {"version": "1", "idempotency_key": NEW_KEY}, follow=True)
        assert told.redirect_chain == [(reverse("jury_desk"), 302)], name
        # What was declared already is declared: only the hand-in is refused.
        levels = [message.level_tag for message in told.context["messages"]]
        assert levels == (["error"] if name == "evaluation_submit" else []), name
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.comment) == ("assigned", "")


def test_grid_closed_before_anything_was_written_does_not_speak_of_a_text(client, db):
    world, evaluation = begun(client)
    other = world.readers(world.applications[0])[1]
    world.submit(world.evaluation(world.applications[0], other), 3)
    meeting = world.meet()
    world.opine(meeting, world.applications[0])
    world.close(meeting)
    content = client.get(reverse("evaluation_page", kwargs={"pk": evaluation.pk})).content.decode()
    assert "Le jury a déjà délibéré" in content
    assert "Ce que vous aviez écrit" not in content
