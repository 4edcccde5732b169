"""A list that asks too much of one envelope says so before the release, envelope by envelope."""

from decimal import Decimal

from django.urls import reverse

from budget import services as budget
from budget.models import Envelope
from jury.queries import shortfalls_of
from tests.factories.accounts import sign_in
from tests.factories.budget import AT, make_key
from tests.factories.jury import JuryWorld


def test_department_that_does_not_hold_its_awards_is_named_on_both_pages(client, db):
    world = JuryWorld(dossiers=2, amount="100000.00")
    leaf = world.tree.leaf
    here = Envelope.objects.create(
        call=world.call,
        parent=leaf,
        code="dep-35",
        name="Axe 1 – Ille-et-Vilaine",
        axis=world.axis,
        departement_code="35",
    )
    rest = Envelope.objects.create(call=world.call, parent=leaf, code="reste", name="Axe 1 – reste", axis=world.axis)
    common = {"at": AT, "actor": world.officer}
    budget.delegate(parent=leaf, child=here, amount=Decimal("15000.00"), key=make_key(), **common)
    budget.delegate(parent=leaf, child=rest, amount=Decimal("60000.00"), key=make_key(), **common)
    prepared = world.prepared()
    rows = list(prepared.decisions.select_related("application"))
    (short,) = shortfalls_of(world.jury, rows)
    assert (short.name, short.asked, short.left) == (here.name, Decimal("20000.00"), Decimal("15000.00"))
    for user, name in ((world.officer, "decision_list_detail"), (world.releaser, "decision_list_release")):
        sign_in(client, user)
        page = client.get(reverse(name, args=[prepared.pk])).content.decode()
        assert "Axe 1 – Ille-et-Vilaine" in page
        assert "la liste demande 20\u202f000,00\u00a0€" in page
    assert shortfalls_of(world.jury, rows[:1]) == []
