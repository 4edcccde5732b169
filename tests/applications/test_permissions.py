"""Who sees which dossier: one function, and what it must never let through."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from applications.enums import AccessEffect, AccessSource
from applications.models import Access, Application
from applications.permissions import screening_scope
from applications.services import form_grouping
from applications.tasks import acknowledge
from calls.enums import MandateRole
from calls.models import Mandate
from tests.factories.accounts import AgentFactory, UserFactory, sign_in
from tests.factories.applications import applicant_of, start, submitted_application, the_only_call
from tests.factories.calls import FIRST_RELEVE, MandateFactory, axis_of, session_of
from tests.factories.territories import OrganisationFactory


def sees(user, application) -> bool:
    return Application.objects.visible_to(user).filter(pk=application.pk).exists()


def access(user, application, effect, source=AccessSource.ASSIGNMENT):
    return Access.objects.create(
        user=user, application=application, effect=effect, source=source, created_at=FIRST_RELEVE
    )


def test_draft_is_seen_by_its_organisation_only(db):
    draft = start()
    call = draft.call
    assert sees(applicant_of(draft.organisation), draft)
    assert not sees(applicant_of(OrganisationFactory()), draft)
    for role in MandateRole:
        assert not sees(MandateFactory(call=call, role=role).user, draft), role


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (MandateRole.SCREENER, True),
        (MandateRole.OFFICER, True),
        (MandateRole.RELEASER, True),
        (MandateRole.SIGNATORY, True),
        (MandateRole.AUDITOR, True),
        (MandateRole.ADMINISTRATOR, True),
        (MandateRole.JUROR, False),
        (MandateRole.CHAIR, False),
    ],
)
def test_mandate_opens_filed_dossiers_except_to_the_jury(db, role, expected):
    application = submitted_application()
    assert sees(MandateFactory(call=application.call, role=role).user, application) is expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"axis": "axe-1"}, True),
        ({"axis": "axe-2"}, False),
        ({"departement_code": "35"}, True),
        ({"departement_code": "22"}, False),
        ({"region_code": "53"}, True),
        ({"region_code": "11"}, False),
        ({"axis": "axe-1", "departement_code": "35"}, True),
        ({"axis": "axe-1", "departement_code": "22"}, False),
        ({"axis": "axe-2", "departement_code": "35"}, False),
    ],
)
def test_mandate_covers_its_axis_and_territory(db, scope, expected):
    application = submitted_application()
    call = application.call
    if "axis" in scope:
        scope = {**scope, "axis": axis_of(call, scope["axis"])}
    user = MandateFactory(call=call, **scope).user
    assert sees(user, application) is expected
    assert screening_scope(Application.objects.all(), user).exists() is expected


@pytest.mark.parametrize("scope", [{"departement_code": "35"}, {"region_code": "53"}])
def test_dossier_without_territory_is_not_taken_for_everybodys(db, scope):
    organisation = OrganisationFactory(syndicat=True, departement_code="", region_code="")
    application = submitted_application(organisation=organisation)
    assert not sees(MandateFactory(call=application.call, **scope).user, application)
    assert sees(MandateFactory(call=application.call).user, application)


def test_mandate_of_another_call_opens_nothing(db):
    application = submitted_application()
    other = type(application.call).objects.get(pk=application.call_id)
    other.pk, other.code = None, "autre"
    other.save(force_insert=True)
    assert not sees(MandateFactory(call=other).user, application)


def test_mandate_ended_or_not_begun_opens_nothing(db):
    application = submitted_application()
    now = timezone.now()
    call = application.call
    assert not sees(MandateFactory(call=call, ends_at=now - timedelta(seconds=1)).user, application)
    assert not sees(MandateFactory(call=call, starts_at=now + timedelta(hours=1)).user, application)
    ending = MandateFactory(call=call, ends_at=now + timedelta(hours=1)).user
    assert sees(ending, application)
    with time_machine.travel(now + timedelta(hours=1, seconds=1)):
        assert not sees(ending, application)


def test_affiliation_not_validated_or_ended_opens_nothing(db):
    application = submitted_application()
    user = applicant_of(application.organisation)
    assert sees(user, application)
    row = user.affiliations.get()
    row.ends_at = timezone.now()
    row.save()
    assert not sees(user, application)
    row.ends_at, row.validated_at = None, None
    row.save()
    assert not sees(user, application)


def test_inactive_person_and_visitor_see_nothing(db):
    from django.contrib.auth.models import AnonymousUser

    application = submitted_application()
    user = applicant_of(application.organisation)
    user.is_active = False
    user.save()
    assert not sees(user, application)
    assert not sees(AnonymousUser(), application)


def test_member_of_a_grouping_follows_without_leading(db):
    from applications.permissions import can

    call = the_only_call()
    lead, member = OrganisationFactory(), OrganisationFactory()
    user = applicant_of(lead)
    grouping = form_grouping(lead=lead, members=[member], user=user, at=FIRST_RELEVE)
    draft = start(session=session_of(call, "axe-1", "releve-1"), grouping=grouping)
    assert sees(applicant_of(member), draft)
    assert not can(applicant_of(member), draft, "withdraw", FIRST_RELEVE)
    assert can(user, draft, "withdraw", FIRST_RELEVE)


def test_grant_opens_one_filed_dossier_and_deny_wins_over_everything(db):
    application = submitted_application()
    other = submitted_application()
    juror = AgentFactory()
    access(juror, application, AccessEffect.GRANT)
    assert not sees(juror, application)  # a grant opens nothing without a seat
    mandate = MandateFactory(call=application.call, role=MandateRole.JUROR, axis=application.axis, user=juror)
    assert sees(juror, application)
    assert not sees(juror, other)
    Mandate.objects.filter(pk=mandate.pk).update(ends_at=FIRST_RELEVE)
    assert not sees(juror, application)
    Mandate.objects.filter(pk=mandate.pk).update(ends_at=None)
    access(juror, application, AccessEffect.DENY, AccessSource.RECUSAL)
    assert not sees(juror, application)
    screener = MandateFactory(call=application.call).user
    access(screener, application, AccessEffect.DENY, AccessSource.RECUSAL)
    assert not sees(screener, application)
    assert sees(screener, other)
    applicant = applicant_of(application.organisation)
    access(applicant, application, AccessEffect.DENY, AccessSource.RECUSAL)
    assert not sees(applicant, application)


def test_grant_closes_with_the_seat_in_the_jury(db):
    application = submitted_application()
    seat = MandateFactory(call=application.call, role=MandateRole.JUROR)
    access(seat.user, application, AccessEffect.GRANT)
    assert sees(seat.user, application)
    seat.ends_at = timezone.now()
    seat.save()
    assert not sees(seat.user, application)
    outsider = UserFactory()
    access(outsider, application, AccessEffect.GRANT)
    assert not sees(outsider, application)


def test_bank_details_are_not_for_the_jury(client, db):
    application = submitted_application()
    seat = MandateFactory(call=application.call, role=MandateRole.JUROR)
    access(seat.user, application, AccessEffect.GRANT)
    answers = {}
    for user in (seat.user, MandateFactory(call=application.call).user, applicant_of(application.organisation)):
        sign_in(client, user)
        for row in application.attachments.all():
            url = reverse("attachment_download", args=[application.pk, row.pk])
            answers[user.pk, row.kind] = client.get(url).status_code
    assert answers.pop((seat.user.pk, "bank_details")) == 404
    assert set(answers.values()) == {200}


def test_acknowledgement_that_lists_the_documents_is_not_for_the_jury(client, db):
    application = submitted_application()
    acknowledge({"application": str(application.pk)})
    url = reverse("acknowledgement_download", args=[application.pk])
    for role in (MandateRole.JUROR, MandateRole.CHAIR):
        seat = MandateFactory(call=application.call, role=role)
        access(seat.user, application, AccessEffect.GRANT)
        assert sees(seat.user, application)
        sign_in(client, seat.user)
        assert client.get(url).status_code == 404
    for user in (MandateFactory(call=application.call).user, applicant_of(application.organisation)):
        sign_in(client, user)
        assert client.get(url).status_code == 200


def test_denied_person_plays_no_transition(db):
    from applications import services
    from applications.permissions import possible_actions
    from core.errors import Refused

    application = submitted_application()
    screener = MandateFactory(call=application.call).user
    assert possible_actions(screener, application, FIRST_RELEVE)
    access(screener, application, AccessEffect.DENY, AccessSource.RECUSAL)
    assert possible_actions(screener, application, FIRST_RELEVE) == []
    with pytest.raises(Refused):
        services.declare_admissible(application=application, user=screener, at=FIRST_RELEVE)
    application.refresh_from_db()
    assert application.state == "submitted"


def test_visibility_is_one_query(db, django_assert_num_queries):
    application = submitted_application()
    user = MandateFactory(call=application.call).user
    with django_assert_num_queries(1):
        assert len(Application.objects.visible_to(user)) == 1


@pytest.mark.parametrize("axis", [None, "axe-1", "axe-2"])
def test_own_dossier_of_an_agent_is_not_in_the_screening_list(db, axis):
    application, other = submitted_application(), submitted_application()
    user = applicant_of(application.organisation)
    MandateFactory(call=application.call, user=user, axis=axis and axis_of(application.call, axis))
    assert sees(user, application)
    found = screening_scope(Application.objects.all(), user)
    assert set(found) == (set() if axis == "axe-2" else {other})


def test_no_role_of_the_state_is_held_over_a_dossier_of_ones_own_side(db):
    from applications.roles import is_applicant, is_decider, is_screener

    lead, member = OrganisationFactory(), OrganisationFactory()
    grouping = form_grouping(lead=lead, members=[member], user=applicant_of(lead), at=FIRST_RELEVE)
    draft = start(session=session_of(the_only_call(), "axe-1", "releve-1"), grouping=grouping)
    alone = submitted_application()
    now = timezone.now()
    for user in (applicant_of(lead), applicant_of(member)):
        for role in (MandateRole.SCREENER, MandateRole.OFFICER):
            MandateFactory(call=draft.call, user=user, role=role)
        assert (is_screener(user, draft, now), is_decider(user, draft, now)) == (False, False)
        assert (is_screener(user, alone, now), is_decider(user, alone, now)) == (True, True)
    # Once gone from the organisation, the mandate holds again.
    row = applicant_of(member).affiliations.get()
    row.ends_at = now - timedelta(seconds=1)
    row.save()
    assert is_screener(row.user, draft, now)
    assert is_applicant(applicant_of(lead), draft, now)


def test_screener_of_ones_own_dossier_acts_no_more_than_a_stranger(client, db):
    application = submitted_application()
    user = applicant_of(application.organisation)
    MandateFactory(call=application.call, user=user)
    sign_in(client, user)
    for name in ("screening_detail", "screening_admissible", "screening_inadmissible", "screening_request"):
        assert client.get(reverse(name, args=[application.pk])).status_code == 404, name
    assert client.get(reverse("application_detail", args=[application.pk])).status_code == 200
