"""The single payment: once, whole, on the credits of its year, confirmed."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from budget.models import AwardBalance, PaymentCredit
from conventions.enums import ConventionState
from conventions.models import Convention, Payment
from conventions.services.payments import PAY_ACT, record_payment, what_is_paid
from core.errors import Refused
from core.models import JournalEntry, OutboxMessage
from tests.factories.accounts import confirmed, sign_in
from tests.factories.conventions import PAID, SIGNED, ConventionWorld, pay_as

FACTS = {"service_done_on": date(2021, 11, 20), "paid_on": date(2021, 11, 22), "reference": "DP-1"}


IN_2022 = {"service_done_on": date(2022, 2, 1), "paid_on": date(2022, 3, 1)}

pytestmark = pytest.mark.usefixtures("ready_bytes")


@pytest.fixture
def world(db):
    made = ConventionWorld(1)
    made.convention = made.signed()
    return made


def untouched(world):
    convention = Convention.objects.get()
    assert convention.state == ConventionState.SIGNED
    assert not Payment.objects.exists()
    assert AwardBalance.objects.get(application=convention.application).paid == 0
    assert not JournalEntry.objects.filter(action="convention.pay").exists()


def test_payment_of_the_whole_amount_is_recorded_told_and_journaled(world):
    payment = pay_as(world.convention, world.officer)
    world.convention.refresh_from_db()
    assert world.convention.state == ConventionState.PAID
    assert payment.amount == payment.ledger_entry.amount == Decimal("10000.00")
    assert AwardBalance.objects.get(application=world.convention.application).paid == Decimal("10000.00")
    assert PaymentCredit.objects.get(year=2021).paid == Decimal("10000.00")
    mail = OutboxMessage.objects.filter(kind="core.mail").latest("created_at")
    assert mail.payload["subject"].endswith("] La subvention est versée")
    entry = JournalEntry.objects.get(action="convention.pay")
    assert entry.data == {
        "amount": "10000.00",
        "entry": str(payment.ledger_entry_id),
        "reference": "DP-2021-000123",
    }


def test_same_key_pays_once_and_another_key_is_refused(world):
    first = pay_as(world.convention, world.officer, key="k")
    assert pay_as(world.convention, world.officer, key="k") == first
    with pytest.raises(Refused, match="versée"):
        pay_as(world.convention, world.officer, key="other")
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("service_done_on", {"service_done_on": (SIGNED - timedelta(days=1)).date()}),
        ("paid_on", {"service_done_on": date(2021, 11, 22), "paid_on": date(2021, 11, 21)}),
        ("paid_on", {"paid_on": (PAID + timedelta(days=1)).date()}),
    ],
)
def test_dates_out_of_order_are_refused_at_their_field(world, field, changes):
    with pytest.raises(Refused) as refusal:
        pay_as(world.convention, world.officer, **changes)
    assert refusal.value.field == field
    untouched(world)


def test_payment_is_charged_to_the_credits_of_its_own_year(world):
    with pytest.raises(Refused, match="2022"):
        pay_as(world.convention, world.officer, at=PAID.replace(year=2022), **IN_2022)
    untouched(world)
    world.open_credits(2022, "10000.00")
    pay_as(world.convention, world.officer, at=PAID.replace(year=2022), **IN_2022)
    assert PaymentCredit.objects.get(year=2022).paid == Decimal("10000.00")
    assert PaymentCredit.objects.get(year=2021).paid == 0


def test_credits_too_short_refuse_the_payment(world):
    world.open_credits(2022, "9999.99")
    with pytest.raises(Refused, match=r"9.999,99"):
        pay_as(world.convention, world.officer, at=PAID.replace(year=2022), **IN_2022)
    untouched(world)


@pytest.mark.parametrize("who", ["signatory", "releaser"])
def test_only_an_officer_records_a_payment(world, who):
    with pytest.raises(Refused, match="gestionnaire"):
        pay_as(world.convention, getattr(world, who))
    untouched(world)


def test_confirmation_of_other_facts_does_not_serve(world):
    confirmed(world.officer, act=PAY_ACT, content_sha256=what_is_paid(world.convention, **FACTS), at=PAID)
    with pytest.raises(Refused) as refusal:
        record_payment(
            convention=world.convention, user=world.officer, at=PAID, key="k", **{**FACTS, "reference": "DP-2"}
        )
    assert refusal.value.field == "confirmation_code"
    untouched(world)


def test_convention_not_signed_is_not_paid(db):
    world = ConventionWorld(1)
    convention = world.signed_once()
    with pytest.raises(Refused, match="à signer par l’État"):
        pay_as(convention, world.officer)
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("service_done_on", "paid_on", "sentence"),
    [
        ("2020-01-01", "2022-03-01", "ne peut pas précéder la signature"),
        ("2022-03-01", "2099-01-01", "La date du versement est dans le futur"),
        ("2099-01-01", "2022-03-01", "La date du service fait est dans le futur"),
        ("2022-03-02", "2022-03-01", "ne peut pas précéder le service fait"),
    ],
)
def test_impossible_dates_are_told_before_anything_is_confirmed(client, db, service_done_on, paid_on, sentence):
    world = ConventionWorld(1)
    convention = world.signed()
    sign_in(client, world.officer)
    dates = {"service_done_on": service_done_on, "paid_on": paid_on, "reference": "DP-1"}
    page = client.get(reverse("convention_pay", args=[convention.number]), dates).content.decode()
    assert sentence in page
    assert "Code de confirmation" not in page


def first_step(client, convention, **changes):
    """The page that answers the facts typed, before anything is confirmed."""
    facts = {"service_done_on": "2021-11-20", "paid_on": "2021-11-22", "reference": "DP-1", **changes}
    return client.get(reverse("convention_pay", args=[convention.number]), facts)


def told_at(response, field):
    """The messages at a field, and that nothing is asked to be confirmed."""
    assert "confirmation" not in response.context or not response.context["confirmation"]
    assert "Code de confirmation" not in response.content.decode()
    return " ".join(response.context["form"].errors[field])


@pytest.mark.parametrize("reference", ["<script>zz é", "DP-1é", "-DP", "DP/", "D" * 41, "DP_1;2"])
def test_reference_of_another_form_is_told_at_its_field_and_kept(client, world, reference):
    sign_in(client, world.officer)
    response = first_step(client, world.convention, reference=reference)
    assert "lettres sans accent" in told_at(response, "reference")
    assert response.context["form"]["reference"].value() == reference
    with pytest.raises(Refused, match="lettres sans accent"):
        pay_as(world.convention, world.officer, reference=reference)
    untouched(world)


@pytest.mark.parametrize("cut", ["-", " ", ""])
def test_reference_is_not_the_number_of_the_commitment(client, world, cut):
    sign_in(client, world.officer)
    number = world.convention.commitment_number.replace("-", cut).lower()
    assert "engagement (EJ)" in told_at(first_step(client, world.convention, reference=number), "reference")
    with pytest.raises(Refused, match="EJ") as refusal:
        pay_as(world.convention, world.officer, reference=number)
    assert refusal.value.field == "reference"
    untouched(world)


def test_year_without_enough_credits_is_told_at_its_field_before_anything_is_confirmed(client, world, time_machine):
    time_machine.move_to(PAID.replace(year=2022))
    sign_in(client, world.officer)
    facts = {"service_done_on": "2022-02-01", "paid_on": "2022-03-01"}
    assert "Il reste 0,00" in told_at(first_step(client, world.convention, **facts), "paid_on")
    world.open_credits(2022, "9999.99")
    said = told_at(first_step(client, world.convention, **facts), "paid_on")
    assert "999,99" in said and "pour 2022" in said
    world.open_credits(2022, "0.01")
    assert first_step(client, world.convention, **facts).context["confirmation"]
    untouched(world)
