"""The command that opens the money of a call on an installed site."""

from decimal import Decimal as D

import pytest
from django.core.management import CommandError, call_command

from budget.models import LedgerEntry, PaymentCredit
from tests.budget.test_envelopes import national_call
from tests.factories.budget import make_call


def test_command_opens_the_announced_money_once(db, capsys):
    call, _axes = national_call(departements=3)
    for _ in range(2):
        call_command("install_envelopes", call.code)
        assert "88\u202f000\u202f000,00\u00a0€ ouverts" in capsys.readouterr().out
    count = LedgerEntry.objects.count()
    assert call.envelopes.count() == 8
    call_command("install_envelopes", call.code)
    assert LedgerEntry.objects.count() == count


def test_command_opens_the_payment_credits_that_are_given(db):
    call, _axes = national_call(departements=1)
    credits = ["--payment-credits", "2027=80000000", "--payment-credits", "2028=8 000 000,00"]
    call_command("install_envelopes", call.code, *credits)
    assert dict(PaymentCredit.objects.values_list("year", "opened")) == {2027: D(80_000_000), 2028: D(8_000_000)}


@pytest.mark.parametrize(
    ("credits", "told"),
    [
        (["2027=80000000"], "doivent totaliser"),
        (["demain=88000000"], "écrivez l’année"),
        (["2027=88000000,001"], "deux décimales"),
        (["²027=88000000"], "écrivez l’année"),
    ],
)
def test_command_refuses_credits_it_cannot_open_and_writes_nothing(db, credits, told):
    call, _axes = national_call(departements=1)
    with pytest.raises(CommandError, match=told):
        call_command("install_envelopes", call.code, *(f"--payment-credits={text}" for text in credits))
    assert not LedgerEntry.objects.exists()


def test_command_refuses_an_unknown_call_and_one_without_amount(db):
    with pytest.raises(CommandError, match="Aucun appel"):
        call_command("install_envelopes", "inconnu")
    with pytest.raises(CommandError, match="n’annonce aucun montant"):
        call_command("install_envelopes", make_call(announced_amount=None).code)
    assert not LedgerEntry.objects.exists()
