"""The State's header in Chromium without scripts: a phone keeps its screen for the page."""

import pytest

from tests.browser.support import DESKTOP, overflow, screenshot
from tests.factories.accounts import AgentFactory, sign_in
from tests.factories.calls import MandateFactory, the_call

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_header_without_scripts_leaves_a_phone_to_the_page_and_opens_its_menu_by_a_link(visit, client, live_server):
    sign_in(client, MandateFactory(call=the_call(), role="officer", user=AgentFactory()).user)
    page = visit("/accessibilite/", java_script_enabled=False, viewport={"width": 375, "height": 800})
    session = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([session])
    page.reload(wait_until="load")
    menu = page.get_by_role("navigation", name="Menu principal")
    header = page.locator("header.fr-header")
    screenshot(page, "entete-sans-script")
    assert not menu.is_visible()
    assert page.get_by_role("button", name="Se déconnecter").is_visible()
    assert header.bounding_box()["height"] < 300
    assert overflow(page) == 0
    link = page.get_by_role("link", name="Menu", exact=True)
    assert link.evaluate("each => each.getBoundingClientRect().right") < 375
    link.click()
    assert all(link.is_visible() for link in menu.get_by_role("link").all())
    screenshot(page, "entete-sans-script-ouvert")
    assert overflow(page) == 0
    page.get_by_role("link", name="Fermer le menu").click()
    assert not menu.is_visible()
    page.goto("/accessibilite/#fr-navigation")
    assert menu.is_visible()
    page.set_viewport_size(DESKTOP)
    page.goto("/accessibilite/")
    assert menu.is_visible()
    assert overflow(page) == 0
    assert not page.get_by_role("link", name="Menu", exact=True).is_visible()


def test_menu_of_whoever_opens_most_rooms_stays_on_one_line(visit, client, live_server):
    call = the_call()
    for role in ("auditor", "administrator", "officer"):
        sign_in(client, MandateFactory(call=call, role=role, user=AgentFactory()).user)
        page = visit("/accessibilite/", viewport=DESKTOP)
        session = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
        page.context.add_cookies([session])
        page.reload(wait_until="load")
        menu = page.get_by_role("navigation", name="Menu principal")
        assert menu.bounding_box()["height"] < 60, role
        menu.get_by_role("button", name="Autres pages").click()
        for name in ("Vérifier un document", "Données ouvertes"):
            menu.get_by_role("link", name=name).wait_for(state="visible")
        screenshot(page, f"menu-{role}")
        assert overflow(page) == 0
