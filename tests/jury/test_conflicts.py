"""Who acts for an applicant takes no part in its dossier, without having to say so."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.urls import reverse

from accounts.models import Confirmation
from applications.models import Access, Beneficiary
from budget.models import LedgerEntry
from calls.enums import MandateRole
from core.errors import Refused
from core.models import JournalEntry
from jury import services
from jury.conflicts import affiliated_pairs
from jury.enums import EvaluationState, Outcome
from jury.minutes import items_of
from jury.models import Evaluation
from jury.permissions import readable_evaluations
from jury.services.deliberation import quorums
from territories.models import Grouping
from tests.factories.accounts import sign_in
from tests.factories.jury import AT, DECIDED, HELD, JuryWorld
from tests.factories.territories import AffiliationFactory, OrganisationFactory


def by_lead(application):
    return application.organisation


def by_member_of_the_grouping(application):
    grouping = Grouping.objects.create(name="Trois communes", lead=application.organisation)
    member = OrganisationFactory()
    grouping.members.add(member)
    application.grouping = grouping
    application.save()
    return member


def by_beneficiary(application):
    member = OrganisationFactory()
    Beneficiary.objects.create(application=application, organisation=member, share=Decimal("100.00"))
    return member


def tie(user, application, **fields):
    return AffiliationFactory(user=user, organisation=by_lead(application), **fields)


def facts():
    return (
        list(Evaluation.objects.order_by("pk").values_list("pk", "state", "version")),
        JournalEntry.objects.count(),
        Access.objects.count(),
        LedgerEntry.objects.filter(movement="reserve").count(),
        Confirmation.objects.filter(used_at__isnull=False).count(),
    )


@pytest.mark.parametrize("through", [by_lead, by_member_of_the_grouping, by_beneficiary])
def test_affiliated_juror_is_never_proposed(db, through):
    world = JuryWorld(dossiers=3, jurors=3, per_dossier=3)
    application, user = world.applications[0], world.users[0]
    AffiliationFactory(user=user, organisation=through(application))
    run = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    seats = {(seat["dossier"], seat["juror"]) for seat in run.replay["seats"]}
    assert (str(application.pk), world.juror(user).pk) not in seats
    assert len(seats) == 8
    assert services.verify_run(run)


@pytest.mark.parametrize(
    "fields", [{"pending": True}, {"ends_at": AT - timedelta(days=1)}, {"validated_at": AT + timedelta(days=1)}]
)
def test_affiliation_not_in_force_is_no_conflict(db, fields):
    world = JuryWorld(dossiers=1, jurors=1)
    tie(world.users[0], world.applications[0], **fields)
    assert affiliated_pairs([world.users[0].pk], [world.applications[0].pk], AT) == set()


def test_affiliated_juror_is_not_seated_by_hand(db):
    world = JuryWorld(dossiers=1, jurors=2, per_dossier=1)
    application = world.applications[0]
    run = world.assign()
    other = next(user for user in world.users if user not in world.readers(application))
    tie(other, application)
    before = facts()
    common = {"application": application, "at": AT, "actor": world.chair_user}
    with pytest.raises(Refused, match="rattachée") as refusal, transaction.atomic():
        services.seat_juror(jury=world.jury, juror=world.juror(other), **common)
    assert refusal.value.field == "new"
    assert facts() == before
    run = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    before = facts()
    with pytest.raises(Refused, match="rattachée"), transaction.atomic():
        services.change_seat(
            run=run, old=None, new=world.juror(other), reason="Troisième lecture.", sha256=run.sha256, **common
        )
    assert facts() == before


def test_affiliation_validated_after_the_proposal_stops_its_confirmation(db):
    world = JuryWorld(dossiers=1, jurors=1, per_dossier=1)
    run = services.propose_assignment(jury=world.jury, at=AT, actor=world.chair_user)
    tie(world.users[0], world.applications[0])
    before = facts()
    with pytest.raises(Refused, match="rattaché à un porteur"), transaction.atomic():
        services.confirm_assignment(run=run, sha256=run.sha256, at=AT, actor=world.chair_user)
    assert facts() == before


def test_juror_affiliated_since_their_seat_hands_nothing_in_and_is_replaced(db):
    world = JuryWorld(dossiers=1, jurors=2, per_dossier=1)
    world.assign()
    application = world.applications[0]
    user = world.readers(application)[0]
    evaluation = world.evaluation(application, user)
    services.declare_no_conflict(evaluation=evaluation, at=AT, actor=user)
    tie(user, application)
    before = facts()
    with pytest.raises(Refused, match="aucune part"), transaction.atomic():
        world.submit(evaluation)
    assert facts() == before
    world.assign()
    assert world.readers(application) == [other for other in world.users if other != user]
    evaluation.refresh_from_db()
    assert evaluation.state == EvaluationState.WITHDRAWN


def test_affiliated_chair_gives_no_opinion_alone_or_in_block(db):
    world = JuryWorld(dossiers=2, jurors=3)
    world.assign()
    world.submit_all([5])
    tie(world.chair_user, world.applications[0])
    deliberation = world.meet()
    with pytest.raises(Refused, match="aucune part"), transaction.atomic():
        world.opine(deliberation, world.applications[0])
    assert not deliberation.opinions.exists()
    with pytest.raises(Refused, match="un par un"), transaction.atomic():
        services.confirm_block(deliberation=deliberation, at=HELD, actor=world.chair_user)
    assert not deliberation.opinions.exists()
    assert world.opine(deliberation, world.applications[1]).outcome == Outcome.AWARDED


def test_affiliated_member_counts_out_of_the_quorum_and_is_named_in_the_minutes(db):
    world = JuryWorld(dossiers=2, jurors=3)
    first, second = world.applications
    tie(world.users[0], first)
    world.assign()
    world.submit_all([5])
    deliberation = world.meet()
    found = quorums(deliberation, [first.pk, second.pk])
    assert (found[first.pk].members, found[second.pk].members) == (3, 4)
    for application in world.applications:
        world.opine(deliberation, application)
    named = {item.opinion.application_id: item.recused for item in items_of(deliberation)}
    assert named == {first.pk: [str(world.users[0])], second.pk: []}


def test_affiliated_chair_reads_no_mark_of_the_dossier(client, db):
    world = JuryWorld(dossiers=2, jurors=2)
    own = world.applications[0]
    world.assign()
    world.submit_all([5])
    tie(world.chair_user, own)
    chair = type(world.chair_user).objects.get(pk=world.chair_user.pk)
    assert not readable_evaluations(chair, world.jury).filter(application=own).exists()
    assert readable_evaluations(chair, world.jury).filter(application=world.applications[1]).count() == 2
    sign_in(client, chair)
    for name in ("jury_detail", "jury_ranking", "ranking_export"):
        answer = client.get(reverse(name, kwargs={"pk": world.jury.pk}))
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert own.number.encode() not in content, name
        assert world.applications[1].number.encode() in content, name


@pytest.mark.parametrize("position", [0, 1])
def test_releaser_who_acts_for_an_applicant_of_the_list_does_not_release(db, position):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared(world.deliberated([Outcome.AWARDED, Outcome.REFUSED]))
    AffiliationFactory(user=world.releaser, organisation=by_beneficiary(world.applications[position]))
    before = facts()
    with pytest.raises(Refused, match="une autre personne la libère"), transaction.atomic():
        world.release(prepared)
    assert facts() == before
    assert world.release(prepared, user=world.agent(MandateRole.RELEASER)).state == "released"


@pytest.mark.parametrize("position", [0, 1])
def test_releaser_to_whom_a_dossier_of_the_list_is_closed_does_not_release(db, position):
    world = JuryWorld(dossiers=2)
    prepared = world.prepared(world.deliberated([Outcome.AWARDED, Outcome.REFUSED]))
    Access.objects.create(
        user=world.releaser, application=world.applications[position], effect="deny", source="recusal", created_at=AT
    )
    before = facts()
    with pytest.raises(Refused, match="pas, ou plus, le droit"), transaction.atomic():
        world.release(prepared)
    assert facts() == before
    assert world.release(prepared, user=world.agent(MandateRole.RELEASER)).state == "released"


def test_officer_who_acts_for_an_applicant_prepares_no_decision_on_it(client, db):
    world = JuryWorld(dossiers=2)
    own, other = world.applications
    deliberation = world.deliberated()
    AffiliationFactory(user=world.officer, organisation=by_beneficiary(own))
    made = services.prepare_list(deliberation=deliberation, title="Lauréats", at=DECIDED, actor=world.officer)
    assert [row.application_id for row in made.decisions.all()] == [other.pk]


@pytest.mark.parametrize("is_denied", [False, True])
def test_officer_tied_to_a_dossier_of_the_list_neither_edits_nor_removes_its_decision(db, is_denied):
    world = JuryWorld(dossiers=2)
    own, other = world.applications
    made = services.prepare_list(
        deliberation=world.deliberated(), title="Lauréats", at=DECIDED, actor=world.agent(MandateRole.OFFICER)
    )
    if is_denied:
        Access.objects.create(user=world.officer, application=own, effect="deny", source="recusal", created_at=AT)
    else:
        AffiliationFactory(user=world.officer, organisation=by_beneficiary(own))
    before = facts()
    common = {"version": made.version, "at": DECIDED, "actor": world.officer}
    decision = made.decisions.get(application=own)
    refused = {"outcome": Outcome.REFUSED, "amount": None, "motive": "Faute de crédits."}
    said = "pas, ou plus, le droit" if is_denied else "Vous êtes rattaché"
    with pytest.raises(Refused, match=said), transaction.atomic():
        services.edit_decision(decision=decision, **refused, **common)
    with pytest.raises(Refused, match=said), transaction.atomic():
        services.remove_decision(decision=decision, reason="Erreur.", **common)
    decision.refresh_from_db()
    assert (decision.outcome, facts()) == (Outcome.AWARDED, before)
    services.edit_decision(decision=made.decisions.get(application=other), **refused, **common)


def test_officer_who_acts_for_an_applicant_learns_nothing_of_its_place_on_the_waiting_list(db):
    """Before or behind the dossier they pick, their own is hidden: a motive is asked either way."""
    for own, picked in ((0, 1), (1, 0)):
        point = transaction.savepoint()
        world = JuryWorld(dossiers=2)
        deliberation = world.deliberated([Outcome.WAITLISTED])
        world.release(world.prepared(deliberation))
        officer = world.agent(MandateRole.OFFICER)
        AffiliationFactory(user=officer, organisation=by_beneficiary(world.applications[own]))
        award = {
            "deliberation": deliberation,
            "title": "Suite",
            "applications": [world.applications[picked].pk],
            "at": DECIDED,
            "actor": officer,
        }
        with pytest.raises(Refused, match="vous ne la voyez pas en entier"), transaction.atomic():
            services.award_from_waiting_list(**award)
        assert services.award_from_waiting_list(motive="Priorité.", **award).decisions.count() == 1
        transaction.savepoint_rollback(point)
