"""A town hall's secretary: from the first code received by mail to the state page of a dossier that was filed."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from applications.models import Application
from core.models import OutboxMessage
from territories.services import give_fictitious_siret, organisation_for
from territories.sirets import fictitious_siret
from tests.browser.support import check_page
from tests.factories.accounts import PASSWORD
from tests.factories.applications import pdf
from tests.factories.territories import AffiliationFactory, territory
from tests.journeys.stage import let_the_worker_work
from tests.journeys.walk import follow, guide, plain, press, press_button, reads, take_menu

pytestmark = [pytest.mark.browser, pytest.mark.slow]
IBAN, WRONG_IBAN = "FR76 3000 1007 9412 3456 7890 185", "FR76 3000 1007 9412 3456 7890 186"


def mailed_code():
    body = OutboxMessage.objects.filter(kind="core.mail").latest("created_at").payload["context"]["body"]
    return re.search(r"[A-Z]{4}-[A-Z]{4}", body).group()


def fill(page, **values):
    for name, value in values.items():
        page.locator(f"main [name={name}]").fill(value)


def value_of(page, name):
    return page.locator(f"main [name={name}]").input_value()


def complaint_at(page, name):
    """What the page says at this field, found by the field's own description."""
    ids = page.locator(f"main [name={name}]").get_attribute("aria-describedby") or ""
    texts = [page.locator(f"[id='{one}']").inner_text() for one in ids.split() if page.locator(f"[id='{one}']").count()]
    assert page.locator(f"main [name={name}]").get_attribute("aria-invalid") == "true", f"{name} is not marked invalid"
    return plain(" ".join(texts))


def save(page):
    press_button(page, "Enregistrer et continuer")


def fill_identity(page):
    fill(page, representative_name="Dominique Moreau", representative_title="maire")
    fill(page, seat_address="1 place de la République, 48000 Mende")
    fill(page, representative_email="maire@example.fr", bank_holder="Trésorerie de Mende", iban=IBAN)


def fill_project(page):
    fill(page, title="Un guichet numérique pour les démarches", place="Mende")
    fill(page, summary="Les habitants feront leurs démarches en ligne, avec un agent pour les aider.")
    page.locator("[name=theme]").select_option(index=1)


def fill_cost(page, amount):
    page.get_by_label("hors taxes (HT)").check(force=True)
    fill(page, **{"cost_lines-0-label": "Prestation de réalisation", "cost_lines-0-amount": amount})
    page.locator("[name=cost_lines-0-category]").select_option("services")
    page.locator("[name=cost_lines-0-nature]").select_option("investment")


def fill_financing(page, requested, own):
    fill(page, **{"amount_requested": requested, "funding_lines-0-amount": own})
    page.locator("[name=funding_lines-0-kind]").select_option("own")
    page.locator("[name=funding_lines-0-status]").select_option("granted")


def fill_calendar(page):
    today = timezone.localdate()
    fill(page, starts_on=(today + timedelta(30)).isoformat(), ends_on=(today + timedelta(400)).isoformat())


def answer_questions(page):
    for area in page.locator("main textarea").all():
        area.fill("Les agents et les habitants ont été entendus ; leurs difficultés sont mesurées.")
    for box in page.locator("main input[type=text], main input[type=number]").all():
        box.fill("1200")
    for choice in page.locator("main select").all():
        choice.select_option(index=1)
    for choice in page.locator("main input[type=radio][value=oui]").all():
        choice.check(force=True)


def attach(page, kind, tmp_path):
    path = tmp_path / f"{kind}.pdf"
    path.write_bytes(pdf(kind))
    page.locator("[name=kind]").select_option(kind)
    page.locator("[name=file]").set_input_files(path)
    press_button(page, "Joindre cette pièce")


def swear_and_file(page):
    page.get_by_label("Je suis mandaté").check(force=True)
    page.get_by_label("J’atteste sur l’honneur").check(force=True)
    press_button(page, "Déposer mon dossier")


def sign_up(page):
    press(page.locator("header").get_by_role("link", name="Se connecter").first)
    check_page(page, "secretaire-connexion")
    follow(page, "Créer un compte")
    check_page(page, "secretaire-compte")
    fill(page, first_name="Aude", last_name="Perrin", email="mairie@example.fr", password1=PASSWORD, password2=PASSWORD)
    press_button(page, "Créer mon compte")
    check_page(page, "secretaire-code")
    fill(page, code=mailed_code())
    press_button(page, "Valider le code")


def attach_to_mende(page, agent):
    """She asks; an agent of the State reads her request and answers yes."""
    take_menu(page, "Ma collectivité")
    check_page(page, "secretaire-sans-collectivite")
    page.locator("#recherche-collectivite").press_sequentially("mende")
    option = page.get_by_role("option").filter(has_text="48095")
    press(option)
    check_page(page, "secretaire-rattachement")
    page.get_by_label("Je prépare les dossiers").check(force=True)
    press_button(page, "Demander mon rattachement")
    reads(page, "Mende", "En attente de réponse")
    check_page(page, "secretaire-en-attente")

    take_menu(agent, "Demandes de rattachement")
    check_page(agent, "agent-rattachements")
    reads(agent, "Aude Perrin pour Mende", "mairie@example.fr")
    press_button(agent, "Valider la demande")
    reads(agent, "Aucune demande en attente")
    page.reload()
    reads(page, "Validé")


def test_secretary_signs_up_prepares_files_and_follows(stage, open_browser, arrive, tmp_path):
    page = open_browser()
    sign_up(page)
    attach_to_mende(page, arrive(stage.cast.screener))

    take_menu(page, "Mes dossiers")
    check_page(page, "secretaire-aucun-dossier")
    follow(page, "Commencer un dossier")
    check_page(page, "secretaire-choisir")
    press_button(page, "Commencer ce dossier – Axe 1")
    check_page(page, "secretaire-1-collectivite")
    reads(page, "Mende")
    siret = fictitious_siret(Application.objects.get().organisation.siren)

    fill_identity(page)
    fill(page, siret="12345678900017", iban=WRONG_IBAN)
    save(page)
    check_page(page, "secretaire-1-erreurs")
    assert "siret" in complaint_at(page, "siret")
    assert "iban" in complaint_at(page, "iban")
    assert (value_of(page, "siret"), value_of(page, "iban")) == ("12345678900017", WRONG_IBAN)
    assert value_of(page, "bank_holder") == "Trésorerie de Mende"
    assert Application.objects.get().iban == ""
    fill(page, siret=siret, iban=IBAN)
    save(page)
    check_page(page, "secretaire-2-projet")
    fill_project(page)
    save(page)

    check_page(page, "secretaire-3-depenses")
    fill_cost(page, "-5")
    save(page)
    assert complaint_at(page, "cost_lines-0-amount")
    assert value_of(page, "cost_lines-0-amount") == "-5"
    assert value_of(page, "cost_lines-0-label") == "Prestation de réalisation"
    fill(page, **{"cost_lines-0-amount": "1000,555"})
    save(page)
    check_page(page, "secretaire-3-erreurs")
    assert complaint_at(page, "cost_lines-0-amount")
    assert value_of(page, "cost_lines-0-amount") == "1000,555"
    assert Application.objects.get().cost_lines.count() == 0
    fill(page, **{"cost_lines-0-amount": "100 000"})
    page.locator("#totaux", has_text="100\u202f000,00").wait_for()
    save(page)

    fill_financing(page, "60 000", "40 000")
    page.locator("#totaux", has_text="60\u202f000,00").wait_for()
    page.locator("#totaux", has_text="dépasse").wait_for()
    check_page(page, "secretaire-4-depassement")
    fill_financing(page, "50 000", "45 000")
    page.locator("#totaux", has_text="Il reste").wait_for()
    reads(page, "Il reste 5 000,00 € à financer.")
    fill_financing(page, "50 000", "50 000")
    page.locator("#totaux", has_text="Les ressources égalent les dépenses").wait_for()
    check_page(page, "secretaire-4-financement")
    guide(page, "secretaire", at="main h1")
    save(page)

    what_is_missing(page)
    check_page(page, "secretaire-5-calendrier")
    fill_calendar(page)
    save(page)
    check_page(page, "secretaire-6-questions")
    answer_questions(page)
    save(page)
    refuse_bad_files(page, tmp_path)
    attach(page, "deliberation", tmp_path)
    attach(page, "bank_details", tmp_path)
    reads(page, "La pièce est jointe")
    check_page(page, "secretaire-7-pieces")
    follow(page, "Continuer")
    check_page(page, "secretaire-8-depot")
    reads(page, "Votre dossier est complet", "Mende", "50 000,00 €")
    press_button(page, "Déposer mon dossier")
    check_page(page, "secretaire-8-erreurs")
    assert Application.objects.get().state == "draft"
    swear_and_file(page)
    reads(page, "Votre dossier est déposé", "Que va-t-il se passer ?", "mairie@example.fr")
    check_page(page, "secretaire-depose")
    read_acknowledgement(page)


def what_is_missing(page):
    """Each gap is a link to where it is filled."""
    follow(page, "Voir tout ce qui manque")
    check_page(page, "secretaire-manque")
    guide(page, "secretaire-manque", at="main h1")
    gaps = page.locator("ul.dossier-missing a")
    assert gaps.count() >= 4
    place = gaps.filter(has_text="délibération")
    press(place.first)
    assert "/rubriques/pieces/" in page.url
    page.go_back()
    press(page.locator("ul.dossier-missing a[href*=calendrier]").first)
    assert "/rubriques/calendrier/" in page.url


def refuse_bad_files(page, tmp_path):
    """Empty, and of a type that is not taken: each is told at the field, nothing is kept."""
    for name, content in (("vide.pdf", b""), ("tableau.pdf", b"MZ\x90\x00 un programme")):
        path = tmp_path / name
        path.write_bytes(content)
        page.locator("[name=kind]").select_option("deliberation")
        page.locator("[name=file]").set_input_files(path)
        press_button(page, "Joindre cette pièce")
        assert complaint_at(page, "file")
    check_page(page, "secretaire-7-erreurs")
    assert Application.objects.get().attachments.count() == 0


def read_acknowledgement(page):
    """The document arrives once the worker has written it; then the page of the dossier says what comes next."""
    let_the_worker_work()
    follow(page, "Suivre mon dossier")
    application = Application.objects.get()
    assert application.state == "submitted"
    reads(page, application.number, "Déposé", "Accusé de réception", "Historique")
    check_page(page, "secretaire-suivi")
    with page.expect_download() as waiting:
        page.locator("main a[href$='.pdf'], main a[download], main a[href*=accuse]").first.click()
    content = waiting.value.path().read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(content) > 5_000
    take_menu(page, "Mes dossiers")
    reads(page, application.number)
    check_page(page, "secretaire-dossiers")


def test_secretary_files_without_scripts(stage, arrive, open_browser, tmp_path):
    mende = give_fictitious_siret(organisation_for(territory("commune", "48095")))
    user: User = AffiliationFactory(organisation=mende, user__first_name="Aude", user__last_name="Perrin").user
    page = arrive(user, java_script_enabled=False)
    page.goto("/dossiers/nouveau/")
    press_button(page, "Commencer ce dossier – Axe 1")
    fill_identity(page)
    save(page)
    fill_project(page)
    save(page)
    fill_cost(page, "100 000")
    save(page)
    fill_financing(page, "50 000", "45 000")
    press_button(page, "Enregistrer et rester ici")
    reads(page, "Il reste 5 000,00 € à financer.")
    fill_financing(page, "50 000", "50 000")
    save(page)
    fill_calendar(page)
    save(page)
    answer_questions(page)
    save(page)
    attach(page, "deliberation", tmp_path)
    attach(page, "bank_details", tmp_path)
    follow(page, "Continuer")
    reads(page, "Votre dossier est complet")
    swear_and_file(page)
    reads(page, "Votre dossier est déposé")
    application = Application.objects.get()
    assert (application.state, application.amount_requested) == ("submitted", 50_000)
    assert application.organisation == mende
