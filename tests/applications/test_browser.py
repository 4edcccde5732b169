"""Two journeys in Chromium: somebody of a town hall files a dossier; a screener takes it to the jury."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from applications.models import Application
from calls.installation import install_call, vintages_of_call
from calls.models import Session
from core import outbox
from tests.browser.support import check_page
from tests.factories.accounts import sign_in
from tests.factories.applications import applicant_of, pdf, screener_of, start, submitted_application
from tests.factories.territories import AffiliationFactory, OrganisationFactory, VintageFactory

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def call(transactional_db):
    """The call with its demonstration sessions open today, without territories."""
    for year in vintages_of_call():
        VintageFactory(year=year)
    return install_call(timezone.now())


def open_session(call) -> Session:
    return Session.objects.get(axis__call=call, axis__code="axe-1", is_demonstration=True)


def enter(page, user, live_server):
    """This person is signed in to this browser, second factor shown if they have one."""
    client = Client()
    sign_in(client, user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    return page


def save(page):
    page.get_by_role("button", name="Enregistrer et continuer").click()


def test_applicant_prepares_files_and_follows_a_dossier(call, visit, live_server, tmp_path):
    organisation = OrganisationFactory(name="Saint-Malo-des-Essais")
    user = AffiliationFactory(organisation=organisation).user
    page = enter(visit("/"), user, live_server)
    page.goto(f"{live_server.url}/dossiers/")
    check_page(page, "dossiers-vide")
    page.get_by_role("link", name="Commencer un dossier").click()
    check_page(page, "dossier-commencer")
    page.get_by_role("button", name="Commencer ce dossier – Axe 1").click()
    check_page(page, "dossier-1-collectivite")
    for label, value in (
        ("Nom et prénom du représentant légal", "Dominique Moreau"),
        ("Sa qualité", "maire"),
        ("Titulaire du compte", "Trésorerie"),
    ):
        page.get_by_label(label).first.fill(value)
    page.locator("[name=representative_email]").fill("maire@example.fr")
    page.locator("[name=iban]").fill("FR76 3000 1007 9412 3456 7890 186")
    save(page)
    check_page(page, "dossier-1-erreur")
    page.locator("[name=iban]").fill("FR76 3000 1007 9412 3456 7890 185")
    save(page)
    page.get_by_label("Intitulé du projet").fill("Un guichet numérique pour les démarches")
    page.locator("[name=theme]").select_option(index=1)
    page.get_by_label("Description courte").fill("Les habitants feront leurs démarches en ligne.")
    check_page(page, "dossier-2-projet")
    save(page)
    page.get_by_label("hors taxes (HT)").check(force=True)
    line = {"label": "Prestation de réalisation", "amount": "100 000"}
    for name, value in line.items():
        page.locator(f"[name=cost_lines-0-{name}]").fill(value)
    page.locator("[name=cost_lines-0-category]").select_option("services")
    page.locator("[name=cost_lines-0-nature]").select_option("investment")
    page.locator("#totaux", has_text="100\u202f000,00").wait_for()
    check_page(page, "dossier-3-depenses")
    save(page)
    page.locator("[name=amount_requested]").fill("60 000")
    page.locator("[name=funding_lines-0-kind]").select_option("own")
    page.locator("[name=funding_lines-0-status]").select_option("granted")
    page.locator("[name=funding_lines-0-amount]").fill("40 000")
    page.locator("#totaux", has_text="dépasse").wait_for()
    check_page(page, "dossier-4-financement")
    page.locator("[name=amount_requested]").fill("50 000")
    page.locator("[name=funding_lines-0-amount]").fill("50 000")
    save(page)
    today = timezone.localdate()
    page.locator("[name=starts_on]").fill((today + timedelta(days=30)).isoformat())
    page.locator("[name=ends_on]").fill((today + timedelta(days=400)).isoformat())
    check_page(page, "dossier-5-calendrier")
    save(page)
    check_page(page, "dossier-6-questions")
    for area in page.locator("main textarea").all():
        area.fill("Une réponse claire.")
    for box in page.locator("main input[type=text]").all():
        box.fill("1200")
    for box in page.locator("main input[type=number]").all():
        box.fill("1200")
    for choice in page.locator("main select").all():
        choice.select_option(index=1)
    for choice in page.locator("main input[type=radio][value=oui]").all():
        choice.check(force=True)
    save(page)
    check_page(page, "dossier-7-pieces")
    page.goto(page.url.replace("rubriques/pieces", "ce-qui-manque"))
    check_page(page, "dossier-ce-qui-manque")
    page.get_by_role("link", name="délibération ou délégation").click()
    for kind in ("deliberation", "bank_details"):
        path = tmp_path / f"{kind}.pdf"
        path.write_bytes(pdf(kind))
        page.locator("[name=kind]").select_option(kind)
        page.locator("[name=file]").set_input_files(path)
        page.get_by_role("button", name="Joindre cette pièce").click()
        page.get_by_text("La pièce est jointe").wait_for()
    page.locator("main").get_by_role("link", name="Continuer").click()
    check_page(page, "dossier-8-depot")
    page.get_by_label("Je suis mandaté").check(force=True)
    page.get_by_label("J’atteste sur l’honneur").check(force=True)
    page.get_by_role("button", name="Déposer mon dossier").click()
    page.get_by_role("heading", name="Votre dossier est déposé").wait_for()
    check_page(page, "dossier-depose")
    outbox.deliver_all()
    page.get_by_role("link", name="Suivre mon dossier").click()
    check_page(page, "dossier-suivi")
    application = Application.objects.get()
    assert application.state == "submitted"
    page.get_by_label("Votre message").fill("Merci de votre réponse.")
    page.get_by_role("button", name="Envoyer au service").click()
    page.get_by_text("Merci de votre réponse.").wait_for()
    page.goto(f"{live_server.url}/dossiers/")
    check_page(page, "dossiers")
    page.goto(f"{live_server.url}/dossiers/{application.pk}/retrait/")
    check_page(page, "dossier-retrait")


def test_screener_finds_completes_and_declares_admissible(call, visit, live_server):
    now = timezone.now()
    session = open_session(call)
    first = submitted_application(at=now, session=session, organisation=OrganisationFactory(name="Erquy"))
    submitted_application(at=now, session=session, organisation=OrganisationFactory(name="Vitré"))
    start(at=now, session=session)
    outbox.deliver_all()
    page = enter(visit("/"), screener_of(call), live_server)
    page.goto(f"{live_server.url}/instruction/")
    check_page(page, "instruction-liste")
    page.get_by_label("Recherche").fill("erquy")
    page.get_by_text("1 dossier", exact=True).wait_for()
    page.get_by_role("link", name=first.number).click()
    check_page(page, "instruction-dossier")
    page.get_by_role("link", name="Demander des compléments").click()
    page.get_by_label("Éléments manquants").fill("La délibération signée")
    check_page(page, "instruction-complements")
    page.get_by_role("button", name="Relire avant d’envoyer").click()
    check_page(page, "instruction-complements-relecture")
    page.get_by_role("button", name="Demander des compléments").click()
    page.get_by_text("Le délai de décision est suspendu").first.wait_for()
    check_page(page, "instruction-suspendu")
    other = visit("/", viewport={"width": 1280, "height": 900})
    enter(other, applicant_of(first.organisation), live_server)
    other.goto(f"{live_server.url}/dossiers/{first.pk}/")
    check_page(other, "dossier-complements-demandes")
    other.get_by_role("link", name="Compléter et répondre").click()
    check_page(other, "dossier-complements")
    other.get_by_label("Votre réponse").fill("La voici.")
    other.get_by_role("button", name="Envoyer les compléments").click()
    other.get_by_text("Votre réponse est envoyée").wait_for()
    page.goto(f"{live_server.url}/instruction/{first.pk}/irrecevable/")
    check_page(page, "instruction-irrecevable")
    page.goto(f"{live_server.url}/instruction/{first.pk}/recevable/")
    check_page(page, "instruction-recevable")
    page.get_by_role("button", name="Déclarer recevable").click()
    page.get_by_text("Le dossier est recevable").wait_for()
    first.refresh_from_db()
    assert first.state == "admissible"
    page.goto(f"{live_server.url}/instruction/?q=introuvable")
    check_page(page, "instruction-vide")
