"""Two dates of one act are explained where a reader meets both."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from conventions.act_dates import dates_explained
from conventions.models import Convention
from core.templatetags.guichet import paris_date
from tests.factories.accounts import sign_in
from tests.factories.conventions import ConventionWorld

pytestmark = pytest.mark.usefixtures("ready_bytes")


def text_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode().replace("&nbsp;", " ")).split())


@pytest.fixture
def world(db):
    made = ConventionWorld(1)
    made.convention = made.signed()
    return made


def test_act_played_at_its_own_date_is_explained_on_both_pages(client, world, documents):
    convention = world.convention
    proved = convention.current_revision().timestamped_at
    sentence = (
        f"L’acte est daté du {paris_date(convention.signed_at)} dans l’appel ; l’horodatage, lui, prouve le jour réel "
        f"de la signature, le {paris_date(proved)}."
    )
    uploaded = SimpleUploadedFile("convention.pdf", documents.state, "application/pdf")
    pages = [client.post("/verifier/", {"file": uploaded})]
    pages.append(client.get(f"/verifier/{convention.number}/", {"code": convention.verification_code}))
    sign_in(client, world.officer)
    pages.append(client.get(f"/conventions/{convention.number}/"))
    for page in pages:
        assert sentence in text_of(page)
        assert "Démonstration : l’appel de" not in text_of(page)


def test_demonstration_says_why(client, world, settings):
    settings.DEMONSTRATION = True
    year = world.call.opens_at.year
    sign_in(client, world.officer)
    assert f"Démonstration : l’appel de {year} est rejoué." in text_of(
        client.get(f"/conventions/{world.convention.number}/")
    )


def test_version_read_is_the_one_explained(world, documents):
    kept = world.convention.revisions.get(kind="sealed")
    assert dates_explained(world.convention, sha256=kept.sha256)[0].startswith("Le cachet est daté du ")


@pytest.mark.parametrize(("apart", "explained"), [(timedelta(hours=23), False), (timedelta(hours=25), True)])
def test_dates_that_agree_need_no_words(world, apart, explained):
    convention = Convention.objects.get(pk=world.convention.pk)
    convention.signed_at = convention.current_revision().timestamped_at - apart
    assert bool(dates_explained(convention)) is explained
