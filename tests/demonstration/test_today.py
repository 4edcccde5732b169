"""The work that the demonstration prepares for today is what it is called."""

from decimal import Decimal
from types import SimpleNamespace

from applications.models import Application
from budget import services as budget
from budget.models import Envelope
from demonstration.credits import REDEPLOYED
from demonstration.today import _list_to_release
from jury.enums import Outcome
from jury.models import DecisionList
from tests.factories.budget import AT, make_key
from tests.factories.jury import DECIDED, JuryWorld


def test_list_of_today_names_no_envelope_that_only_pays_some_of_it(db):
    world = JuryWorld(dossiers=2, amount="100000.00")
    world.axis.is_territorial = True
    world.axis.save()
    leaf = world.tree.leaf
    common = {"call": world.call, "parent": leaf, "axis": world.axis}
    for code, name, place, amount in (("dep-35", "Axe 1 – Ille-et-Vilaine", "35", 4000), ("rest", "Reste", "", 60000)):
        child = Envelope.objects.create(code=code, name=name, departement_code=place, **common)
        budget.delegate(parent=leaf, child=child, amount=Decimal(amount), key=make_key(), at=AT, actor=world.officer)
    Application.objects.filter(pk=world.applications[1].pk).update(departement_code="14")
    world.release(world.prepared(world.deliberated([Outcome.WAITLISTED])))
    _list_to_release(world.call, SimpleNamespace(officer=world.officer), DECIDED)
    made = DecisionList.objects.get(state="prepared")
    assert {row.application.departement_code for row in made.decisions.all()} == {"35", "14"}
    assert made.title == "Premiers de la liste d’attente"
    assert Envelope.objects.get(code="dep-35").entries.count() + leaf.entries.filter(reason=REDEPLOYED).count() >= 2
