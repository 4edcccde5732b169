"""An officer follows the money in Chromium, a chair reads totals: each page passes axe, wide and on a phone."""

from decimal import Decimal as D

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from budget import services
from budget.envelopes import install_envelopes
from calls.enums import MandateRole
from tests.browser.support import check_page
from tests.budget.test_envelopes import national_call
from tests.factories.accounts import AgentFactory, sign_in
from tests.factories.budget import AT, make_applications, make_key, make_mandate, make_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def played_call():
    """The national call with a few awards on axis 1 and in two départements."""
    call, axes = national_call()
    install_envelopes(call=call, at=AT, actor=None)
    actor = make_person()
    applications = [
        *make_applications(axes["axe-1"], 30),
        *make_applications(axes["axe-3"], 2, departement_code="033"),
        *make_applications(axes["axe-3"], 2, departement_code="048"),
    ]
    for number, application in enumerate(applications):
        common = {"application": application, "at": AT, "actor": actor}
        services.reserve(amount=D(80_000 + 500 * number), key=make_key(), reference="Décision 1", **common)
        if number % 2:
            services.commit(amount=D(80_000), key=make_key(), reference=f"EJ {number}", **common)
        if number % 4 == 1:
            services.record_payment(amount=D(80_000), key=make_key(), reference=f"DP {number}", **common)
    make_applications(axes["axe-2"], 4, amount_requested=D(7_000_000))
    return call, axes


def enter(visit, call, role, **bounds):
    """A browser signed in as a person with this mandate."""
    user = AgentFactory()
    make_mandate(user, call, role, **bounds)
    client = Client()
    sign_in(client, user)
    page = visit(reverse("account_login"))
    name = settings.SESSION_COOKIE_NAME
    # Playwright takes the path of the cookie from the address.
    site = page.url.removesuffix(reverse("account_login"))
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])
    return page


def test_officer_follows_the_money_to_the_dossiers(visit):
    call, _axes = played_call()
    page = enter(visit, call, MandateRole.OFFICER)
    page.goto(reverse("budget_overview"))
    check_page(page, "budget-enveloppes")
    page.locator("summary").click()
    check_page(page, "budget-departements")
    page.get_by_label("Département, nom ou numéro").fill("033")
    page.get_by_role("button", name="Filtrer").click()
    page.wait_for_url("**departement=033**")
    main = page.locator("main")
    assert main.locator("details[open] tbody tr").count() == 1
    main.locator("details[open] tbody th a").click()
    page.wait_for_url("**/axe-3-033/")
    check_page(page, "budget-enveloppe-departement")
    page.goto(reverse("envelope_detail", args=[call.code, "axe-1"]))
    check_page(page, "budget-enveloppe")
    main.get_by_role("link", name="Réservé").click()
    page.wait_for_url("**/dossiers/reserve/")
    check_page(page, "budget-dossiers")
    main.get_by_role("link", name="Montant").click()
    page.wait_for_url("**tri=montant**")
    page.goto(reverse("envelope_dossiers", args=[call.code, "axe-2", "verse"]))
    check_page(page, "budget-dossiers-aucun")
    page.goto(reverse("envelope_detail", args=[call.code, call.code]))
    check_page(page, "budget-racine")


def test_officer_opens_payment_credits(visit):
    call, _axes = national_call(2)
    install_envelopes(call=call, at=AT, actor=None)
    page = enter(visit, call, MandateRole.OFFICER)
    page.goto(reverse("payment_credits_open", args=[call.code]))
    check_page(page, "budget-credits")
    main = page.locator("main")
    main.get_by_label("Montant").fill("1,001")
    main.get_by_role("button", name="Ouvrir ces crédits").click()
    page.wait_for_load_state("load")
    check_page(page, "budget-credits-erreurs")
    main.get_by_label("Montant").fill("250 000")
    main.get_by_role("spinbutton", name="Année").fill("2024")
    main.get_by_label("Motif").fill("loi de finances")
    main.get_by_role("button", name="Ouvrir ces crédits").click()
    page.wait_for_url(f"**/budget/{call.code}/")
    assert "2024" in main.inner_text()


def test_chair_reads_the_totals_of_the_axis(visit):
    call, axes = played_call()
    page = enter(visit, call, MandateRole.CHAIR, axis=axes["axe-3"])
    page.goto(reverse("budget_call", args=[call.code]))
    check_page(page, "budget-president")
    page.goto(reverse("envelope_detail", args=[call.code, "axe-3"]))
    check_page(page, "budget-president-enveloppe")
    assert page.get_by_role("heading", name="Écritures").count() == 0
