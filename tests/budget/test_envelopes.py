"""The tree of the call of 88 M€, and the leaf that each dossier spends."""

from decimal import Decimal as D

import pytest

from budget.envelopes import envelope_for, install_envelopes
from budget.models import Balance, Envelope, LedgerEntry, PaymentCredit
from calls.models import RulesVersion
from core.errors import Refused
from territories.enums import TerritoryKind
from territories.models import Territory, Vintage
from tests.factories.budget import AT, make_application, make_axis, make_call


def national_call(departements=101):
    """The figures announced in 2021, on ``departements`` départements with codes of their own."""
    call = make_call(announced_amount=D("88000000.00"))
    vintage = Vintage.objects.create(year=2021, source="essai", licence="LO", loaded_at=AT)
    RulesVersion.objects.create(call=call, number=1, effective_at=AT, vintage=vintage)
    kinds = [(TerritoryKind.DEPARTEMENT, f"{number:03d}") for number in range(departements)]
    Territory.objects.bulk_create(
        Territory(vintage=vintage, kind=kind, code=code, name=f"Nom {code}", search_name=code, region_code="11")
        for kind, code in [*kinds, (TerritoryKind.REGION, "11")]
    )
    amounts = {"axe-1": "30000000.00", "axe-2": "24000000.00", "axe-3": "34000000.00"}
    axes = {
        code: make_axis(
            call,
            code=code,
            position=int(code[-1]),
            title=f"Axe {code[-1]} : nom",
            announced_amount=D(amount),
            is_territorial=code == "axe-3",
        )
        for code, amount in amounts.items()
    }
    axes["pack"] = make_axis(call, code="pack", position=4, funded_from=axes["axe-2"])
    return call, axes


def test_install_envelopes_shares_88_millions_to_the_cent(db):
    call, _axes = national_call()
    root = install_envelopes(call=call, at=AT, actor=None)
    balances = {row.envelope.code: row for row in Balance.objects.select_related("envelope")}
    assert (balances[root.code].allocated, balances[root.code].delegated) == (D(88_000_000), D(88_000_000))
    assert [balances[f"axe-{n}"].allocated for n in (1, 2, 3)] == [D(30_000_000), D(24_000_000), D(34_000_000)]
    leaves = Envelope.objects.filter(parent__code="axe-3")
    departements = leaves.exclude(departement_code="")
    assert departements.count() == 101
    assert {balances[leaf.code].allocated for leaf in departements} == {D(297_000)}
    assert balances["axe-3-regions"].allocated == D(4_003_000)
    assert balances["axe-3"].delegated == D(34_000_000)
    assert list(PaymentCredit.objects.order_by("year").values_list("year", "opened")) == [
        (2021, D(44_000_000)),
        (2022, D(44_000_000)),
    ]
    assert leaves.get(departement_code="033").name == "Axe 3 – Nom 033"


def test_install_envelopes_again_changes_nothing(db):
    call, _axes = national_call(3)
    first = install_envelopes(call=call, at=AT, actor=None)
    entries = LedgerEntry.objects.count()
    assert install_envelopes(call=call, at=AT.replace(year=2026), actor=None) == first
    assert LedgerEntry.objects.count() == entries


def test_install_envelopes_takes_the_payment_credits_given(db):
    call, _axes = national_call(3)
    install_envelopes(call=call, at=AT, actor=None, payment_credits={2022: D(1000)})
    assert list(PaymentCredit.objects.values_list("year", "opened")) == [(2022, D(1000))]


def test_install_envelopes_without_amount_is_refused(db):
    with pytest.raises(Refused):
        install_envelopes(call=make_call(announced_amount=None), at=AT, actor=None)
    assert not Envelope.objects.exists()


def test_install_envelopes_refuses_shares_above_the_axis(db):
    call, _axes = national_call(3)
    with pytest.raises(Refused):
        install_envelopes(call=call, at=AT, actor=None, departement_share=D(12_000_000))
    assert not Envelope.objects.exists()


@pytest.mark.parametrize(
    ("axis", "departement", "code"),
    [
        ("axe-1", "001", "axe-1"),
        ("axe-2", "", "axe-2"),
        ("pack", "001", "axe-2"),
        ("axe-3", "001", "axe-3-001"),
        ("axe-3", "", "axe-3-regions"),
        ("axe-3", "987", "axe-3-regions"),
    ],
)
def test_envelope_for_finds_the_leaf(db, axis, departement, code):
    call, axes = national_call(3)
    install_envelopes(call=call, at=AT, actor=None)
    application = make_application(axes[axis], departement_code=departement)
    assert envelope_for(application).code == code


def test_envelope_for_without_envelope_is_refused(db):
    with pytest.raises(Refused, match="Aucune enveloppe"):
        envelope_for(make_application(make_axis(make_call())))
