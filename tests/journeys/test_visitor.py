"""Anyone: reads the call, asks whether an authority or a grouping may ask, verifies a document."""

import pytest
from playwright.sync_api import expect

from tests.browser.support import check_page
from tests.journeys.walk import follow, guide, press, press_button, reads, take_menu

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def choose(page, typed, name):
    """Types, waits for the list under the field, walks it with the arrows."""
    field = page.locator("#recherche-collectivite")
    field.press_sequentially(typed)
    option = page.get_by_role("option").filter(has_text=name).first
    option.wait_for()
    while option.get_attribute("aria-selected") != "true":
        field.press("ArrowDown")
    with page.expect_navigation(wait_until="load"):
        field.press("Enter")


def verdict_of(page, axis):
    return page.locator(f"section[aria-labelledby=verdict-{axis}]")


def test_visitor_asks_if_eligible_and_verifies_a_document(stage, open_browser, tmp_path, watch):
    watch.expected.append("404")  # a document that is not found
    page = open_browser()
    check_page(page, "visiteur-accueil")
    reads(page, "88 millions d’euros", "Suis-je éligible ?", "Ouvert en ce moment")
    follow(page, "Lire l’appel à projets")
    check_page(page, "visiteur-appel")
    reads(page, "30 millions", "24 millions", "34 millions", "300 000 habitants")
    page.get_by_role("button", name="Version 1, depuis le").click()
    expect(page.get_by_role("region", name="Conditions par axe, version 1")).to_be_visible()
    reads(page, "500 000 habitants")
    follow(page, "Suis-je éligible")
    check_page(page, "visiteur-eligibilite")

    choose(page, "saint etienne m", "Saint-Étienne Métropole")
    check_page(page, "visiteur-reponse")
    reads(page, "Votre collectivité", "Saint-Étienne Métropole", "version 3 du règlement")
    today = verdict_of(page, "axe-2").inner_text().casefold()
    assert "éligible" in today
    assert "non éligible" not in today
    reads(page, "300 000 habitants", "Source")

    page.get_by_label("À la date du").fill("2021-06-01")
    press_button(page, "Recalculer")
    reads(page, "version 1 du règlement", "500 000 habitants")
    assert "non éligible" in verdict_of(page, "axe-2").inner_text().casefold()
    assert verdict_of(page, "axe-2").get_by_role("link", name="Déposer un dossier").count() == 0

    choose(page, "angers loire", "Angers Loire Métropole")
    reads(page, "Votre groupement", "Saint-Etienne Métropole", "Angers Loire Métropole")
    check_page(page, "visiteur-groupement")
    together = verdict_of(page, "axe-2").inner_text().casefold()
    assert "éligible" in together
    assert "non éligible" not in together
    guide(page, "visiteur", at="#resultat")
    guide(page, "telephone", at="#resultat", phone=True)
    press(page.locator("main").get_by_role("link", name="Retirer Saint-Etienne Métropole"))
    assert "non éligible" in verdict_of(page, "axe-2").inner_text().casefold()

    take_menu(page, "Vérifier un document")
    check_page(page, "visiteur-verifier")
    press_button(page, "Vérifier ce fichier")
    reads(page, "Choisissez le fichier à vérifier.")
    check_page(page, "visiteur-verifier-erreur")
    letter = tmp_path / "lettre.pdf"
    letter.write_bytes(b"%PDF-1.7 ceci n'est pas une convention")
    page.locator("[name=file]").set_input_files(letter)
    press_button(page, "Vérifier ce fichier")
    reads(page, "Document refusé")
    check_page(page, "visiteur-verifier-refuse")
    follow(page, "Vérifier un autre document")
    page.get_by_label("Numéro de la convention").fill("CONV-2021-00042")
    page.get_by_label("Code de vérification").fill("ABCD-2345-WXYZ")
    press_button(page, "Vérifier avec le numéro")
    reads(page, "Aucun document ne correspond")
    check_page(page, "visiteur-verifier-inconnu")
