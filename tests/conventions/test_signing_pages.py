"""The page where each party signs: whose turn, what stops it, what one try costs."""

import pytest
from django.urls import reverse

from accounts.models import Confirmation, UsedCode
from budget.models import AwardBalance
from calls.enums import MandateRole
from conventions.enums import ConventionState
from conventions.models import Convention, Signing
from core import keyring
from core.signing.keys import SigningError
from tests.conventions.pages import client_of, fresh, hidden, text_of
from tests.factories.conventions import ConventionWorld, representative_of
from tests.factories.territories import AffiliationFactory

pytestmark = pytest.mark.usefixtures("ready_bytes")


@pytest.fixture
def world(db):
    return ConventionWorld(1)


def test_both_parties_sign_through_the_pages(world):
    convention = world.sealed()
    path = f"/conventions/{convention.number}/signature/"
    for user, state in (
        (representative_of(convention), ConventionState.BENEFICIARY_SIGNED),
        (world.signatory, ConventionState.SIGNED),
    ):
        client = client_of(user)
        page = client.get(path)
        assert convention.current_revision().sha256 in text_of(page)
        data = {"shown": hidden(page, "shown"), "key": hidden(page, "key"), "has_read": "on"}
        answer = client.post(path, {**data, "confirmation_code": fresh(user)}, follow=True)
        assert "Votre signature est enregistrée" in text_of(answer)
        convention.refresh_from_db()
        assert convention.state == state
    assert AwardBalance.objects.get().committed == convention.amount


def test_sign_page_opens_at_ones_own_turn_only(world):
    convention = world.sealed()
    path = f"/conventions/{convention.number}/signature/"
    contributor = AffiliationFactory(organisation=convention.application.organisation).user
    for user in (world.officer, contributor):
        assert client_of(user).get(path).status_code == 404
    answer = client_of(world.signatory).get(path, follow=True)
    assert "La collectivité doit signer d’abord" in text_of(answer)
    assert "une fois la convention signée" in text_of(
        client_of(world.officer).get(f"/conventions/{convention.number}/versement/", follow=True)
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"has_read": ""}, "Lisez la convention"),
        ({"confirmation_code": "000000"}, "Ce code n"),
        ({"confirmation_code": ""}, "Saisissez le code"),
        ({"shown": "0" * 64}, "a changé"),
    ],
)
def test_wrong_signing_forms_change_nothing_and_say_why(world, data, message):
    convention = world.sealed()
    user = representative_of(convention)
    client, path = client_of(user), f"/conventions/{convention.number}/signature/"
    page = client.get(path)
    values = {
        "shown": hidden(page, "shown"),
        "key": hidden(page, "key"),
        "has_read": "on",
        "confirmation_code": fresh(user),
        **data,
    }
    answer = client.post(path, values, follow=True)
    assert answer.status_code == 200
    assert message in text_of(answer)
    if "shown" in data:
        assert not UsedCode.objects.filter(user=user).exists(), "told before the code is spent"
        assert hidden(answer, "shown") == hidden(page, "shown"), "and the page shows the bytes of now"
    assert not Signing.objects.exists()
    assert Convention.objects.get().state == ConventionState.SEALED


def test_representative_without_second_factor_is_told_what_to_do(world):
    convention = world.sealed()
    user = representative_of(convention)
    user.authenticator_set.all().delete()
    answer = client_of(user).get(f"/conventions/{convention.number}/signature/")
    assert answer.status_code == 200
    assert "seconde vérification" in text_of(answer)


def test_signature_whose_timestamp_is_away_is_said_to_be_in_progress(world, monkeypatch):
    convention = world.sealed()
    user = representative_of(convention)
    client, path = client_of(user), f"/conventions/{convention.number}/signature/"
    page = client.get(path)

    def away():
        raise SigningError("refused")

    with monkeypatch.context() as patch:
        patch.setattr(keyring, "timestamp_source", away)
        data = {"shown": hidden(page, "shown"), "key": hidden(page, "key"), "has_read": "on"}
        answer = client.post(path, {**data, "confirmation_code": fresh(user)}, follow=True)
        assert "Votre signature est en cours" in text_of(answer)
        assert "Une signature est en cours" in text_of(answer)
    from conventions.tasks import sweep_signings_task

    sweep_signings_task()
    assert Convention.objects.get().state == ConventionState.BENEFICIARY_SIGNED


def test_signing_queue_holds_what_the_mandate_covers(world):
    convention = world.signed_once()
    text = text_of(client_of(world.signatory).get("/conventions/a-signer/"))
    assert convention.number in text
    elsewhere = world.agent(MandateRole.SIGNATORY, mandate={"departement_code": "75"})
    assert "Rien à signer" in text_of(client_of(elsewhere).get("/conventions/a-signer/"))
    assert client_of(world.officer).get("/conventions/a-signer/").status_code == 404


@pytest.mark.parametrize("name", [("", "Ferrand"), ("Camille", " ")])
def test_whoever_has_no_name_is_told_before_any_code_and_the_same_code_serves_afterwards(world, name):
    convention = world.sealed()
    user = representative_of(convention)
    client, path = client_of(user), f"/conventions/{convention.number}/signature/"
    page = client.get(path)
    values = {"shown": hidden(page, "shown"), "key": hidden(page, "key"), "has_read": "on"}
    values["confirmation_code"] = fresh(user)
    user.first_name, user.last_name = name
    user.save(update_fields=["first_name", "last_name"])
    told = client.get(path)
    assert "Votre nom manque" in text_of(told)
    assert reverse("account_identity") in told.content.decode()
    assert 'name="confirmation_code"' not in told.content.decode()
    refused = client.post(path, values)
    assert "portera votre prénom et votre nom" in text_of(refused)
    assert not UsedCode.objects.filter(user=user).exists()
    assert not Confirmation.objects.exists() and not Signing.objects.exists()
    client.post(reverse("account_identity"), {"first_name": "Camille", "last_name": "Ferrand", "job_title": "Maire"})
    signed = client.post(path, values, follow=True)
    assert "Votre signature" in text_of(signed)
    assert Signing.objects.get().user == user
