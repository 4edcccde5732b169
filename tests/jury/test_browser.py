"""The jury's pages in a browser: a juror reads and marks, the chair deliberates, the ministry releases."""

from datetime import timedelta

import pytest
from django.urls import reverse

from calls.models import Session
from jury import services
from jury.enums import Outcome
from jury.models import Jury
from tests.browser.support import check_page
from tests.factories.accounts import AgentFactory, code_of, sign_in
from tests.factories.budget import AT
from tests.factories.jury import DECIDED, JuryWorld

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def signed_in(visit, client, live_server):
    """Opens an address as this person: the session is made by the test client, not typed at the door."""

    def go(user, name, **kwargs):
        sign_in(client, user)
        path = reverse(name, kwargs=kwargs) if "/" not in name else name
        page = visit("/accessibilite/") if not go.pages else go.pages[0]
        go.pages[:] = [page]
        page.context.add_cookies(
            [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
        )
        page.goto(live_server.url + path, wait_until="load")
        return page

    go.pages = []
    return go


def test_juror_declares_marks_and_hands_in(signed_in, transactional_db):
    world = JuryWorld(dossiers=3, jurors=2)
    user = world.users[0]
    page = signed_in(user, "jury_desk")
    check_page(page, "jury-desk-empty")
    world.assign()
    page = signed_in(user, "jury_desk")
    check_page(page, "jury-desk")
    page.get_by_role("link", name="Ouvrir le prochain dossier").click()
    check_page(page, "jury-declare")
    page.get_by_role("button", name="Rien ne me lie").click()
    check_page(page, "jury-evaluate")
    page.get_by_role("button", name="Relire et remettre").click()
    check_page(page, "jury-evaluate-errors")
    for group in page.locator("fieldset").all():
        if group.locator("input[type=radio][value='4']").count():
            group.locator("input[type=radio][value='4']").check(force=True)
    page.get_by_role("button", name="Relire et remettre").click()
    check_page(page, "jury-evaluation-review")
    page.get_by_role("button", name="Remettre mon évaluation").click()
    check_page(page, "jury-evaluation-submitted")
    page.get_by_role("link", name="Je découvre un lien").click()
    check_page(page, "jury-recuse")


def test_chair_assigns_ranks_and_deliberates(signed_in, transactional_db):
    world = JuryWorld(dossiers=6, jurors=4, amount="35000.00")
    page = signed_in(world.chair_user, "jury_detail", pk=world.jury.pk)
    page.get_by_role("button", name="Proposer une affectation").click()
    check_page(page, "jury-assignment")
    page.get_by_role("link", name="Modifier le jury").first.click()
    check_page(page, "jury-assignment-change")
    page.go_back()
    page.get_by_role("button", name="Confirmer cette affectation").click()
    world.submit_all()
    hidden = world.applications[5]
    gone = world.readers(hidden)[0]
    services.recuse(juror=world.juror(gone), application=hidden, reason="Ancien employeur", at=DECIDED, actor=gone)
    page = signed_in(world.chair_user, "jury_detail", pk=world.jury.pk)
    check_page(page, "jury-detail")
    page.get_by_role("link", name="Affecter un juré").first.click()
    check_page(page, "jury-seat")
    ranking = reverse("jury_ranking", kwargs={"pk": world.jury.pk})
    page = signed_in(world.chair_user, f"{ranking}?plancher=1&correction=oui")
    check_page(page, "jury-ranking")
    page = signed_in(world.chair_user, "deliberation_summon", pk=world.jury.pk)
    check_page(page, "jury-summon")
    deliberation = world.meet()
    page = signed_in(world.chair_user, "deliberation_detail", pk=deliberation.pk)
    check_page(page, "jury-deliberation-open")
    for name in ("deliberation_attendance", "deliberation_block"):
        page = signed_in(world.chair_user, name, pk=deliberation.pk)
        check_page(page, f"jury-{name}")
    page = signed_in(world.chair_user, "deliberation_opinion", pk=deliberation.pk, dossier=world.applications[0].pk)
    check_page(page, "jury-opinion")
    for position, application in enumerate(world.applications):
        world.opine(deliberation, application, Outcome.AWARDED if position < 3 else Outcome.WAITLISTED)
    page = signed_in(world.chair_user, "deliberation_detail", pk=deliberation.pk)
    page.get_by_role("link", name="Relire et clore la délibération").click()
    check_page(page, "jury-deliberation-closing")
    page.get_by_role("button", name="Clore la délibération").click()
    check_page(page, "jury-deliberation-closed")
    page = signed_in(world.chair_user, "jury_index")
    check_page(page, "jury-index")


def test_ministry_prepares_and_another_person_releases(signed_in, transactional_db):
    world = JuryWorld(dossiers=4)
    deliberation = world.deliberated([Outcome.AWARDED, Outcome.AWARDED, Outcome.WAITLISTED, Outcome.REFUSED])
    page = signed_in(world.officer, "decision_index")
    check_page(page, "decision-index")
    page.get_by_role("link", name="Préparer une liste").click()
    page.get_by_label("Intitulé de la liste").fill("Lauréats de la première relève")
    check_page(page, "decision-prepare")
    page.get_by_role("button", name="Créer la liste").click()
    check_page(page, "decision-list")
    page.get_by_role("link", name="Modifier la décision").first.click()
    check_page(page, "decision-edit")
    page.go_back()
    page.get_by_role("button", name="Proposer à la libération").click()
    check_page(page, "decision-prepared")
    prepared = deliberation.decision_lists.get()
    page = signed_in(world.officer, "decision_list_cancel", pk=prepared.pk)
    check_page(page, "decision-cancel")
    page = signed_in(world.releaser, "decision_list_release", pk=prepared.pk)
    check_page(page, "decision-release")
    page.get_by_label("Code de confirmation").fill(code_of(world.releaser))
    page.get_by_role("button", name="Libérer la liste").click()
    check_page(page, "decision-released")
    page = signed_in(world.officer, "decision_list_waiting", pk=deliberation.pk)
    check_page(page, "decision-waiting")


def test_officer_seats_the_jury_of_a_session(signed_in, transactional_db):
    world = JuryWorld(dossiers=1)
    session = Session.objects.create(
        axis=world.axis, code="suite", title="Relève d’automne", opens_at=AT, closes_at=AT + timedelta(days=30)
    )
    page = signed_in(world.officer, "jury_index")
    check_page(page, "jury-sans-jury")
    page.get_by_role("link", name="Constituer le jury").click()
    check_page(page, "jury-constituer")
    page.locator("[name=members-0-email]").fill("personne@example.fr")
    page.get_by_role("button", name="Constituer le jury").click()
    check_page(page, "jury-constituer-erreurs")
    assert "Aucun compte n’a cette adresse." in page.locator("main").inner_text()
    page.locator("[name=members-0-email]").fill(AgentFactory().email)
    page.locator("[name=members-0-role]").select_option("chair")
    page.get_by_role("button", name="Constituer le jury").click()
    page.get_by_text("Le jury est constitué").wait_for()
    check_page(page, "jury-constitue")
    assert Jury.objects.get(session=session).jurors.get().is_chair
