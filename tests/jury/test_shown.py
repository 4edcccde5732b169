"""What a person confirms is what the page showed them: a page grown old confirms nothing."""

import re
from decimal import Decimal
from uuid import uuid4

from django.urls import reverse

from accounts.models import Confirmation
from applications.models import Application
from budget.models import LedgerEntry
from jury import services
from jury.enums import Outcome
from jury.models import DecisionList
from tests.factories.accounts import code_of, sign_in
from tests.factories.jury import DECIDED, HELD, JuryWorld


def hidden(content, name):
    found = re.search(rf'name="{name}" value="([^"]*)"', content)
    assert found is not None, name
    return found[1]


def facts():
    """What a refused release must leave as it was."""
    return (
        LedgerEntry.objects.filter(movement="reserve").count(),
        Confirmation.objects.count(),
        DecisionList.objects.filter(state="released").count(),
    )


def edited_again(world, prepared):
    """The officer takes the list back, cuts an award and proposes it again."""
    reopened = services.reopen_list(decision_list=prepared, at=DECIDED, actor=world.officer)
    services.edit_decision(
        decision=reopened.decisions.first(),
        outcome=Outcome.AWARDED,
        amount=Decimal("1000.00"),
        motive="Un poste est écarté.",
        version=reopened.version,
        at=DECIDED,
        actor=world.officer,
    )
    reopened.refresh_from_db()
    return services.mark_prepared(decision_list=reopened, version=reopened.version, at=DECIDED, actor=world.officer)


def test_release_of_a_list_changed_since_it_was_shown_is_refused(client, db):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    sign_in(client, world.releaser)
    url = reverse("decision_list_release", kwargs={"pk": prepared.pk})
    shown = hidden(client.get(url).content.decode(), "shown")
    edited_again(world, prepared)
    before = facts()
    code = code_of(world.releaser)
    old = {"shown": shown, "idempotency_key": str(uuid4()), "confirmation_code": code}
    page = client.post(url, old, follow=True).content.decode()
    assert "La liste a changé depuis que vous l’avez lue" in page
    assert "1\u202f000,00" in page
    assert facts() == before
    # The code was not spent: it confirms the list as it now stands.
    now = {**old, "shown": hidden(page, "shown")}
    assert "est libérée" in client.post(url, now, follow=True).content.decode()


def test_release_of_a_list_taken_back_since_it_was_shown_says_so(client, db):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    sign_in(client, world.releaser)
    url = reverse("decision_list_release", kwargs={"pk": prepared.pk})
    shown = hidden(client.get(url).content.decode(), "shown")
    services.reopen_list(decision_list=prepared, at=DECIDED, actor=world.officer)
    before = facts()
    data = {"shown": shown, "idempotency_key": str(uuid4()), "confirmation_code": code_of(world.releaser)}
    assert "La liste a changé" in client.post(url, data, follow=True).content.decode()
    assert facts() == before


def test_release_without_what_was_shown_is_refused(client, db):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    sign_in(client, world.releaser)
    url = reverse("decision_list_release", kwargs={"pk": prepared.pk})
    before = facts()
    data = {"idempotency_key": str(uuid4()), "confirmation_code": code_of(world.releaser)}
    assert "La liste a changé" in client.post(url, data, follow=True).content.decode()
    assert facts() == before


def block_of(client, world, deliberation):
    """The address of the block and what its page sends back."""
    sign_in(client, world.chair_user)
    url = reverse("deliberation_block", kwargs={"pk": deliberation.pk})
    data = {"below": "refused", "motive": "Au-delà de l’enveloppe."}
    return url, {**data, "shown": hidden(client.get(url).content.decode(), "shown")}


def read_and_met(**shape):
    world = JuryWorld(dossiers=3, **shape)
    world.assign()
    world.submit_all()
    return world, world.meet()


def test_block_whose_amount_changed_since_it_was_shown_is_refused(client, db):
    world, deliberation = read_and_met(amount="20000.00")
    url, data = block_of(client, world, deliberation)
    Application.objects.filter(pk=world.applications[1].pk).update(amount_requested=Decimal("9000.00"))
    page = client.post(url, data).content.decode()
    assert "Les dossiers hors discussion ont changé" in page
    assert "Au-delà de l’enveloppe." in page
    assert not deliberation.opinions.exists()
    again = client.post(url, {**data, "shown": hidden(page, "shown")})
    assert again.status_code == 302


def test_block_whose_line_moved_since_it_was_shown_is_refused(client, db):
    world, deliberation = read_and_met(amount="20000.00")
    url, data = block_of(client, world, deliberation)
    # The second one no longer fits.
    Application.objects.filter(pk=world.applications[1].pk).update(amount_requested=Decimal("15000.00"))
    assert "Les dossiers hors discussion ont changé" in client.post(url, data).content.decode()
    assert not deliberation.opinions.exists()


def test_block_that_gained_a_dossier_since_it_was_shown_is_refused(client, db):
    world, deliberation = read_and_met()
    world.opine(deliberation, world.applications[0])
    url, data = block_of(client, world, deliberation)
    deliberation.opinions.all().delete()
    assert "Les dossiers hors discussion ont changé" in client.post(url, data).content.decode()
    assert not deliberation.opinions.exists()


def test_block_without_what_was_shown_is_refused(client, db):
    world, deliberation = read_and_met()
    url, data = block_of(client, world, deliberation)
    assert "Les dossiers hors discussion ont changé" in client.post(url, {**data, "shown": ""}).content.decode()
    assert not deliberation.opinions.exists()
    assert client.post(url, data).status_code == 302
    assert deliberation.opinions.count() == 3


def test_block_writes_nothing_that_stands_otherwise_than_shown(db):
    world, deliberation = read_and_met(amount="20000.00")
    first, second, _ = world.applications
    written = services.confirm_block(
        deliberation=deliberation,
        motive="Au-delà de l’enveloppe.",
        shown={str(first.pk): True, str(second.pk): False},
        at=HELD,
        actor=world.chair_user,
    )
    assert [opinion.application_id for opinion in written] == [first.pk]


def test_block_without_a_quorum_says_what_to_do_first(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    world.assign()
    world.submit_all()
    deliberation = world.meet()
    deliberation.attendance.all().delete()
    url, data = block_of(client, world, deliberation)
    page = client.post(url, data, follow=True).content.decode()
    assert "Enregistrez d’abord les présences" in page
    assert not deliberation.opinions.exists()
