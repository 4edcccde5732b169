"""Every page of the jury: it opens, says what to do next, and costs the same with 1, 3 and 30 rows."""

import hashlib
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core import files, outbox
from core.models import JournalEntry, StoredFile
from jury import services
from jury.enums import Outcome
from tests.factories.accounts import code_of, sign_in
from tests.factories.jury import DECIDED, JuryWorld
from tests.jury.pages import form_data, hidden

PARIS = ZoneInfo("Europe/Paris")


def get(client, name, **kwargs):
    return client.get(reverse(name, kwargs=kwargs))


def page(client, user, name, **kwargs):
    sign_in(client, user)
    response = get(client, name, **kwargs)
    assert response.status_code == 200, (name, response.status_code)
    return response.content.decode()


def test_desk_without_dossier_says_so(client, db):
    world = JuryWorld(dossiers=1)
    assert "Aucun dossier ne vous attend" in page(client, world.users[0], "jury_desk")


def test_desk_shows_progress_and_the_next_dossier(client, db):
    world = JuryWorld(dossiers=3, jurors=2)
    world.assign()
    world.submit(world.evaluation(world.applications[0], world.users[0]))
    content = page(client, world.users[0], "jury_desk")
    assert "1 sur 3" in content
    assert "2 dossiers à évaluer" in content
    assert world.applications[2].number in content


def test_evaluation_asks_the_conflict_first_and_shows_nothing_of_the_project(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.applications[0].summary = "Un résumé confidentiel"
    world.applications[0].save()
    world.assign()
    evaluation = world.evaluation(world.applications[0], world.users[0])
    content = page(client, world.users[0], "evaluation_page", pk=evaluation.pk)
    assert "Quelque chose vous lie‑t‑il" in content
    assert "Un résumé confidentiel" not in content
    response = client.post(reverse("evaluation_declare", kwargs={"pk": evaluation.pk}), follow=True)
    assert "Un résumé confidentiel" in response.content.decode()
    assert "sans point de départ" not in response.content.decode()
    assert "Le bénéfice est affirmé" in response.content.decode()


def test_evaluation_is_saved_then_handed_in_by_the_pages(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    user = world.users[0]
    evaluation = world.evaluation(world.applications[0], user)
    sign_in(client, user)
    client.post(reverse("evaluation_declare", kwargs={"pk": evaluation.pk}))
    saved = client.post(
        reverse("evaluation_save", kwargs={"pk": evaluation.pk}), form_data(evaluation, mark_benefice="")
    )
    assert saved.status_code == 302
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.scores.count()) == ("draft", 5)
    review = reverse("evaluation_review", kwargs={"pk": evaluation.pk})
    short = client.post(review, form_data(evaluation, mark_benefice=""))
    assert "Donnez une note sur" in short.content.decode()
    evaluation.refresh_from_db()
    assert evaluation.state == "draft"
    empty = client.post(review, form_data(evaluation, mark="", mark_benefice="3"))
    codes = set(evaluation.juror.jury.grid.criteria.values_list("code", flat=True)) - {"benefice"}
    errors = empty.context["form"].errors
    assert set(errors) == {f"mark_{code}" for code in codes}
    assert all("Donnez une note sur" in errors[name][0] for name in errors)
    evaluation.refresh_from_db()
    # What was marked is kept, and the page says so: only handing in asks for all of it.
    assert (evaluation.state, evaluation.scores.count()) == ("draft", 1)
    assert "Ce que vous avez noté est enregistré" in empty.content.decode()
    assert "Rien n’a été enregistré" not in empty.content.decode()
    assert hidden(empty)["version"] == str(evaluation.version)
    assert client.get(review).url == reverse("evaluation_page", kwargs={"pk": evaluation.pk})
    shown = client.post(review, form_data(evaluation, mark_benefice="sans-avis", comment="Bien mesuré."), follow=True)
    content = shown.content.decode()
    assert "12,00 sur 20" in content and "Bien mesuré." in content and "sans avis" in content
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.total) == ("draft", None)
    done = client.post(reverse("evaluation_submit", kwargs={"pk": evaluation.pk}), hidden(shown), follow=True)
    assert "12,00 sur 20" in done.content.decode()
    # The dossier may still be read once it is evaluated.
    assert "Relire le dossier" in done.content.decode() and "Population couverte" in done.content.decode()
    # Weights 25 of 100 without opinion: renormalised, and said.
    assert "25\u00a0% du barème est sans avis" in done.content.decode()
    evaluation.refresh_from_db()
    assert evaluation.state == "submitted"
    # A double press of the same button is told once, and changes nothing; the recap has nothing more to show.
    client.post(reverse("evaluation_submit", kwargs={"pk": evaluation.pk}), hidden(shown))
    again = client.post(reverse("evaluation_submit", kwargs={"pk": evaluation.pk}), hidden(shown), follow=True)
    assert [str(message) for message in again.context["messages"]] == ["Évaluation remise. Merci."]
    assert client.get(review).status_code == 302
    assert type(evaluation).objects.get(pk=evaluation.pk).version == evaluation.version


def test_recap_older_than_the_draft_hands_nothing_in_and_shows_the_draft(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    evaluation = world.evaluation(world.applications[0], world.users[0])
    sign_in(client, world.users[0])
    client.post(reverse("evaluation_declare", kwargs={"pk": evaluation.pk}))
    shown = client.post(reverse("evaluation_review", kwargs={"pk": evaluation.pk}), form_data(evaluation), follow=True)
    evaluation.refresh_from_db()
    client.post(reverse("evaluation_save", kwargs={"pk": evaluation.pk}), form_data(evaluation, mark="5"))
    refused = client.post(reverse("evaluation_submit", kwargs={"pk": evaluation.pk}), hidden(shown), follow=True)
    assert "rien n’est remis" in refused.content.decode()
    assert "20,00 sur 20" in refused.content.decode()
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.total) == ("draft", None)


def test_stale_form_keeps_what_was_typed_and_changes_nothing(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.assign()
    user = world.users[0]
    evaluation = world.evaluation(world.applications[0], user)
    sign_in(client, user)
    client.post(reverse("evaluation_declare", kwargs={"pk": evaluation.pk}))
    client.post(reverse("evaluation_save", kwargs={"pk": evaluation.pk}), form_data(evaluation))
    stale = client.post(
        reverse("evaluation_save", kwargs={"pk": evaluation.pk}), form_data(evaluation, comment="Phrase tapée")
    )
    content = stale.content.decode()
    assert "enregistrée entre-temps" in content
    assert f'href="{reverse("evaluation_page", kwargs={"pk": evaluation.pk})}" target="_blank"' in content
    assert "Phrase tapée" in content
    evaluation.refresh_from_db()
    assert evaluation.comment == ""


def pages_of(world, deliberation, created):
    """Every list page with its readers."""
    run = world.jury.assignment_runs.first()
    evaluation = world.evaluation(world.applications[0], world.readers(world.applications[0])[0])
    return [
        (evaluation.juror.user, "jury_desk", {}),
        (evaluation.juror.user, "evaluation_page", {"pk": evaluation.pk}),
        (world.chair_user, "jury_detail", {"pk": world.jury.pk}),
        (world.officer, "jury_detail", {"pk": world.jury.pk}),
        (world.chair_user, "assignment_run", {"pk": run.pk}),
        (world.chair_user, "jury_ranking", {"pk": world.jury.pk}),
        (world.chair_user, "ranking_export", {"pk": world.jury.pk}),
        (world.officer, "jury_ranking", {"pk": world.jury.pk}),
        (world.chair_user, "deliberation_detail", {"pk": deliberation.pk}),
        (world.officer, "decision_index", {}),
        (world.officer, "decision_list_detail", {"pk": created.pk}),
        (world.officer, "decision_list_export", {"pk": created.pk}),
    ]


def cost(client, user, name, kwargs):
    sign_in(client, user)
    with CaptureQueriesContext(connection) as queries:
        response = get(client, name, **kwargs)
        if response.streaming:
            b"".join(response.streaming_content)
    assert response.status_code == 200, name
    return len(queries)


def test_pages_cost_the_same_with_1_3_and_30_rows(client, db):
    costs = []
    for size in (1, 3, 30):
        world = JuryWorld(dossiers=size, jurors=2, amount="1000000.00")
        deliberation = world.deliberated_in_bulk()
        created = services.prepare_list(deliberation=deliberation, title="Lauréats", at=DECIDED, actor=world.officer)
        costs.append(
            [(name, cost(client, user, name, kwargs)) for user, name, kwargs in pages_of(world, deliberation, created)]
        )
    assert costs[0] == costs[1] == costs[2]


def test_open_deliberation_pages_cost_the_same_with_1_3_and_30_rows(client, db):
    costs = []
    for size in (1, 3, 30):
        world = JuryWorld(dossiers=size, jurors=2, amount="1000000.00")
        world.assign()
        world.submit_all([5])
        deliberation = world.meet()
        sign_in(client, world.chair_user)
        assert len(get(client, "deliberation_block", pk=deliberation.pk).context["lines"]) == size
        assert len(get(client, "deliberation_detail", pk=deliberation.pk).context["lines"]) == size
        names = ("deliberation_detail", "deliberation_block")
        costs.append([cost(client, world.chair_user, name, {"pk": deliberation.pk}) for name in names])
    assert costs[0] == costs[1] == costs[2]


def test_missing_readers_are_counted_until_the_jury_has_spoken(client, db):
    world = JuryWorld(dossiers=2, jurors=1, per_dossier=3, amount="1000000.00")
    sign_in(client, world.chair_user)
    before = get(client, "jury_detail", pk=world.jury.pk)
    assert (before.context["missing"], before.context["to_examine"]) == (6, 2)
    assert before.content.decode().count("Il manque") == 2
    world.deliberated_in_bulk()
    after = get(client, "jury_detail", pk=world.jury.pk)
    assert (after.context["missing"], after.context["to_examine"]) == (0, 0)
    assert "Il manque" not in after.content.decode()


def test_the_whole_meeting_by_the_pages(client, db):
    world = JuryWorld(dossiers=3, amount="20000.00")
    world.assign()
    world.submit_all()
    sign_in(client, world.chair_user)
    summons = client.post(
        reverse("deliberation_summon", kwargs={"pk": world.jury.pk}),
        {"held_at": datetime(2021, 1, 1, 10, tzinfo=PARIS).strftime("%Y-%m-%dT%H:%M"), "place": "Paris"},
    )
    assert "cinq jours au moins" in summons.content.decode()
    deliberation = world.meet()
    opinion_url = reverse("deliberation_opinion", kwargs={"pk": deliberation.pk, "dossier": world.applications[0].pk})
    assert "rang 1" in client.get(opinion_url).content.decode()
    data = {"outcome": "awarded", "amount": "10 000,00", "motive": "", "casting_vote": ""}
    assert client.post(opinion_url, data).status_code == 302
    refused = client.post(
        reverse("deliberation_opinion", kwargs={"pk": deliberation.pk, "dossier": world.applications[2].pk}),
        data,
    )
    assert "Motivez cet avis" in refused.content.decode()
    block_url = reverse("deliberation_block", kwargs={"pk": deliberation.pk})
    shown = re.search(r'name="shown" value="([0-9a-f]{64})"', client.get(block_url).content.decode())
    block = client.post(
        block_url, {"below": "refused", "motive": "Au-delà de l’enveloppe.", "shown": shown[1] if shown else ""}
    )
    assert block.status_code == 302
    outcomes = dict(deliberation.opinions.values_list("application_id", "outcome"))
    assert [outcomes[row.pk] for row in world.applications] == ["awarded", "awarded", "refused"]
    close_url = reverse("deliberation_close", kwargs={"pk": deliberation.pk})
    closed = client.post(close_url, {"shown": client.get(close_url).context["sha256"]}, follow=True)
    assert "en cours d’édition" in closed.content.decode()


def test_release_by_the_page_needs_a_code_and_shows_the_result(client, db):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    sign_in(client, world.releaser)
    url = reverse("decision_list_release", kwargs={"pk": prepared.pk})
    content = client.get(url).content.decode()
    assert "20\u202f000,00" in content
    key, shown = "6a2f41a3-c54c-4b06-9b2f-1f2b5f6d7a11", services.list_digest(prepared)
    wrong = client.post(url, {"confirmation_code": "000000", "idempotency_key": key, "shown": shown})
    assert "n&#x27;est pas le bon" in wrong.content.decode() or "n’est pas le bon" in wrong.content.decode()
    prepared.refresh_from_db()
    assert prepared.state == "prepared"
    data = {"confirmation_code": code_of(world.releaser), "idempotency_key": key, "shown": shown}
    done = client.post(url, data, follow=True)
    assert "est libérée" in done.content.decode()
    prepared.refresh_from_db()
    assert prepared.state == "released"


def test_overspend_by_the_page_says_what_is_left(client, db):
    world = JuryWorld(dossiers=2, amount="15000.00")
    prepared = world.prepared()
    sign_in(client, world.releaser)
    url = reverse("decision_list_release", kwargs={"pk": prepared.pk})
    key = "6a2f41a3-c54c-4b06-9b2f-1f2b5f6d7a12"
    shown = services.list_digest(prepared)
    data = {"confirmation_code": code_of(world.releaser), "idempotency_key": key, "shown": shown}
    answer = client.post(url, data)
    assert "Il reste 15\u202f000,00" in answer.content.decode()
    prepared.refresh_from_db()
    assert prepared.state == "prepared"


def test_decision_pages_by_the_officer(client, db):
    world = JuryWorld(dossiers=2)
    deliberation = world.deliberated([Outcome.AWARDED, Outcome.WAITLISTED])
    sign_in(client, world.officer)
    assert "2 dossiers sans décision" in get(client, "decision_index").content.decode()
    created = client.post(
        reverse("decision_list_prepare", kwargs={"pk": deliberation.pk}), {"title": "Lauréats"}, follow=True
    )
    assert "Lauréats" in created.content.decode()
    decision_list = deliberation.decision_lists.get()
    row = decision_list.decisions.first()
    edit = reverse("decision_edit", kwargs={"pk": decision_list.pk, "decision": row.pk})
    assert client.get(edit).status_code == 200
    bad = client.post(edit, {"outcome": "awarded", "amount": "8 000", "motive": "", "version": decision_list.version})
    assert "Motivez cette décision" in bad.content.decode()
    good = client.post(
        edit, {"outcome": "awarded", "amount": "8 000", "motive": "Un poste.", "version": decision_list.version}
    )
    assert good.status_code == 302
    decision_list.refresh_from_db()
    proposed = client.post(
        reverse("decision_list_propose", kwargs={"pk": decision_list.pk}), {"version": decision_list.version}
    )
    assert proposed.status_code == 302
    decision_list.refresh_from_db()
    assert decision_list.state == "prepared"
    client.post(reverse("decision_list_reopen", kwargs={"pk": decision_list.pk}))
    cancel = reverse("decision_list_cancel", kwargs={"pk": decision_list.pk})
    assert client.get(cancel).status_code == 200
    client.post(cancel, {"reason": "Erreur de séance."})
    decision_list.refresh_from_db()
    assert decision_list.state == "cancelled"


def test_minutes_are_written_by_the_worker_and_downloaded(client, transactional_db):
    world = JuryWorld(dossiers=2)
    deliberation = world.deliberated()
    assert outbox.deliver_all() > 0
    deliberation.refresh_from_db()
    assert deliberation.minutes_file is not None
    sign_in(client, world.chair_user)
    response = get(client, "deliberation_minutes", pk=deliberation.pk)
    assert response.content.startswith(b"%PDF")
    assert deliberation.minutes_number in response["Content-Disposition"]


def test_minutes_are_stored_outside_any_transaction(transactional_db, monkeypatch):
    from jury.tasks import write_minutes

    world = JuryWorld(dossiers=1, jurors=2)
    deliberation = world.deliberated()
    inside, store = [], files.store

    def watched(**fields):
        inside.append(connection.in_atomic_block)
        return store(**fields)

    monkeypatch.setattr(files, "store", watched)
    write_minutes({"deliberation": deliberation.pk})
    deliberation.refresh_from_db()
    assert inside == [False]
    assert deliberation.minutes_file is not None


def test_minutes_attached_by_another_worker_meanwhile_stay(transactional_db, monkeypatch):
    from jury.tasks import write_minutes

    world = JuryWorld(dossiers=1, jurors=2)
    deliberation = world.deliberated()
    store = files.store

    def slow(**fields):
        monkeypatch.setattr(files, "store", store)
        write_minutes({"deliberation": deliberation.pk})
        return store(**fields)

    monkeypatch.setattr(files, "store", slow)
    write_minutes({"deliberation": deliberation.pk})
    first = type(deliberation).objects.get(pk=deliberation.pk).minutes_file
    assert first is not None
    assert StoredFile.objects.filter(kind="jury.minutes").count() == 2
    assert first.pk == StoredFile.objects.filter(kind="jury.minutes").earliest("created_at").pk


def test_second_delivery_of_the_minutes_changes_nothing(transactional_db):
    from jury.tasks import write_minutes

    world = JuryWorld(dossiers=1, jurors=2)
    deliberation = world.deliberated()
    write_minutes({"deliberation": deliberation.pk})
    deliberation.refresh_from_db()
    first = deliberation.minutes_file_id
    kept = files.read(deliberation.minutes_file)
    written = JournalEntry.objects.filter(action="jury.minutes_written")
    assert [entry.data["sha256"] for entry in written] == [hashlib.sha256(kept).hexdigest()]
    write_minutes({"deliberation": deliberation.pk})
    deliberation.refresh_from_db()
    assert deliberation.minutes_file_id == first
    assert written.count() == 1
