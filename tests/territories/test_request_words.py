"""What whoever asks for an affiliation is told, on the pages and by mail: true whatever they hold already."""

import html
import re

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from core.forms import new_key
from core.models import OutboxMessage
from tests.factories.accounts import UserFactory
from tests.factories.territories import AffiliationFactory, OrganisationFactory


@pytest.fixture
def applicant(client, db):
    user = UserFactory()
    client.force_login(user)
    return user


def asks(client, qui, role="legal_representative", **changed):
    sent = {"qui": qui, "role": role, "idempotency_key": new_key(), **changed}
    return client.post(reverse("affiliation_request"), sent)


def mail_asked():
    """What the person who asked reads in their mail."""
    mails = [
        row.payload
        for row in OutboxMessage.objects.filter(kind="core.mail")
        if row.payload["template"].endswith("affiliation_requested.txt")
    ]
    (mail,) = mails
    return render_to_string(mail["template"], {**mail["context"], "site_url": "https://guichet.example.fr"})


@pytest.mark.parametrize(
    ("held", "told", "untold"),
    [
        (None, "votre demande ne vous donne accès à aucun dossier", "rattachement actuel"),
        ({}, "votre rattachement actuel (prépare les dossiers) ne change pas", "aucun dossier"),
        ({"pending": True}, "votre demande ne vous donne accès à aucun dossier", "rattachement actuel"),
        ({"ends_at": timezone.now()}, "votre demande ne vous donne accès à aucun dossier", "rattachement actuel"),
    ],
)
def test_mail_says_what_the_person_reads_until_the_answer(client, applicant, held, told, untold):
    organisation = OrganisationFactory()
    if held is not None:
        AffiliationFactory(user=applicant, organisation=organisation, **held)
    assert asks(client, f"organisation:{organisation.pk}").status_code == 302
    text = mail_asked()
    assert f"D’ici là, {told}." in text
    assert untold not in text
    assert "est transmise.\n\nUn agent de l’État de votre territoire vérifie votre demande auprès" in text


def test_page_refused_says_nothing_false_to_whoever_holds_another_role(client, applicant):
    organisation = OrganisationFactory()
    qui = f"organisation:{organisation.pk}"
    refused = asks(client, qui, role="personne")
    assert refused.status_code == 422
    assert "votre demande ne vous donne accès à aucun dossier" in refused.content.decode()
    AffiliationFactory(user=applicant, organisation=organisation)
    page = asks(client, qui, role="personne").content.decode()
    assert "aucun dossier" not in page
    assert "votre rattachement actuel ne change pas" in page


def test_whoever_asks_what_they_hold_is_answered_whatever_their_gender(client, applicant):
    held = AffiliationFactory(user=applicant)
    qui = f"organisation:{held.organisation_id}"
    name = held.organisation.name
    told = f"Votre rattachement à {name} (prépare les dossiers) est déjà en vigueur\u00a0: vous pouvez agir"
    shown = html.unescape(client.get(reverse("affiliation_request"), {"qui": qui}).content.decode())
    assert told in shown and "Votre rattachement est en vigueur" in shown
    refused = html.unescape(asks(client, qui, role="contributor").content.decode())
    assert told in refused
    assert "être rattaché" not in html.unescape(client.get(reverse("affiliation_home")).content.decode())
    assert "rattaché " not in shown + refused


def test_request_that_waits_says_who_answers_it(client, applicant):
    AffiliationFactory(pending=True, user=applicant)
    page = html.unescape(client.get(reverse("affiliation_home")).content.decode())
    assert re.search(r"Demandé le [^<.]*\. Un agent de l’État de votre territoire vérifie votre demande auprès", page)
