"""Each verb of the ledger: what it moves, what it refuses, in which words."""

from datetime import UTC, datetime
from decimal import Decimal as D

import pytest

from budget import services
from budget.models import AwardBalance, Balance, LedgerEntry, PaymentCredit
from budget.services import Award
from core.errors import Refused
from core.idempotency import KeyReused
from core.models import JournalEntry
from core.money import euros
from tests.factories.budget import AT, Tree, make_application, make_axis, make_call, make_key


def figures(envelope):
    row = Balance.objects.get(pk=envelope.pk)
    return (row.allocated, row.delegated, row.reserved, row.committed, row.paid)


def award_figures(application):
    row = AwardBalance.objects.get(pk=application.pk)
    return (row.reserved, row.committed, row.paid)


def reserve(tree, application, amount, **fields):
    values = {"application": application, "amount": D(amount), "at": AT, "actor": tree.actor, "key": make_key()}
    return services.reserve(**{**values, **fields})


def test_whole_life_of_an_award_moves_balances(db):
    tree = Tree("100000.00")
    application = tree.application()
    common = {"at": AT, "actor": tree.actor}
    assert figures(tree.root) == (D(100000), D(100000), 0, 0, 0)
    reserve(tree, application, "30000.00")
    assert figures(tree.leaf) == (D(100000), 0, D(30000), 0, 0)
    services.commit(application=application, amount=D(25000), key=make_key(), reference="EJ 1", **common)
    assert figures(tree.leaf) == (D(100000), 0, D(5000), D(25000), 0)
    services.record_payment(application=application, amount=D(25000), key=make_key(), **common)
    assert figures(tree.leaf) == (D(100000), 0, D(5000), D(25000), D(25000))
    assert PaymentCredit.objects.get(envelope=tree.root, year=2021).paid == D(25000)
    services.record_repayment(application=application, amount=D(4000), key=make_key(), reason="trop-perçu", **common)
    assert figures(tree.leaf) == (D(100000), 0, D(5000), D(25000), D(21000))
    assert award_figures(application) == (D(5000), D(25000), D(21000))
    assert PaymentCredit.objects.get(envelope=tree.root, year=2021).paid == D(25000)


def test_every_entry_is_numbered_hashed_and_journaled(db):
    tree = Tree("100000.00")
    entries = [reserve(tree, application, "10.00") for application in tree.applications(3)]
    assert [entry.sequence for entry in entries] == [1, 2, 3]
    rows = JournalEntry.objects.filter(chain=f"envelope:{tree.leaf.pk}")
    assert [(row.action, row.data["entry"], row.data["row_hash"], row.data["amount"]) for row in rows] == [
        ("ledger.reserve", str(entry.pk), entry.row_hash, "10.00") for entry in entries
    ]
    assert Balance.objects.get(pk=tree.leaf.pk).last_sequence == 3


def test_reserve_above_what_is_left_says_how_much_and_where(db):
    tree = Tree("12000.00")
    application = tree.application()
    with pytest.raises(Refused) as refusal:
        reserve(tree, application, "15000.00")
    assert refusal.value.message == (
        f"Il reste {euros(12000)} dans l’enveloppe «\u00a0Axe 1\u00a0»\u202f; ce dossier demande {euros(15000)}."
    )
    assert refusal.value.data["shortfalls"][0] | {"envelope_id": 0, "envelope": ""} == {
        "envelope_id": 0,
        "envelope": "",
        "name": "Axe 1",
        "left": "12000.00",
        "asked": "15000.00",
    }
    assert figures(tree.leaf) == (D(12000), 0, 0, 0, 0)
    assert not LedgerEntry.objects.filter(movement="reserve").exists()
    assert not AwardBalance.objects.exists()


def test_reserve_many_is_all_or_nothing_and_names_each_short_envelope(db):
    tree = Tree("1000.00", "2000.00", "3000.00")
    awards = [
        Award(application, D("800.00"), make_key())
        for position in range(3)
        for application in tree.applications(3, position)
    ]
    with pytest.raises(Refused) as refusal:
        services.reserve_many(awards=awards, at=AT, actor=tree.actor)
    assert [short["name"] for short in refusal.value.data["shortfalls"]] == ["Axe 1", "Axe 2"]
    assert refusal.value.message.count(f"cette liste demande {euros(2400)}") == 2
    assert [figures(leaf)[2] for leaf in tree.leaves] == [0, 0, 0]
    kept = services.reserve_many(awards=awards[6:], at=AT, actor=tree.actor)
    assert [entry.application_id for entry in kept] == [award.application.pk for award in awards[6:]]
    assert figures(tree.leaves[2])[2] == D(2400)


def test_same_key_and_content_gives_the_same_entry(db):
    tree = Tree("100.00")
    application = tree.application()
    key = make_key()
    first = reserve(tree, application, "60.00", key=key)
    assert reserve(tree, application, "60.00", key=key) == first
    assert figures(tree.leaf)[2] == D(60)
    with pytest.raises(KeyReused):
        reserve(tree, application, "61.00", key=key)
    with pytest.raises(KeyReused):
        reserve(tree, tree.application(), "60.00", key=key)
    with pytest.raises(KeyReused):
        services.release(reservation=first, at=AT, actor=None, key=key, reason="abandon")
    assert LedgerEntry.objects.filter(movement="reserve").count() == 1


@pytest.mark.parametrize("amount", ["0", "-1.00", "0.001", "NaN", "Infinity"])
def test_amount_of_another_kind_is_refused(db, amount):
    tree = Tree("100.00")
    application = tree.application()
    with pytest.raises(Refused) as refusal:
        reserve(tree, application, amount)
    assert refusal.value.field == "amount"
    assert figures(tree.leaf)[2] == 0


VERBS = ["allocate", "credits", "delegate", "commit", "pay", "repay", "release", "decommit", "cancel"]


@pytest.mark.parametrize(
    ("amount", "why"), [("0", "supérieur à zéro"), ("-1", "supérieur à zéro"), ("0.001", "deux déc")]
)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_an_amount_of_another_kind(db, verb, amount, why):
    tree = Tree("1000.00")
    application = tree.application()
    held = {"application": application, "amount": D(100), "at": AT, "actor": tree.actor}
    reservation = services.reserve(**{**held, "amount": D(200)}, key=make_key())
    commitment = services.commit(**held, key=make_key())
    payment = services.record_payment(**{**held, "amount": D(50)}, key=make_key())
    common = {"amount": D(amount), "at": AT, "actor": tree.actor, "key": make_key()}
    acts = {
        "allocate": lambda: services.allocate(envelope=tree.root, **common),
        "credits": lambda: services.open_payment_credits(envelope=tree.root, year=2022, **common),
        "delegate": lambda: services.delegate(parent=tree.root, child=tree.leaf, **common),
        "commit": lambda: services.commit(application=application, **common),
        "pay": lambda: services.record_payment(application=application, **common),
        "repay": lambda: services.record_repayment(application=application, reason="x", **common),
        "release": lambda: services.release(reservation=reservation, reason="x", **common),
        "decommit": lambda: services.decommit(commitment=commitment, reason="x", **common),
        "cancel": lambda: services.cancel_entry(entry=payment, reason="x", **common),
    }
    before = (figures(tree.root), figures(tree.leaf), LedgerEntry.objects.count())
    with pytest.raises(Refused, match=why) as refusal:
        acts[verb]()
    assert refusal.value.field == "amount"
    assert (figures(tree.root), figures(tree.leaf), LedgerEntry.objects.count()) == before


def test_repayment_is_of_the_year_in_which_the_money_came_in(db):
    tree = Tree("1000.00")
    application = tree.application()
    common = {"application": application, "at": AT, "actor": tree.actor}
    services.reserve(amount=D(100), key=make_key(), **common)
    services.commit(amount=D(100), key=make_key(), **common)
    services.record_payment(amount=D(100), key=make_key(), **common)
    late = {**common, "at": datetime(2023, 1, 5, tzinfo=UTC), "reason": "x", "amount": D(10)}
    key = make_key()
    entry = services.record_repayment(key=key, year=2022, **late)
    assert entry.year == 2022
    assert services.record_repayment(key=key, year=2022, **late) == entry
    with pytest.raises(KeyReused):
        services.record_repayment(key=key, year=2023, **late)
    # Without a year, that of the instant in Paris: already 2023 there.
    eve = {**late, "at": datetime(2022, 12, 31, 23, 30, tzinfo=UTC)}
    assert services.record_repayment(key=make_key(), **eve).year == 2023


def test_amount_beyond_the_column_is_refused_without_an_error(db):
    tree = Tree("100.00")
    for amount in (D(10) ** 13, D(10) ** 27, D("1E+30")):
        with pytest.raises(Refused, match="trop grand"):
            services.allocate(envelope=tree.root, amount=amount, at=AT, actor=None, key=make_key())


def test_commit_and_pay_stay_within_what_the_dossier_holds(db):
    tree = Tree("100000.00")
    one, other = tree.applications(2)
    common = {"at": AT, "actor": tree.actor}
    with pytest.raises(Refused, match="Aucune somme n’est réservée"):
        services.commit(application=one, amount=D(1), key=make_key(), **common)
    reserve(tree, one, "1000.00")
    reserve(tree, other, "50000.00")
    with pytest.raises(Refused, match=f"Il reste {euros(1000)} de réservés pour ce dossier"):
        services.commit(application=one, amount=D(1001), key=make_key(), **common)
    services.commit(application=one, amount=D(600), key=make_key(), **common)
    with pytest.raises(Refused, match=f"Il reste {euros(600)} à verser"):
        services.record_payment(application=one, amount=D(601), key=make_key(), **common)
    with pytest.raises(Refused, match="a reçu 0,00"):
        services.record_repayment(application=one, amount=D(1), key=make_key(), reason="x", **common)
    assert award_figures(one) == (D(400), D(600), 0)


def test_pay_needs_credits_of_the_year(db):
    tree = Tree("100000.00", cp="500.00")
    application = tree.application()
    common = {"at": AT, "actor": tree.actor}
    reserve(tree, application, "1000.00")
    services.commit(application=application, amount=D(1000), key=make_key(), **common)
    with pytest.raises(Refused, match=f"Il reste {euros(500)} de crédits de paiement pour 2021"):
        services.record_payment(application=application, amount=D(501), key=make_key(), **common)
    with pytest.raises(Refused, match=f"Il reste {euros(0)} de crédits de paiement pour 2022"):
        services.record_payment(application=application, amount=D(1), key=make_key(), year=2022, **common)
    services.record_payment(application=application, amount=D(500), key=make_key(), **common)
    assert PaymentCredit.objects.get(year=2021).paid == D(500)


def test_release_gives_back_no_more_than_was_held(db):
    tree = Tree("1000.00")
    application = tree.application()
    common = {"at": AT, "actor": tree.actor, "reason": "désistement"}
    entry = reserve(tree, application, "700.00")
    services.release(reservation=entry, amount=D(200), key=make_key(), **common)
    with pytest.raises(Refused, match=f"Il reste {euros(500)} à annuler"):
        services.release(reservation=entry, amount=D(501), key=make_key(), **common)
    key = make_key()
    whole = services.release(reservation=entry, key=key, **common)
    assert (whole.amount, figures(tree.leaf)[2]) == (D(-500), 0)
    assert services.release(reservation=entry, key=key, **common) == whole
    with pytest.raises(Refused, match="déjà annulée"):
        services.release(reservation=entry, key=make_key(), **common)
    with pytest.raises(Refused, match="pas du mouvement"):
        services.decommit(commitment=entry, key=make_key(), **common)


def test_release_refuses_what_is_committed_even_if_others_hold_reservations(db):
    tree = Tree("1000.00")
    one, other = tree.applications(2)
    entry = reserve(tree, one, "400.00")
    reserve(tree, other, "400.00")
    common = {"at": AT, "actor": tree.actor}
    commitment = services.commit(application=one, amount=D(400), key=make_key(), **common)
    with pytest.raises(Refused, match="on veut en libérer"):
        services.release(reservation=entry, key=make_key(), reason="x", **common)
    services.decommit(commitment=commitment, key=make_key(), reason="résiliation", **common)
    assert award_figures(one) == (D(400), 0, 0)
    services.release(reservation=entry, key=make_key(), reason="résiliation", **common)
    assert figures(tree.leaf) == (D(1000), 0, D(400), 0, 0)


def test_decommit_keeps_what_is_paid(db):
    tree = Tree("1000.00")
    application = tree.application()
    common = {"at": AT, "actor": tree.actor}
    reserve(tree, application, "400.00")
    commitment = services.commit(application=application, amount=D(400), key=make_key(), **common)
    services.record_payment(application=application, amount=D(300), key=make_key(), **common)
    with pytest.raises(Refused, match="on veut en retirer"):
        services.decommit(commitment=commitment, amount=D(101), key=make_key(), reason="x", **common)
    services.decommit(commitment=commitment, amount=D(100), key=make_key(), reason="x", **common)
    assert award_figures(application) == (D(100), D(300), D(300))


def test_cancelled_delegation_takes_back_only_what_is_free(db):
    tree = Tree("1000.00")
    reserve(tree, tree.application(), "400.00")
    delegation = LedgerEntry.objects.get(movement="delegate")
    common = {"at": AT, "actor": tree.actor, "reason": "redéploiement"}
    with pytest.raises(Refused, match=f"Il reste {euros(600)} dans l’enveloppe «\u00a0Axe 1\u00a0»"):
        services.cancel_entry(entry=delegation, amount=D(601), key=make_key(), **common)
    services.cancel_entry(entry=delegation, amount=D(600), key=make_key(), **common)
    assert figures(tree.leaf) == (D(400), 0, D(400), 0, 0)
    assert figures(tree.root) == (D(1000), D(400), 0, 0, 0)


def test_award_stays_in_one_envelope_until_it_is_empty(db):
    tree = Tree("1000.00", "1000.00")
    application = tree.application()
    entry = reserve(tree, application, "400.00")
    with pytest.raises(Refused, match="déjà financé par une autre enveloppe"):
        reserve(tree, application, "1.00", envelope=tree.leaves[1])
    services.release(reservation=entry, at=AT, actor=None, key=make_key(), reason="réorientation")
    reserve(tree, application, "1.00", envelope=tree.leaves[1])
    assert AwardBalance.objects.get(pk=application.pk).envelope == tree.leaves[1]


def test_award_on_a_parent_or_another_call_is_refused(db):
    tree = Tree("1000.00")
    with pytest.raises(Refused, match="à l’une de celles qu’elle contient"):
        services.delegate(parent=tree.leaf, child=tree.root, amount=D(1), at=AT, actor=None, key=make_key())
    services.allocate(envelope=tree.root, amount=D(50), at=AT, actor=None, key=make_key())
    with pytest.raises(Refused, match="qui n’est pas répartie"):
        reserve(tree, tree.application(), "1.00", envelope=tree.root)
    stranger = make_application(make_axis(make_call()))
    with pytest.raises(Refused, match="pas de l’appel"):
        reserve(tree, stranger, "1.00", envelope=tree.leaf)
    with pytest.raises(Refused, match="l’appel entier"):
        services.allocate(envelope=tree.leaf, amount=D(1), at=AT, actor=None, key=make_key())
    assert LedgerEntry.objects.filter(movement="reserve").count() == 0


def test_payment_credits_beyond_what_the_call_may_pay_are_refused_whoever_asks(db):
    tree = Tree("1000.00", cp="400.00")
    with pytest.raises(Refused, match="Il reste au plus 600,00"):
        services.open_payment_credits(
            envelope=tree.root, year=2021, amount=D("600.01"), at=AT, actor=tree.actor, key=make_key()
        )
    assert PaymentCredit.objects.get(year=2021).opened == D("400.00")
    key = make_key()
    for _ in range(2):  # the same command again is answered, although nothing is left
        services.open_payment_credits(
            envelope=tree.root, year=2021, amount=D("600.00"), at=AT, actor=tree.actor, key=key
        )
    assert PaymentCredit.objects.get(year=2021).opened == D("1000.00")
