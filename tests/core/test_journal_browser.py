"""The journal and a refused form of the administration in Chromium, wide and on a phone of 375 pixels."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole
from calls.services import grant_mandate
from core.journal import record
from tests.browser.support import axe, overflow, screenshot
from tests.factories.accounts import sign_in
from tests.factories.jury import JuryWorld

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def signed_in(visit, user):
    client = Client()
    sign_in(client, user)
    page = visit(reverse("home"))
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": page.url}])
    return page


def test_journal_reads_by_names_and_a_refused_call_says_why_at_its_field(visit):
    world = JuryWorld(dossiers=1)
    reader = world.agent(MandateRole.AUDITOR)
    at, call, dossier = timezone.now(), world.call, world.applications[0]
    grant_mandate(user=reader, call=call, role=MandateRole.ADMINISTRATOR, at=at, appointed_by=None)
    started = {"axis": dossier.axis_id, "organisation": dossier.organisation_id, "session": dossier.session_id}
    record(chain=dossier.chain, action="application.start", at=at, actor=None, data=started)
    fields = {"steward_siret": ["…", "…"], "decision_months": [8, 9], "announced_amount": [None, "500.00"]}
    lines = [{"model": "axis", "id": dossier.axis_id, "fields": {"position": [1, 2]}}]
    changed = {"id": call.pk, "fields": fields, "lines": lines}
    record(chain=f"call:{call.code}", action="call.changed", at=at, actor=reader, data=changed)
    page = signed_in(visit, reader)
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(reverse("journal"))
        assert page.get_by_role("link", name=f"Dossier {dossier.number}").count() >= 1
        assert overflow(page) == 0
        assert axe(page) == []
        page.goto(f"{reverse('journal')}?chaine=jury:{world.jury.pk}")
        assert page.get_by_text("Celles d’un jury se lisent une fois sa délibération close.").is_visible()
        assert overflow(page) == 0
    screenshot(page, "journal-jury")
    page.goto(reverse("journal"))
    screenshot(page, "journal")
    page.goto(reverse("admin:calls_call_change", args=[call.pk]))
    page.get_by_label("téléphone").fill("abc")
    page.get_by_label("délai de décision").fill("0")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    page.get_by_text("Indiquez un délai de 1 à 36 mois.").wait_for()
    assert page.get_by_text("Indiquez un numéro de téléphone").is_visible()
    screenshot(page, "administration-appel-refus")
