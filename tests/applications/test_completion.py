"""Completing a filed dossier: judged again, fingerprinted, never a way to ask for more; and requests nobody answers."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import transaction

from applications import services
from applications.content import amount_filed, content_sha256
from applications.models import Application, CompletionRequest, EligibilityRecord
from applications.permissions import can
from core.errors import Refused
from core.models import JournalEntry
from tests.factories.applications import (
    ApplicationFactory,
    applicant_of,
    completion_requested_application,
    decided_application,
    fill,
    screener_of,
    start,
    submitted_application,
    the_only_call,
)
from tests.factories.calls import FIRST_RELEVE, session_of
from tests.factories.territories import OrganisationFactory

LATER = FIRST_RELEVE + timedelta(days=3)


def save(application, slug, **content):
    application.refresh_from_db()
    user = applicant_of(application.organisation)
    return services.save_section(
        application=application, section=slug, user=user, at=LATER, version=application.version, **content
    )


def answer(application):
    user = applicant_of(application.organisation)
    return services.answer_completion(application=application, user=user, at=LATER, message="Voilà.")


def own_share(amount):
    return {"funding_lines": [{"kind": "own", "label": "Budget", "status": "granted", "amount": Decimal(amount)}]}


def test_answer_is_judged_again_and_its_content_kept_in_the_journal(db):
    application = completion_requested_application()
    save(application, "financement", values={"amount_requested": Decimal("40000.00")}, rows=own_share("60000.00"))
    application = answer(application)
    filed, completed = JournalEntry.objects.filter(
        chain=application.chain, action__in=["application.submit", "application.answer_completion"]
    ).order_by("number")
    assert completed.data["content_sha256"] == content_sha256(Application.objects.get(pk=application.pk))
    assert completed.data["content_sha256"] != filed.data["content_sha256"]
    assert completed.data["amount_requested"] == "40000.00"
    assert amount_filed(application) == Decimal("50000.00")
    assert application.beneficiaries.get().share == Decimal("40000.00")
    first, again = application.eligibility_records.order_by("evaluated_at", "id")
    assert (again.rules_version, again.evaluated_at) == (first.rules_version, LATER)


@pytest.mark.parametrize("amount", ["50000.01", "60000.00"])
def test_amount_requested_does_not_rise_above_the_one_filed(db, amount):
    application = completion_requested_application()
    with pytest.raises(Refused) as refusal, transaction.atomic():
        save(application, "financement", values={"amount_requested": Decimal(amount)})
    assert refusal.value.field == "amount_requested"
    assert "au dépôt" in refusal.value.message
    application.refresh_from_db()
    assert application.amount_requested == Decimal("50000.00")
    # Lowered, then back to what was filed: allowed.
    for lower in ("40000.00", "50000.00"):
        save(application, "financement", values={"amount_requested": Decimal(lower)})


def test_answer_refuses_an_amount_raised_by_any_other_way(db):
    application = completion_requested_application()
    cost = {"label": "X", "category": "services", "nature": "investment", "amount": Decimal("120000.00")}
    save(application, "depenses", rows={"cost_lines": [cost]})
    save(application, "financement", rows=own_share("60000.00"))
    Application.objects.filter(pk=application.pk).update(amount_requested=Decimal("60000.00"))
    with pytest.raises(Refused) as refusal, transaction.atomic():
        answer(application)
    assert refusal.value.field == "amount_requested"
    assert Application.objects.get(pk=application.pk).state == "completion_requested"


def test_draft_asks_for_what_it_wants(db):
    application = ApplicationFactory()
    save(application, "financement", values={"amount_requested": Decimal("90000.00")})
    assert amount_filed(application) is None


@pytest.mark.parametrize("end", ["inadmissible", "withdrawn"])
def test_request_nobody_answered_is_closed_without_an_answer(db, end):
    application = completion_requested_application()
    if end == "inadmissible":
        at, user = application.open_completion_request().due_at + timedelta(days=1), screener_of(application.call)
        done = services.declare_inadmissible(application=application, user=user, at=at, reason="Rien reçu.")
    else:
        done = services.withdraw(application=application, user=applicant_of(application.organisation), at=LATER)
    assert done.state == end
    request = CompletionRequest.objects.get()
    assert (request.answered_at, request.answered_by) == (None, None)
    assert done.open_completion_request() is None


def test_waitlisted_dossier_is_withdrawn_by_its_applicant(db):
    application = decided_application("waitlisted")
    user = applicant_of(application.organisation)
    assert can(user, application, "withdraw", LATER)
    assert services.withdraw(application=application, user=user, at=LATER).state == "withdrawn"
    refused = decided_application("refused")
    assert not can(applicant_of(refused.organisation), refused, "withdraw", LATER)


def pack(**options):
    session = session_of(the_only_call(), "pack-franceconnect", "guichet-2021")
    return fill(start(session=session, **options), cost="5000.00", requested="5000.00")


def file(draft):
    user = applicant_of(draft.organisation)
    return services.submit_application(application=draft, user=user, at=FIRST_RELEVE, key=str(uuid4()))


def file_served(draft):
    """As in a call whose pack serves groupings too: found eligible."""
    done = file(draft)
    EligibilityRecord.objects.create(
        application=done, rules_version=done.rules_version, verdict="eligible", rules=[], evaluated_at=LATER
    )
    return done


def grouping_of(lead, *members):
    return services.form_grouping(lead=lead, members=members, user=applicant_of(lead), at=FIRST_RELEVE)


@pytest.mark.parametrize("first", ["grouping", "member"])
def test_pack_is_served_once_to_a_member_of_a_grouping_too(db, first):
    lead, member = OrganisationFactory(), OrganisationFactory()
    drafts = [pack(grouping=grouping_of(lead, member)), pack(organisation=member)]
    served, late = drafts if first == "grouping" else reversed(drafts)
    assert file_served(served).state == "submitted"
    with pytest.raises(Refused, match="n’est accordée qu’une fois"), transaction.atomic():
        file(late)
    assert Application.objects.get(pk=late.pk).state == "draft"


def test_pack_of_two_groupings_that_share_a_member_is_served_once(db):
    lead, other, shared = OrganisationFactory(), OrganisationFactory(), OrganisationFactory()
    file_served(pack(grouping=grouping_of(lead, shared)))
    with pytest.raises(Refused, match="n’est accordée qu’une fois"), transaction.atomic():
        file(pack(grouping=grouping_of(other, shared)))
    assert file(pack(organisation=other)).state == "submitted"


def test_pack_that_a_rule_refuses_stands_in_nobodys_way(db):
    """The shipped pack serves no grouping: naming a neighbour in one must not cost it its own."""
    lead, neighbour = OrganisationFactory(), OrganisationFactory()
    refused = file(pack(grouping=grouping_of(lead, neighbour)))
    assert refused.eligibility_records.get().verdict == "not_eligible"
    assert file(pack(organisation=neighbour)).state == "submitted"


def test_former_member_keeps_what_was_filed_for_it(db):
    """Who receives is written on the dossier: leaving the grouping afterwards gives no second pack."""
    lead, member = OrganisationFactory(), OrganisationFactory()
    grouping = grouping_of(lead, member)
    file_served(pack(grouping=grouping))
    grouping.members.remove(member)
    with pytest.raises(Refused, match="n’est accordée qu’une fois"), transaction.atomic():
        file(pack(organisation=member))


def test_other_dossiers_of_the_axis_are_untouched(db):
    submitted_application()
    assert file(pack()).state == "submitted"
