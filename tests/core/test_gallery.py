"""Every component and every field in Chromium: axe, policy of the page, both displays, phone, without scripts."""

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model

from core import navigation
from tests.browser.support import DESKTOP, PHONE, axe, check_page, screenshot

pytestmark = [pytest.mark.browser, pytest.mark.urls("tests.core.gallery")]


@pytest.fixture(autouse=True)
def menu(monkeypatch):
    """A menu of its own: a plain link, a heading with several entries, one that nobody may see."""
    navigation._discover()  # else the rooms would register into the list of this test, once for all
    monkeypatch.setattr(navigation, "_entries", [])
    navigation.register("Galerie", "Galerie", "gallery", visible=navigation.everyone, order=1)
    navigation.register("À propos", "Mentions légales", "legal_notice", visible=navigation.everyone, order=2)
    navigation.register("À propos", "Plan du site", "site_map", visible=navigation.everyone, order=3)
    navigation.register("Jury", "Notes", "privacy", visible=lambda user: False, order=4)


def test_gallery_has_no_violation_on_desktop_and_phone(visit):
    page = visit("/galerie/?message=1")
    check_page(page, "galerie")


def test_gallery_in_dark_display_keeps_its_contrasts(visit):
    page = visit("/galerie/", color_scheme="dark")
    page.wait_for_selector("html[data-fr-theme=dark]", state="attached")
    assert axe(page) == []
    screenshot(page, "galerie-sombre")


def test_gallery_refused_form_focuses_the_summary_and_leads_to_the_field(visit):
    page = visit("/galerie/")
    page.get_by_label("Aide demandée").fill("12,345")
    page.get_by_role("button", name="Enregistrer").click()
    summary = page.locator("[data-guichet-focus]").first
    assert summary.evaluate("element => element === document.activeElement")
    assert page.title().startswith("Erreur : Galerie")
    assert page.get_by_label("Aide demandée").input_value() == "12,345"
    summary.get_by_role("link", name="Base des dépenses").click()
    assert page.evaluate("document.activeElement.id") == "id_basis_0"
    check_page(page, "galerie-erreurs")


def test_gallery_rows_are_added_and_long_texts_counted(visit):
    page = visit("/galerie/")
    page.get_by_role("button", name="Ajouter une ligne").click()
    assert page.locator("[name=costs-TOTAL_FORMS]").input_value() == "3"
    assert page.evaluate("document.activeElement.name") == "costs-2-label"
    assert page.locator("#id_costs-2-amount").is_visible()
    page.get_by_label("Description").fill("x" * 310)
    page.get_by_text("Le texte dépasse de 10 caractères.").wait_for()
    assert axe(page) == []


def test_gallery_password_is_shown_on_request(visit):
    page = visit("/galerie/")
    page.wait_for_selector("html[data-fr-js=true]", state="attached")
    field = page.locator("#id_password")
    field.fill("secret")
    assert field.get_attribute("type") == "password"
    page.locator("label[for=id_password_show]").click()
    assert field.get_attribute("type") == "text"


def test_gallery_theme_is_chosen_in_the_footer(visit):
    page = visit("/galerie/")
    page.wait_for_selector("html[data-fr-js=true]", state="attached")
    page.get_by_role("button", name="Paramètres d’affichage").click()
    page.locator("label[for=fr-radios-theme-dark]").click()
    page.wait_for_selector("html[data-fr-theme=dark]", state="attached")
    screenshot(page, "theme")


def test_gallery_without_scripts_shows_menu_and_hides_what_needs_them(visit):
    page = visit("/galerie/", java_script_enabled=False, viewport=PHONE)
    assert page.get_by_role("link", name="Plan du site").first.is_visible()
    assert page.get_by_role("link", name="Se connecter").first.is_visible()
    assert not page.get_by_role("button", name="Ajouter une ligne").is_visible()
    screenshot(page, "galerie-sans-script")


def test_gallery_list_is_filtered_as_one_types(visit):
    page = visit("/galerie/")
    page.wait_for_function("window.htmx !== undefined")
    page.get_by_label("Rechercher").press_sequentially("Brive")
    page.get_by_text("Résultats pour Brive").wait_for()
    assert "q=Brive" in page.url
    assert page.locator("#resultats").count() == 1
    assert page.evaluate("document.activeElement.name") == "q"


def test_gallery_filters_leave_a_phone_to_the_list_until_one_is_used(visit):
    page = visit("/galerie/", viewport=PHONE)
    more = page.get_by_text("Autres filtres")
    state = page.locator(".guichet-filters__more select").first
    assert more.is_visible() and not state.is_visible()
    more.click()
    state.wait_for(state="visible")
    more.click()
    page.set_viewport_size(DESKTOP)
    state.wait_for(state="visible")
    assert not more.is_visible()
    box, frame = state.bounding_box(), page.locator(".guichet-filters").bounding_box()
    assert box["x"] + box["width"] < frame["x"] + frame["width"]
    plain = visit("/galerie/", viewport=PHONE, java_script_enabled=False)
    assert plain.locator(".guichet-filters__more select").first.is_visible()


def test_gallery_batch_tells_its_end_by_itself(visit):
    page = visit("/galerie/")
    page.get_by_text("20 conventions prêtes").wait_for()
    assert page.locator("[hx-trigger='every 2s']").count() == 0


def test_public_pages_and_errors_pass_in_the_browser(visit, watch):
    watch.expected.append("status of 404")
    for path, name in [
        ("/mentions-legales/", "mentions-legales"),
        ("/donnees-personnelles/", "donnees-personnelles"),
        ("/accessibilite/", "accessibilite"),
        ("/securite/", "securite"),
        ("/plan-du-site/", "plan-du-site"),
        ("/nulle-part/", "page-introuvable"),
    ]:
        check_page(visit(path), name)


def test_signed_in_person_signs_out_from_the_header(visit, live_server, client, transactional_db):
    person = get_user_model().objects.create_user("camille@example.test", "x", first_name="Camille", last_name="Martin")
    client.force_login(person)
    page = visit("/galerie/")
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page = visit("/galerie/")
    assert page.get_by_role("link", name="Mon compte : Camille Martin").is_visible()
    check_page(page)
    screenshot(page, "galerie-connectee")
    page.set_viewport_size(PHONE)
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("dialog").get_by_role("button", name="Se déconnecter").click()
    page.locator(".fr-header a[href='/compte/connexion/']").first.wait_for(state="attached")
