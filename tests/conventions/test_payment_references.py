"""A number of payment request serves one payment of a call. Two documents of their own: nothing made once is shared."""

from datetime import timedelta

import pytest
from django.urls import reverse

from budget.models import AwardBalance
from conventions.models import Payment
from conventions.services import payments
from conventions.services.writing import write_convention
from core.errors import Refused
from tests.factories.accounts import sign_in
from tests.factories.conventions import SIGNED, ConventionWorld, pay_as, representative_of, sign_as


def test_reference_serves_one_payment_of_the_call(client, db):
    world = ConventionWorld(2)
    one, other = (signed_to_the_end(world, row) for row in world.release())
    pay_as(one, world.officer, reference="DP-2021-77")
    sign_in(client, world.officer)
    facts = {"service_done_on": "2021-11-20", "paid_on": "2021-11-22", "reference": "dp-2021-77"}
    page = client.get(reverse("convention_pay", args=[other.number]), facts)
    assert "autre versement" in " ".join(page.context["form"].errors["reference"])
    assert "Code de confirmation" not in page.content.decode()
    with pytest.raises(Refused, match="autre versement") as refusal:
        pay_as(other, world.officer, reference="dp-2021-77")
    assert refusal.value.field == "reference"
    assert Payment.objects.count() == 1
    assert AwardBalance.objects.get(application=other.application).paid == 0


def test_database_holds_each_reference_to_one_payment(db, monkeypatch):
    """Two people at once: neither sees the other's payment, the database refuses the second in the same words."""
    world = ConventionWorld(2)
    one, other = (signed_to_the_end(world, row) for row in world.release())
    pay_as(one, world.officer, reference="DP-2021-77")
    monkeypatch.setattr(payments, "refusals_of", lambda **facts: [])
    with pytest.raises(Refused, match="autre versement"):
        pay_as(other, world.officer, reference="Dp-2021-77")
    assert Payment.objects.count() == 1
    assert AwardBalance.objects.get(application=other.application).paid == 0


def signed_to_the_end(world, convention):
    write_convention(convention_id=str(convention.pk))
    convention.refresh_from_db()
    sign_as(convention, representative_of(convention))
    return sign_as(convention, world.signatory, at=SIGNED + timedelta(hours=1))
