"""The second person gives a list back: why, who is told, and that they still release what comes of it."""

from decimal import Decimal

import pytest
from django.db import transaction
from django.urls import reverse

from applications.enums import AccessEffect, AccessSource
from applications.models import Access
from calls.enums import MandateRole
from core.errors import Refused
from core.mail import send_mail
from core.models import JournalEntry, OutboxMessage
from jury import services
from jury.enums import DecisionListState, Outcome
from jury.models import DecisionList
from tests.factories.accounts import sign_in
from tests.factories.jury import DECIDED, JuryWorld, left_of

MAILS = "mail:jury:list-sent-back:"
WHY = "Le montant du premier dossier n’est pas celui du procès-verbal."


@pytest.fixture
def world(db):
    return JuryWorld(dossiers=2, jurors=2)


def deny(user, application):
    Access.objects.create(
        user=user,
        application=application,
        effect=AccessEffect.DENY,
        source=AccessSource.RECUSAL,
        created_at=DECIDED,
    )


def page_of(name, row):
    return reverse(name, kwargs={"pk": row.pk})


def test_list_sent_back_is_in_preparation_again_and_its_proposer_told(client, world, mailoutbox):
    prepared = world.prepared()
    before = left_of(world)
    sign_in(client, world.releaser)
    url = page_of("decision_list_send_back", prepared)
    for page in ("decision_list_detail", "decision_list_release"):
        assert f'href="{url}"' in client.get(page_of(page, prepared)).content.decode()
    done = client.post(url, {"reason": WHY, "version": prepared.version}, follow=True)
    assert done.redirect_chain[-1][0] == page_of("decision_list_detail", prepared)
    back = DecisionList.objects.get(pk=prepared.pk)
    assert (back.state, back.version, left_of(world)) == (DecisionListState.PREPARING, prepared.version + 1, before)
    send_mail(OutboxMessage.objects.get(dedupe_key__startswith=MAILS).payload)
    assert mailoutbox[-1].to == [world.officer.email]
    # Why is read on the list, with the rights of that moment.
    assert WHY not in mailoutbox[-1].body
    assert page_of("decision_list_detail", prepared) in mailoutbox[-1].body
    entry = JournalEntry.objects.get(action="decision_list.sent_back")
    assert (entry.actor_id, entry.reason, entry.from_state, entry.to_state) == (
        world.releaser.pk,
        WHY,
        "prepared",
        "preparing",
    )


def test_reason_is_shown_to_who_prepares_until_the_list_is_proposed_again(client, world):
    prepared = world.prepared()
    sign_in(client, world.officer)
    url = page_of("decision_list_detail", prepared)
    assert "À revoir" not in client.get(url).content.decode()
    back = services.send_back_list(
        decision_list=prepared, reason=WHY, version=prepared.version, at=DECIDED, actor=world.releaser
    )
    page = client.get(url).content.decode()
    assert WHY in page
    assert f"Renvoyée par {world.releaser}" in page
    services.mark_prepared(decision_list=back, version=back.version, at=DECIDED, actor=world.officer)
    assert WHY not in client.get(url).content.decode()


def test_who_sent_the_list_back_releases_what_comes_of_it(world):
    """Above the threshold two persons are needed: asking for a change is not preparing."""
    world.call.two_person_threshold = Decimal(1)
    world.call.save()
    prepared = world.prepared(world.deliberated([Outcome.AWARDED] * 2))
    back = services.send_back_list(
        decision_list=prepared, reason=WHY, version=prepared.version, at=DECIDED, actor=world.releaser
    )
    again = services.mark_prepared(decision_list=back, version=back.version, at=DECIDED, actor=world.officer)
    assert world.release(again).state == DecisionListState.RELEASED


def test_sending_back_without_a_reason_keeps_the_list_proposed(client, world):
    prepared = world.prepared()
    with pytest.raises(Refused, match="à revoir") as refusal, transaction.atomic():
        services.send_back_list(
            decision_list=prepared, reason=" ", version=prepared.version, at=DECIDED, actor=world.releaser
        )
    assert refusal.value.field == "reason"
    sign_in(client, world.releaser)
    answer = client.post(page_of("decision_list_send_back", prepared), {"reason": " ", "version": prepared.version})
    assert answer.status_code == 200
    assert "obligatoire" in answer.content.decode()
    assert DecisionList.objects.get(pk=prepared.pk).state == DecisionListState.PREPARED
    assert not OutboxMessage.objects.filter(dedupe_key__startswith=MAILS).exists()


def test_list_proposed_again_since_it_was_read_is_not_sent_back(client, world):
    prepared = world.prepared()
    taken = services.reopen_list(decision_list=prepared, at=DECIDED, actor=world.officer)
    services.mark_prepared(decision_list=taken, version=taken.version, at=DECIDED, actor=world.officer)
    sign_in(client, world.releaser)
    page = client.post(page_of("decision_list_send_back", prepared), {"reason": WHY, "version": prepared.version})
    assert "a changé depuis que vous l’avez lue" in page.content.decode()
    assert WHY in page.content.decode()
    assert DecisionList.objects.get(pk=prepared.pk).state == DecisionListState.PREPARED


def test_reason_is_not_sent_to_who_left_a_dossier_of_the_list(world):
    """Whoever proposed the list, then recused from one of its dossiers, is told nothing of it."""
    prepared = world.prepared()
    deny(world.officer, prepared.decisions.first().application)
    services.send_back_list(
        decision_list=prepared, reason=WHY, version=prepared.version, at=DECIDED, actor=world.releaser
    )
    assert DecisionList.objects.get(pk=prepared.pk).state == DecisionListState.PREPARING
    assert not OutboxMessage.objects.filter(dedupe_key__startswith=MAILS).exists()


def test_list_released_meanwhile_is_not_sent_back(client, world):
    released = world.release(world.prepared())
    sign_in(client, world.releaser)
    url = page_of("decision_list_send_back", released)
    assert client.get(url).url == page_of("decision_list_detail", released)
    with pytest.raises(Refused):
        services.send_back_list(
            decision_list=released, reason=WHY, version=released.version, at=DECIDED, actor=world.releaser
        )
    assert DecisionList.objects.get(pk=released.pk).state == DecisionListState.RELEASED


def test_reason_is_kept_from_who_left_a_dossier_even_once_it_is_out_of_the_list(client, world):
    """The correction that follows takes the dossier out: what was said of it does not open with the list."""
    prepared = world.prepared()
    row = prepared.decisions.order_by("pk").first()
    back = services.send_back_list(
        decision_list=prepared, reason=WHY, version=prepared.version, at=DECIDED, actor=world.releaser
    )
    recused, auditor = world.agent(MandateRole.OFFICER), world.agent(MandateRole.AUDITOR)
    free = world.agent(MandateRole.OFFICER)
    for user in (recused, auditor):
        deny(user, row.application)
    services.remove_decision(decision=row, reason="Erreur.", version=back.version, at=DECIDED, actor=world.officer)
    url = page_of("decision_list_detail", prepared)
    for user, reads in ((free, True), (recused, False)):
        sign_in(client, user)
        page = client.get(url)
        assert (page.status_code, WHY in page.content.decode()) == (200, reads)
    for user, reads in ((world.agent(MandateRole.AUDITOR), True), (auditor, False)):
        sign_in(client, user)
        page = client.get(reverse("journal"))
        assert (page.status_code, WHY in page.content.decode()) == (200, reads)


def test_list_taken_back_meanwhile_keeps_the_text_and_says_so(client, world):
    prepared = world.prepared()
    services.reopen_list(decision_list=prepared, at=DECIDED, actor=world.officer)
    sign_in(client, world.releaser)
    page = client.post(page_of("decision_list_send_back", prepared), {"reason": WHY, "version": prepared.version})
    assert page.status_code == 200
    assert WHY in page.content.decode()
    assert "Une correction est nécessaire" in page.content.decode()


def test_releaser_recused_from_a_dossier_sends_nothing_back(world):
    prepared = world.prepared()
    deny(world.releaser, prepared.decisions.first().application)
    with pytest.raises(Refused, match="droit"), transaction.atomic():
        services.send_back_list(
            decision_list=prepared, reason=WHY, version=prepared.version, at=DECIDED, actor=world.releaser
        )
    assert DecisionList.objects.get(pk=prepared.pk).state == DecisionListState.PREPARED


def test_mail_is_not_sent_to_a_closed_account(world):
    prepared = world.prepared()
    world.officer.is_active = False
    world.officer.save(update_fields=["is_active"])
    services.send_back_list(
        decision_list=DecisionList.objects.get(pk=prepared.pk),
        reason=WHY,
        version=prepared.version,
        at=DECIDED,
        actor=world.releaser,
    )
    assert not OutboxMessage.objects.filter(dedupe_key__startswith=MAILS).exists()
