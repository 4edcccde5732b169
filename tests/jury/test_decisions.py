"""The list while it is prepared: the order of the waiting list, what a call allows, what a reader may count."""

import csv
import io
from decimal import Decimal

import pytest
from django.db import transaction
from django.urls import reverse

from applications.enums import AccessEffect, AccessSource
from applications.models import Access, Application
from budget import services as budget
from budget.models import Envelope
from core.errors import Refused
from core.models import JournalEntry
from core.money import euros
from jury import services
from jury.enums import Outcome
from jury.models import Decision, DecisionList
from jury.queries import payers_of
from tests.factories.accounts import sign_in
from tests.factories.budget import AT as FILED
from tests.factories.budget import make_key
from tests.factories.jury import AT, DECIDED, JuryWorld, left_of

IN_ORDER = "Retenu depuis la liste d’attente, dans son ordre."


def deny(user, application):
    Access.objects.create(
        user=user,
        application=application,
        effect=AccessEffect.DENY,
        source=AccessSource.RECUSAL,
        created_at=AT,
    )


def facts():
    return (
        DecisionList.objects.count(),
        list(Decision.objects.order_by("pk").values_list("pk", "outcome", "amount_granted", "motive")),
        JournalEntry.objects.count(),
    )


@pytest.fixture
def waiting(db):
    """A released list, and three dossiers on the waiting list in the order of their marks."""
    world = JuryWorld(dossiers=4)
    world.deliberation = world.deliberated([Outcome.AWARDED, *[Outcome.WAITLISTED] * 3])
    world.release(world.prepared(world.deliberation))
    return world


def award(world, *positions, **fields):
    return services.award_from_waiting_list(
        deliberation=world.deliberation,
        title="Crédits libérés",
        applications=[world.applications[position].pk for position in positions],
        at=DECIDED,
        actor=fields.pop("actor", world.officer),
        **fields,
    )


def test_first_ones_of_the_waiting_list_need_no_motive(waiting):
    made = award(waiting, 2, 1)
    assert [row.application for row in made.decisions.order_by("position")] == waiting.applications[1:3]
    assert {row.motive for row in made.decisions.all()} == {IN_ORDER}


@pytest.mark.parametrize("positions", [(2,), (3,), (1, 3), (2, 3)])
def test_waiting_list_out_of_its_order_needs_a_motive(waiting, positions):
    before = facts()
    with pytest.raises(Refused) as refusal, transaction.atomic():
        award(waiting, *positions, motive="  ")
    assert refusal.value.field == "motive"
    assert facts() == before
    made = award(waiting, *positions, motive="Seul projet prêt avant la fin de l’année.")
    assert {row.motive for row in made.decisions.all()} == {"Seul projet prêt avant la fin de l’année."}


def test_waiting_list_goes_on_after_those_already_in_a_list(waiting):
    award(waiting, 1)
    assert award(waiting, 2).decisions.get().motive == IN_ORDER


def test_whoever_does_not_see_the_whole_waiting_list_always_says_why(waiting):
    deny(waiting.officer, waiting.applications[3])
    before = facts()
    for positions in ((1,), (1, 2), (2,)):
        with pytest.raises(Refused) as refusal, transaction.atomic():
            award(waiting, *positions)
        assert refusal.value.field == "motive"
    assert facts() == before


def test_waiting_list_page_asks_why_at_the_field(client, waiting):
    sign_in(client, waiting.officer)
    url = reverse("decision_list_waiting", kwargs={"pk": waiting.deliberation.pk})
    data = {"title": "Crédits libérés", "applications": [str(waiting.applications[2].pk)], "motive": ""}
    before = facts()
    page = client.post(url, data)
    assert "motive" in page.context["form"].errors
    assert facts() == before
    assert client.post(url, {**data, "motive": "Urgence."}).status_code == 302


def test_waiting_list_page_says_what_each_dossier_asks_and_what_is_left_where(client, waiting):
    sign_in(client, waiting.officer)
    page = client.get(reverse("decision_list_waiting", kwargs={"pk": waiting.deliberation.pk}))
    (purse,) = page.context["purses"]
    assert (purse.name, purse.left) == (waiting.tree.leaf.name, left_of(waiting))
    text = page.content.decode()
    assert f"Il reste {euros(purse.left)} dans l’enveloppe" in text
    assert text.count(f"{euros(Decimal(10000))} demandés") == len(page.context["opinions"])


def test_waiting_list_of_several_territories_names_each_envelope(db):
    world = JuryWorld(dossiers=2)
    here, elsewhere = world.applications
    elsewhere.departement_code = "29"
    child = Envelope.objects.create(
        call=world.call, parent=world.tree.leaf, code="dep-35", name="Ille", axis=world.axis, departement_code="35"
    )
    budget.delegate(
        parent=world.tree.leaf, child=child, amount=Decimal(500), key=make_key(), at=FILED, actor=world.officer
    )
    assert [(row.name, row.left) for row in payers_of(world.jury, [here, elsewhere])] == [
        ("Aucune enveloppe", Decimal(0)),
        ("Ille", Decimal(500)),
    ]


def test_list_as_a_table_names_the_envelope_of_each_award(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    deliberation = world.deliberated([Outcome.AWARDED, Outcome.REFUSED])
    created = services.prepare_list(deliberation=deliberation, title="Liste", at=DECIDED, actor=world.officer)
    sign_in(client, world.officer)
    answer = client.get(reverse("decision_list_export", kwargs={"pk": created.pk}))
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [row["Enveloppe"] for row in rows] == [world.tree.leaf.name, ""]


def test_waiting_list_is_reached_from_the_lists_while_it_holds_somebody(client, waiting):
    sign_in(client, waiting.officer)
    index, url = reverse("decision_index"), reverse("decision_list_waiting", kwargs={"pk": waiting.deliberation.pk})
    page = client.get(index).content.decode()
    assert url in page and "3 dossiers en liste d’attente" in page
    award(waiting, 1)
    assert "2 dossiers en liste d’attente" in client.get(index).content.decode()
    award(waiting, 2, 3)
    assert url not in client.get(index).content.decode()


def test_changed_decision_wants_its_own_motive_and_the_releaser_reads_what_the_jury_said(client, waiting):
    created = award(waiting, 1)
    row = created.decisions.get()
    assert row.motive == IN_ORDER
    common = {"decision": row, "at": DECIDED, "actor": waiting.officer, "version": created.version}
    changed = {**common, "outcome": Outcome.AWARDED, "amount": Decimal("9000.00")}
    before = facts()
    with pytest.raises(Refused, match="dites pourquoi elle change") as refusal, transaction.atomic():
        services.edit_decision(**changed, motive=f" {IN_ORDER} ")
    assert refusal.value.field == "motive"
    assert facts() == before
    services.edit_decision(**changed, motive="Une dépense est écartée.")
    created.refresh_from_db()
    services.mark_prepared(decision_list=created, version=created.version, at=DECIDED, actor=waiting.officer)
    for user, name in ((waiting.officer, "decision_list_detail"), (waiting.releaser, "decision_list_release")):
        sign_in(client, user)
        page = client.get(reverse(name, kwargs={"pk": created.pk})).content.decode()
        assert f"avis du jury&nbsp;: {Outcome.WAITLISTED.label}" in page


def test_list_taken_back_says_nothing_of_its_proposal(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    prepared = world.prepared()
    sign_in(client, world.officer)
    url = reverse("decision_list_detail", kwargs={"pk": prepared.pk})
    assert "Proposée par" in client.get(url).content.decode()
    services.reopen_list(decision_list=prepared, at=DECIDED, actor=world.officer)
    assert "Proposée par" not in client.get(url).content.decode()


def test_list_leads_to_its_dossiers(client, db):
    """Whoever prepares or releases money reads what it is for."""
    world = JuryWorld(dossiers=2, jurors=2)
    prepared = world.prepared()
    for user, name in ((world.officer, "decision_list_detail"), (world.releaser, "decision_list_release")):
        sign_in(client, user)
        page = client.get(reverse(name, kwargs={"pk": prepared.pk})).content.decode()
        for row in prepared.decisions.all():
            url = reverse("screening_detail", kwargs={"pk": row.application_id})
            assert f'href="{url}"' in page


def preparing(world):
    return services.prepare_list(deliberation=world.deliberated(), title="Liste", at=DECIDED, actor=world.officer)


def test_waiting_list_is_refused_at_its_field_on_a_call_without_one(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    world.call.has_waiting_list = False
    world.call.save()
    created = preparing(world)
    row = created.decisions.get()
    before = facts()
    with pytest.raises(Refused, match="pas de liste d’attente") as refusal, transaction.atomic():
        services.edit_decision(
            decision=row,
            outcome=Outcome.WAITLISTED,
            amount=None,
            motive="Faute de crédits.",
            version=created.version,
            at=DECIDED,
            actor=world.officer,
        )
    assert refusal.value.field == "outcome"
    sign_in(client, world.officer)
    url = reverse("decision_edit", kwargs={"pk": created.pk, "decision": row.pk})
    assert 'value="waitlisted"' not in client.get(url).content.decode()
    data = {"outcome": "waitlisted", "amount": "", "motive": "Faute de crédits.", "version": created.version}
    assert "outcome" in client.post(url, data).context["form"].errors
    assert facts() == before


def test_waiting_list_is_offered_on_a_call_that_has_one(client, db):
    world = JuryWorld(dossiers=1, jurors=2)
    created = preparing(world)
    services.edit_decision(
        decision=created.decisions.get(),
        outcome=Outcome.WAITLISTED,
        amount=Decimal("1.00"),
        motive="Faute de crédits.",
        version=created.version,
        at=DECIDED,
        actor=world.officer,
    )
    assert created.decisions.get().outcome == Outcome.WAITLISTED


def test_count_of_dossiers_awaiting_a_list_is_of_those_the_reader_sees(client, db):
    """Two worlds: a dossier out of the reader's sight awaits a decision, or has had one."""
    world = JuryWorld(dossiers=3)
    world.deliberated()
    hidden = world.applications[0]
    deny(world.officer, hidden)
    sign_in(client, world.officer)
    url = reverse("decision_index")
    said = []
    for state in ("admissible", "withdrawn"):
        type(hidden).objects.filter(pk=hidden.pk).update(state=state)
        said.append(client.get(url).content.decode())
    assert all("2 dossiers sans décision" in page for page in said)
    # The releaser, who sees them all, notices.
    sign_in(client, world.releaser)
    assert "2 dossiers sans décision" in client.get(url).content.decode()
    type(hidden).objects.filter(pk=hidden.pk).update(state="admissible")
    assert "3 dossiers sans décision" in client.get(url).content.decode()


def test_deliberation_whose_every_dossier_is_on_a_list_awaits_none_and_only_officers_prepare_one(client, db):
    world = JuryWorld(dossiers=2)
    deliberation = world.deliberated()
    link = reverse("decision_list_prepare", kwargs={"pk": deliberation.pk})
    index = reverse("decision_index")
    sign_in(client, world.releaser)
    page = client.get(index).content.decode()
    assert "2 dossiers sans décision, qui ne figurent sur aucune liste" in page
    assert link not in page
    sign_in(client, world.officer)
    assert link in client.get(index).content.decode()
    listed = [row.pk for row in world.applications[:1]]
    common = {"deliberation": deliberation, "title": "Liste", "at": DECIDED, "actor": world.officer}
    first = services.prepare_list(applications=listed, **common)
    assert "1 dossier sans décision, qui ne figure sur aucune liste" in client.get(index).content.decode()
    services.prepare_list(**common)
    assert "qui attendent une liste" not in client.get(index).content.decode()
    services.cancel_list(decision_list=first, reason="Erreur.", at=DECIDED, actor=world.officer)
    assert "1 dossier sans décision" in client.get(index).content.decode()


def withdrawn(application):
    """The applicant takes the dossier back."""
    Application.objects.filter(pk=application.pk).update(state="withdrawn")


def test_withdrawal_during_a_prepared_list_names_the_dossier_and_lets_it_out(client, db):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared()
    gone, kept = world.applications
    withdrawn(gone)
    before = facts()
    with pytest.raises(Refused) as refusal, transaction.atomic():
        world.release(prepared)
    assert f"{gone.number} (retiré" in refusal.value.message
    assert kept.number not in refusal.value.message
    assert facts() == before
    reopened = services.reopen_list(decision_list=prepared, at=DECIDED, actor=world.officer)
    with pytest.raises(Refused, match=gone.number), transaction.atomic():
        services.mark_prepared(decision_list=reopened, version=reopened.version, at=DECIDED, actor=world.officer)
    sign_in(client, world.officer)
    url = reverse(
        "decision_remove", kwargs={"pk": prepared.pk, "decision": prepared.decisions.get(application=gone).pk}
    )
    assert url in client.get(reverse("decision_list_detail", kwargs={"pk": prepared.pk})).content.decode()
    assert gone.number in client.get(url).content.decode()
    done = client.post(url, {"reason": "Retiré par la collectivité.", "version": reopened.version}, follow=True)
    assert "est sorti de la liste" in done.content.decode()
    assert [row.application for row in prepared.decisions.all()] == [kept]
    assert JournalEntry.objects.filter(action="decision_list.decision_removed", actor_id=world.officer.pk).count() == 1
    reopened.refresh_from_db()
    again = services.mark_prepared(decision_list=reopened, version=reopened.version, at=DECIDED, actor=world.officer)
    assert world.release(again).state == "released"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reason": "  "}, "pourquoi"),
        ({"version": 0}, "a changé"),
        ({"actor": "releaser"}, "droit"),
        ({"actor": "chair_user"}, "droit"),
        ({"state": "prepared"}, "plus en préparation"),
    ],
)
def test_taking_a_dossier_out_of_a_list_is_refused(db, changes, sentence):
    world = JuryWorld(dossiers=1, jurors=2)
    created = preparing(world)
    row = created.decisions.get()
    version = changes.get("version", created.version)
    DecisionList.objects.filter(pk=created.pk).update(state=changes.get("state", "preparing"))
    before = facts()
    with pytest.raises(Refused, match=sentence), transaction.atomic():
        services.remove_decision(
            decision=row,
            reason=changes.get("reason", "Retiré."),
            version=version,
            at=DECIDED,
            actor=getattr(world, changes.get("actor", "officer")),
        )
    assert facts() == before
