"""The home page counts what waits about conventions, and its links open exactly that."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from applications.enums import AccessEffect, AccessSource
from applications.models import Access, Application
from conventions.models import Convention, Repayment
from conventions.services.repayments import answer_repayment, notify_repayment
from conventions.services.reports import final_report_due_on, overdue_final_report, send_report
from core.models import OutboxMessage
from core.navigation import waiting_for
from core.templatetags.guichet import paris_date
from tests.factories.accounts import sign_in
from tests.factories.conventions import PAID, ConventionWorld, pay_as, representative_of, sign_as

pytestmark = pytest.mark.usefixtures("ready_bytes")
NOTIFIED = PAID + timedelta(days=400)


def waits(user):
    """What waits for somebody about conventions, looked up anew: label to address."""
    found = waiting_for(User.objects.get(pk=user.pk))
    return {link.label.replace("\u00a0", " "): link.url for link in found if link.url.startswith("/conventions/")}


def listed(client, user, address):
    sign_in(client, user)
    page = client.get(address)
    return [row.number for row in page.context["page"].object_list]


def notified(world, convention):
    return notify_repayment(
        convention=convention,
        user=world.officer,
        at=NOTIFIED,
        key=str(uuid4()),
        ground=Repayment.Ground.NOT_COMPLETED,
        amount=Decimal("4000.00"),
        reason="Projet non achevé.",
        answer_due_on=(NOTIFIED + timedelta(days=40)).date(),
    )


def test_signature_waits_for_the_representative_until_it_is_given(client, db):
    world = ConventionWorld(1)
    convention = world.sealed()
    representative = representative_of(convention)
    assert waits(representative) == {"1 convention à signer": "/conventions/?attente=signature"}
    assert listed(client, representative, "/conventions/?attente=signature") == [convention.number]
    sign_as(convention, representative)
    assert waits(representative) == {}
    assert listed(client, representative, "/conventions/?attente=signature") == []


def test_payment_waits_for_the_officer_until_it_is_recorded(client, db, time_machine):
    time_machine.move_to(PAID)
    world = ConventionWorld(1)
    convention = world.signed()
    # Another one, not signed yet, is listed without the filter and with it is not.
    world.release([world.dossier()])
    assert waits(world.officer) == {"1 convention à verser": "/conventions/?attente=versement"}
    assert listed(client, world.officer, "/conventions/?attente=versement") == [convention.number]
    assert len(listed(client, world.officer, "/conventions/")) == 2
    for other in (world.signatory, world.releaser, representative_of(convention)):
        assert waits(other) == {}
        # A filter that is not theirs is ignored like any other that cannot be read.
        sign_in(client, other)
        assert "Versement à enregistrer" not in client.get("/conventions/?attente=versement").content.decode()
    pay_as(convention, world.officer)
    assert waits(world.officer) == {}
    assert listed(client, world.officer, "/conventions/?attente=versement") == []


def test_convention_closed_to_the_officer_is_not_counted(db):
    world = ConventionWorld(1)
    convention = world.signed()
    Access.objects.create(
        user=world.officer,
        application=convention.application,
        effect=AccessEffect.DENY,
        source=AccessSource.RECUSAL,
        created_at=timezone.now(),
    )
    assert waits(world.officer) == {}


def test_repayment_waits_for_the_observations_then_for_the_decision(client, db, time_machine):
    world = ConventionWorld(1)
    convention = world.paid()
    representative = representative_of(convention)
    time_machine.move_to(NOTIFIED)
    repayment = notified(world, convention)
    asked = {"1 reversement envisagé sur lequel donner vos observations": "/conventions/?attente=observations"}
    assert waits(representative) == asked
    assert listed(client, representative, "/conventions/?attente=observations") == [convention.number]
    assert waits(world.officer) == {}
    answer_repayment(
        repayment=repayment,
        user=representative,
        at=NOTIFIED + timedelta(days=1),
        key=str(uuid4()),
        answer="Il le sera.",
    )
    assert waits(representative) == {}
    assert waits(world.officer) == {"1 reversement à décider": "/conventions/?attente=reversement"}
    assert listed(client, world.officer, "/conventions/?attente=reversement") == [convention.number]
    Repayment.objects.update(
        decided_at=timezone.now() + timedelta(days=2), amount_decided=0, decision_reason="Entendu."
    )
    assert waits(world.officer) == {}


def test_repayment_left_without_answer_waits_for_the_decision_once_the_time_is_over(db, time_machine):
    world = ConventionWorld(1)
    convention = world.paid()
    time_machine.move_to(NOTIFIED)
    notified(world, convention)
    time_machine.move_to(NOTIFIED + timedelta(days=42))
    assert list(waits(world.officer)) == ["1 reversement à décider"]
    assert waits(representative_of(convention)) == {}


def test_batch_that_the_worker_gave_up_waits_for_the_officer(client, db):
    world = ConventionWorld(1)
    convention = world.release()[0]
    message = OutboxMessage.objects.filter(dedupe_key=f"convention:{convention.pk}")
    assert waits(world.officer) == {}
    message.update(last_error="RenderError", abandoned_at=timezone.now())
    address = "/conventions/lots/?attente=reprise"
    assert waits(world.officer) == {"1 lot de conventions à relancer": address}
    assert waits(world.signatory) == {}
    sign_in(client, world.officer)
    assert [row.pk for row in client.get(address).context["batches"]] == [world.batch.pk]
    client.post(f"/conventions/lots/{world.batch.pk}/reprise/")
    assert waits(world.officer) == {}
    assert "Aucun lot à relancer" in client.get(address).content.decode()
    assert world.batch.decision_list.number in client.get("/conventions/lots/").content.decode()


def test_what_waits_costs_the_same_however_much_it_is(db):
    world = ConventionWorld(1)
    world.release()

    def cost():
        user = User.objects.get(pk=world.officer.pk)
        with CaptureQueriesContext(connection) as captured:
            waiting_for(user)
        return len(captured)

    one = cost()
    world.release([world.dossier() for _ in range(4)])
    OutboxMessage.objects.update(last_error="RenderError", abandoned_at=timezone.now())
    assert list(waits(world.officer)) == ["2 lots de conventions à relancer"]
    assert cost() == one


def test_final_report_waits_for_the_beneficiary_then_is_late_for_the_officer(client, db, time_machine):
    world = ConventionWorld(1)
    convention = world.paid()
    representative = representative_of(convention)
    ends_on = convention.application.ends_on
    time_machine.move_to(datetime.combine(ends_on, time(12), tzinfo=UTC))
    assert waits(representative) == {} == waits(world.officer)
    time_machine.move_to(datetime.combine(ends_on + timedelta(days=1), time(12), tzinfo=UTC))
    asked = {"1 compte rendu final à envoyer": "/conventions/?attente=compte-rendu"}
    assert waits(representative) == asked and waits(world.officer) == {}
    due = final_report_due_on(convention)
    assert due == ends_on.replace(year=ends_on.year + 1)
    time_machine.move_to(datetime.combine(due, time(12), tzinfo=UTC))
    assert waits(world.officer) == {}
    time_machine.move_to(datetime.combine(due + timedelta(days=1), time(12), tzinfo=UTC))
    assert waits(world.officer) == {"1 compte rendu final en retard": "/conventions/?attente=retard"}
    assert listed(client, world.officer, "/conventions/?attente=retard") == [convention.number]
    page = client.get(f"/conventions/{convention.number}/").content.decode()
    assert "En retard" in page and paris_date(due) in page
    send_report(
        convention=convention,
        user=representative,
        at=timezone.now(),
        key=str(uuid4()),
        is_final=True,
        body="Achevé.",
        spent=Decimal("10000.00"),
    )
    assert waits(representative) == {} == waits(world.officer)
    assert "était attendu" not in client.get(f"/conventions/{convention.number}/").content.decode()


@pytest.mark.parametrize(
    ("ends_on", "today", "is_late"),
    [
        (date(2023, 2, 28), date(2024, 2, 28), False),
        (date(2023, 2, 28), date(2024, 2, 29), True),
        (date(2024, 2, 29), date(2025, 2, 28), False),
        (date(2024, 2, 29), date(2025, 3, 1), True),
    ],
)
def test_twelve_months_are_those_of_the_calendar(db, ends_on, today, is_late):
    world = ConventionWorld(1)
    convention = world.signed()
    Application.objects.filter(pk=convention.application_id).update(ends_on=ends_on)
    late = overdue_final_report(Convention.objects.all(), today)
    convention = Convention.objects.select_related("application").get(pk=convention.pk)
    assert late.exists() == is_late == (final_report_due_on(convention) < today)


def test_repayment_in_progress_is_listed_and_counted_as_no_work(client, db, time_machine):
    world = ConventionWorld(1)
    convention = world.paid()
    address = "/conventions/?attente=reversement-en-cours"
    assert listed(client, world.officer, address) == []
    time_machine.move_to(NOTIFIED)
    notified(world, convention)
    assert listed(client, world.officer, address) == [convention.number]
    assert not any("en-cours" in url for url in waits(world.officer).values())
    sign_in(client, representative_of(convention))
    address_of = f"/conventions/{convention.number}/"
    page = client.get(address_of).content.decode()
    assert "vos observations sont attendues" in page and "répondez jusqu’au" in page
    time_machine.move_to(NOTIFIED + timedelta(days=42))
    sign_in(client, representative_of(convention))
    assert "le délai pour répondre est écoulé" in client.get(address_of).content.decode()
    time_machine.move_to(NOTIFIED)
    Repayment.objects.update(
        decided_at=timezone.now() + timedelta(days=41), amount_decided=4000, decision_reason="Non achevé."
    )
    assert listed(client, world.officer, address) == [convention.number]
    Repayment.objects.update(amount_decided=0)
    assert listed(client, world.officer, address) == []
