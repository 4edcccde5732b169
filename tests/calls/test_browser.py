"""Two calls in Chromium: the simulator lets one choose, with or without scripts, wide and on a phone of 375 pixels."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole
from calls.models import Mandate
from calls.services import grant_mandate
from tests.browser.support import DESKTOP, PHONE, axe, check_page, overflow, screenshot
from tests.factories.accounts import AgentFactory, sign_in
from tests.factories.budget import make_call
from tests.factories.calls import the_call

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def two_calls():
    """The one that runs, and another that is published, with rules, before its opening."""
    now = timezone.now()
    running = the_call(now)
    coming = make_call(
        title="Appel de l’an prochain", opens_at=now + timedelta(days=90), published_at=now - timedelta(days=1)
    )
    vintage = running.rules_versions.order_by("-effective_at").first().vintage
    coming.rules_versions.create(number=1, effective_at=now - timedelta(days=1), vintage=vintage)
    return running, coming


def test_choice_of_the_call_is_kept_while_one_types_and_composes(visit):
    running, coming = two_calls()
    page = visit(reverse("eligibility"))
    assert page.locator("#appel").input_value() == running.code
    check_page(page, "simulateur-deux-appels")
    page.set_viewport_size({"width": 375, "height": 700})
    assert overflow(page) == 0
    assert axe(page) == []
    page.get_by_label("Appel à projets").select_option(coming.code)
    page.get_by_role("button", name="Choisir cet appel").click()
    page.wait_for_url(f"**appel={coming.code}**")
    page.locator("#recherche-collectivite").press_sequentially("rennes m")
    option = page.locator(".authority-search__option").first
    option.wait_for()
    assert f"appel={coming.code}&" in option.get_attribute("data-href")
    with page.expect_navigation(wait_until="load"):
        option.click()
    assert page.locator("#appel").input_value() == coming.code
    assert "Rennes Métropole" in page.locator("#resultat").inner_text()
    page.get_by_label("À la date du").fill(timezone.localdate().isoformat())
    page.get_by_role("button", name="Recalculer").click()
    page.wait_for_url("**le=**")
    assert page.locator("#appel").input_value() == coming.code
    assert overflow(page) == 0
    page.get_by_role("link", name="Retirer Rennes Métropole").click()
    page.wait_for_load_state("load")
    assert page.locator("#appel").input_value() == coming.code


def test_call_is_chosen_without_scripts(visit):
    _, coming = two_calls()
    page = visit(f"{reverse('eligibility')}?qui=commune:35238", java_script_enabled=False)
    page.locator("#appel").select_option(coming.code)
    page.get_by_role("button", name="Choisir cet appel").click()
    assert page.locator("#appel").input_value() == coming.code
    assert "Rennes" in page.locator("#resultat").inner_text()
    page.locator("#recherche-collectivite").fill("saint")
    page.get_by_role("button", name="Chercher").click()
    assert page.locator("#appel").input_value() == coming.code
    assert f"appel={coming.code}&" in page.locator(".authority-results a").first.get_attribute("href")


def test_officer_ticks_the_excluded_costs_of_a_version(visit):
    running, _ = two_calls()
    officer = AgentFactory()
    grant_mandate(user=officer, call=running, role=MandateRole.ADMINISTRATOR, at=timezone.now(), appointed_by=None)
    client = Client()
    sign_in(client, officer)
    page = visit(reverse("home"))
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": page.url}])
    page.goto(reverse("admin:calls_rulesversion_add"))
    page.locator("#terms-group .add-row a").click()
    page.locator("#terms-0").get_by_label("personnel (salaires d’agents)").check()
    assert page.locator("#terms-0 input[type=checkbox][name=terms-0-excluded_categories]:checked").count() == 1
    page.locator("#eligibility_rules-group .add-row a").click()
    page.locator("#eligibility_rules-0").get_by_label("Seuil, en habitants").fill("500")
    screenshot(page, "administration-regle")
    page.goto(reverse("admin:calls_question_add"))
    assert page.locator("textarea[name=choices]").input_value() == ""
    page.goto(reverse("admin:calls_rulesversion_change", args=[running.rules_versions.earliest("number").pk]))
    screenshot(page, "administration-reglement")
    page.goto(reverse("admin:calls_call_change", args=[running.pk]))
    assert page.get_by_role("heading", level=1).inner_text() == "Appel à projets"
    screenshot(page, "administration-appel")
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        assert overflow(page) == 0
    page.set_viewport_size(DESKTOP)
    page.goto(reverse("admin:index"))
    screenshot(page, "administration")
    page.goto(reverse("admin:calls_mandate_changelist"))
    assert page.get_by_role("heading", level=1).inner_text() == "Mandats"
    page.locator("input[name=_selected_action]").first.check()
    page.locator("select[name=action]").select_option("end_now")
    page.get_by_role("button", name="Envoyer").click()
    page.get_by_role("heading", name="Mettre fin à ces mandats").wait_for()
    screenshot(page, "administration-mandats")
    page.get_by_role("link", name="Revenir sans rien changer").click()
    assert Mandate.objects.filter(ends_at__isnull=False).count() == 0
