"""A draft as it is filled: what is asked for, what is told while one types, and where it goes once given up."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from applications.completeness import REQUIRED, missing_items
from applications.models import Application
from applications.services import withdraw
from applications.views import starting
from tests.applications.pages import rows, section_url
from tests.factories.accounts import sign_in
from tests.factories.applications import FIRST_RELEVE, ApplicationFactory, applicant_of, start


@pytest.mark.parametrize("amount", ["n’importe", "10,005", "-5", "1e9"])
def test_no_total_is_told_while_an_amount_cannot_be_read(client, db, travel, amount):
    application = ApplicationFactory()
    sign_in(client, applicant_of(application.organisation))
    lines = rows("cost_lines", {"amount": "200 000"}, {"amount": amount})
    address = reverse("application_totals", args=[application.pk])
    content = client.post(address, lines).content.decode()
    assert "Les totaux ne peuvent pas être calculés" in content
    assert "(dépense 2)" in content
    assert "—" in content
    assert "200\u202f000,00" not in content
    taken_out = client.post(address, lines | {"cost_lines-1-DELETE": "on"}).content.decode()
    assert "200\u202f000,00" in taken_out
    asked = client.post(address, {"amount_requested": amount}).content.decode()
    assert "(l’aide demandée)" in asked


def label_of(content, name):
    return " ".join(
        re.sub("<[^>]+>", "", re.search(f'<label[^>]*for="id_{name}".*?</label>', content, re.S)[0]).split()
    )


def test_section_says_once_what_filing_asks_and_marks_the_rest_as_optional(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    pages = {slug: client.get(section_url(application, slug)).content.decode() for slug in ("collectivite", "projet")}
    for content in pages.values():
        assert "tous les champs sont obligatoires, sauf ceux marqués (facultatif)" in content
        assert "(obligatoire)" not in content
    nothing = {name: None if name in ("amount_requested", "starts_on", "ends_on") else "" for name, _, _ in REQUIRED}
    Application.objects.filter(pk=application.pk).update(**nothing)
    required = {gap.field for gap in missing_items(Application.objects.get(pk=application.pk), timezone.now())}
    assert {"seat_address", "title"} <= required
    for slug, content in pages.items():
        for name in client.get(section_url(application, slug)).context["page"].form.fields:
            if name not in ("version", "has_prior_authorisation"):
                assert ("(facultatif)" in label_of(content, name)) == (name not in required), name
    calendar = client.get(section_url(application, "calendrier")).content.decode()
    assert "(facultatif)" in label_of(calendar, "first_commitment_on")
    assert "(facultatif)" in label_of(calendar, "indicators-0-baseline")
    assert "(facultatif)" not in label_of(calendar, "indicators-0-target")


def test_text_typed_too_long_is_not_cut_by_the_browser(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    for slug in ("collectivite", "projet", "depenses", "financement", "calendrier"):
        main = client.get(section_url(application, slug)).content.decode().split("<main")[1]
        assert "maxlength" not in main, slug


def test_draft_given_up_stands_apart_with_a_readable_name(client, db, travel, monkeypatch):
    kept = start()
    user = applicant_of(kept.organisation)
    sign_in(client, user)
    left = start(organisation=kept.organisation, at=FIRST_RELEVE + timedelta(minutes=1))
    withdraw(application=left, user=user, at=timezone.now())
    shown = client.get(reverse("application_list"))
    assert [row.pk for row in shown.context["page"].object_list] == [kept.pk]
    content = shown.content.decode()
    assert "Brouillons abandonnés (1)" in content
    assert f"Brouillon sans titre, {left.axis.title}" in content
    monkeypatch.setattr(starting, "MOST_ABANDONED", 1)
    assert "Brouillons abandonnés (1)" in client.get(reverse("application_list")).content.decode()
    withdraw(application=kept, user=user, at=timezone.now())
    cut = client.get(reverse("application_list"))
    assert "Derniers brouillons abandonnés (1)" in cut.content.decode()
    assert [row.pk for row in cut.context["abandoned"]] == [left.pk]


def test_simulator_opened_from_the_start_of_a_dossier_keeps_the_call(client, db, travel):
    application = start()
    sign_in(client, applicant_of(application.organisation))
    content = client.get(reverse("application_start")).content.decode()
    assert f"{reverse('eligibility')}?appel={application.call.code}&amp;qui=" in content
