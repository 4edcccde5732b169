"""What a list takes from each envelope that pays it, before, during and after its release."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from applications.models import Application
from budget import services as budget
from budget.models import Envelope
from calls.enums import MandateRole
from conventions.models import Batch
from jury import services
from tests.factories.accounts import sign_in
from tests.factories.budget import AT, make_key, make_mandate
from tests.factories.jury import DECIDED, JuryWorld

HERE, REST = "Axe 1 – Ille-et-Vilaine", "Axe 1 – Part régionale"


def shared_out(world, here="15000.00", rest="60000.00"):
    """The axis has one envelope for the département of the dossiers, and one for the others."""
    leaf = world.tree.leaf
    common = {"call": world.call, "parent": leaf, "axis": world.axis}
    for code, name, place, amount in (("dep-35", HERE, "35", here), ("reste", REST, "", rest)):
        child = Envelope.objects.create(code=code, name=name, departement_code=place, **common)
        budget.delegate(parent=leaf, child=child, amount=Decimal(amount), key=make_key(), at=AT, actor=world.officer)


def elsewhere(application):
    Application.objects.filter(pk=application.pk).update(departement_code="14")


def page(client, user, name, created):
    sign_in(client, user)
    response = client.get(reverse(name, args=[created.pk]))
    assert response.status_code == 200
    return response


def figures(response):
    return [(row.name, row.left, row.asked, row.after) for row in response.context["envelopes"]]


@pytest.mark.parametrize("name", ["decision_list_detail", "decision_list_release"])
def test_each_envelope_that_pays_says_what_is_left_before_and_after(client, db, name):
    world = JuryWorld(dossiers=3, amount="100000.00")
    shared_out(world)
    elsewhere(world.applications[2])
    elsewhere(world.applications[1])
    response = page(client, world.releaser, name, world.prepared())
    content = response.content.decode()
    assert figures(response) == [
        (HERE, Decimal(15000), Decimal(10000), Decimal(5000)),
        (REST, Decimal(60000), Decimal(20000), Decimal(40000)),
    ]
    for text in ("Reste avant", "La liste prend", "Reste après", "15\u202f000,00", "5\u202f000,00", "40\u202f000,00"):
        assert text in content
    # Money of the axis that these dossiers cannot ask is not shown as theirs.
    assert "75\u202f000,00" not in content
    assert "enveloppe de l’axe" not in content


def test_envelope_that_cannot_pay_says_how_much_is_missing(client, db):
    world = JuryWorld(dossiers=2, amount="100000.00")
    shared_out(world)
    content = page(client, world.officer, "decision_list_detail", world.prepared()).content.decode()
    assert "la liste demande 20\u202f000,00\u00a0€, il manque 5\u202f000,00\u00a0€" in content
    assert "<strong>il manque 5\u202f000,00\u00a0€</strong>" in content


def test_released_list_says_what_it_reserved_and_what_is_left_today(client, db):
    world = JuryWorld(dossiers=2, amount="100000.00")
    shared_out(world)
    elsewhere(world.applications[1])
    released = world.release(world.prepared())
    # The envelope moves on: what is said is of today.
    leaf = world.tree.leaf
    budget.delegate(
        parent=leaf,
        child=Envelope.objects.get(code="dep-35"),
        amount=Decimal(1000),
        key=make_key(),
        at=DECIDED,
        actor=world.officer,
    )
    for name in ("decision_list_released", "decision_list_detail"):
        response = page(client, world.releaser, name, released)
        assert [(row.name, row.asked, row.after) for row in response.context["envelopes"]] == [
            (HERE, Decimal(10000), Decimal(6000)),
            (REST, Decimal(10000), Decimal(50000)),
        ]
        content = response.content.decode()
        assert "Reste aujourd’hui" in content
        assert "Reste avant" not in content


def test_each_decision_names_its_département_and_the_envelope_that_pays_it(client, db):
    world = JuryWorld(dossiers=2, amount="100000.00")
    shared_out(world)
    elsewhere(world.applications[1])
    response = page(client, world.officer, "decision_list_detail", world.prepared())
    assert [line["payer"].name for line in response.context["rows"]] == [HERE, REST]
    content = response.content.decode()
    assert content.count("(35)") == 1
    assert content.count("(14)") == 1


def test_list_pages_cost_the_same_with_1_3_and_30_rows(client, db):
    costs = []
    for size in (1, 3, 30):
        world = JuryWorld(dossiers=size, jurors=2, amount="1000000.00")
        shared_out(world, "400000.00", "400000.00")
        for application in world.applications[1::2]:
            elsewhere(application)
        prepared = world.prepared(world.deliberated_in_bulk())
        sign_in(client, world.releaser)
        client.get("/")
        counts = []
        for name in ("decision_list_detail", "decision_list_release"):
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse(name, args=[prepared.pk]))
            counts.append(len(queries))
        world.release(prepared)
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("decision_list_released", args=[prepared.pk]))
        costs.append([*counts, len(queries)])
    assert costs[0] == costs[1] == costs[2]


def test_releaser_is_told_to_read_and_release_others_that_another_person_does(client, db):
    world = JuryWorld(dossiers=1)
    prepared = world.prepared()
    own = "Relisez la liste, puis libérez-la"
    for user, told, hidden in (
        (world.releaser, own, "Une autre personne"),
        (world.officer, "Une autre personne, ordonnateur", own),
    ):
        content = page(client, user, "decision_list_detail", prepared).content.decode()
        assert told in content
        assert hidden not in content


def test_releaser_who_prepared_above_the_threshold_is_offered_no_release(client, db):
    world = JuryWorld(dossiers=1)
    world.call.two_person_threshold = Decimal(5000)
    world.call.save()
    both = world.agent(MandateRole.OFFICER)
    make_mandate(both, world.call, MandateRole.RELEASER)
    created = services.prepare_list(deliberation=world.deliberated(), title="Lauréats", at=DECIDED, actor=both)
    prepared = services.mark_prepared(decision_list=created, version=created.version, at=DECIDED, actor=both)
    content = page(client, both, "decision_list_detail", prepared).content.decode()
    assert "Une autre personne, ordonnateur" in content
    assert reverse("decision_list_release", args=[prepared.pk]) not in content


def test_released_page_leads_to_the_conventions_that_are_written(client, db):
    world = JuryWorld(dossiers=1)
    released = world.release(world.prepared())
    content = page(client, world.releaser, "decision_list_released", released).content.decode()
    assert "conventions des dossiers retenus sont en préparation" in content
    batch = Batch.objects.create(decision_list=released, created_at=DECIDED)
    content = page(client, world.releaser, "decision_list_released", released).content.decode()
    assert reverse("batch_detail", args=[batch.pk]) in content
