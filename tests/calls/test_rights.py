"""What the agent who closes an account is told of the rights that end with it, and whose account they may close."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import closing, hooks, recovery
from calls.enums import MandateRole
from calls.models import Call
from core.errors import Refused
from tests.factories.accounts import AdministratorFactory, UserFactory, confirmed, sign_in
from tests.factories.calls import MandateFactory, axis_of, the_call
from tests.factories.territories import AffiliationFactory

WHY = "Départ du service."


@pytest.fixture
def call(db):
    return the_call()


@pytest.fixture
def other_call(call):
    return Call.objects.create(
        code="autre-appel", title="Un autre appel", opens_at=call.opens_at, published_at=call.published_at
    )


def administrator_of(call):
    return MandateFactory(call=call, role=MandateRole.ADMINISTRATOR).user


def told(user, by):
    return [(right.text, right.is_reached) for right in hooks.rights_of(user=user, by=by, at=timezone.now())]


def test_rights_in_force_or_to_come_are_told_in_words(call):
    user, now = UserFactory(), timezone.now()
    MandateFactory(user=user, call=call, axis=axis_of(call, "axe-1"), departement_code="35")
    MandateFactory(user=user, call=call, role=MandateRole.JUROR, starts_at=now + timedelta(days=3))
    MandateFactory(user=user, call=call, role=MandateRole.AUDITOR, ends_at=now - timedelta(days=1))
    later = now + timedelta(days=5)
    MandateFactory(user=user, call=call, role=MandateRole.CHAIR, starts_at=later, ends_at=later)
    kept = AffiliationFactory(user=user)
    AffiliationFactory(user=user, pending=True)
    AffiliationFactory(user=user, ends_at=now - timedelta(days=1))
    axis = axis_of(call, "axe-1").title
    assert sorted(told(user, administrator_of(call))) == sorted(
        [
            (f"instructeur\u00a0: {call.title}, {axis}, département 35", True),
            (f"juré\u00a0: {call.title}", True),
            (f"{kept.organisation.name}\u00a0: prépare les dossiers", True),
        ]
    )


def test_page_of_closing_says_what_ends(client, call):
    user = MandateFactory(call=call, role=MandateRole.JUROR).user
    sign_in(client, administrator_of(call))
    page = client.get(reverse("account_close", args=[user.pk])).content.decode()
    assert "Ce que la personne ne pourra plus faire" in page
    assert f"juré\u00a0: {call.title}" in page
    nobody = client.get(reverse("account_close", args=[UserFactory().pk])).content.decode()
    assert "ni mandat, ni rattachement" in nobody


@pytest.mark.parametrize("act", [closing.close_account, closing.reopen_account])
def test_account_that_serves_another_call_is_out_of_reach(call, other_call, act):
    user = UserFactory(is_active=act is closing.close_account)
    MandateFactory(user=user, call=call)
    MandateFactory(user=user, call=other_call, role=MandateRole.CHAIR)
    of_one = administrator_of(call)
    with pytest.raises(Refused, match="que vous n’administrez pas"):
        act(user=user, by=of_one, reason=WHY, at=timezone.now())
    user.refresh_from_db()
    assert user.is_active == (act is closing.close_account)
    of_both = administrator_of(call)
    MandateFactory(user=of_both, call=other_call, role=MandateRole.ADMINISTRATOR)
    act(user=user, by=of_both, reason=WHY, at=timezone.now())
    undo = closing.reopen_account if act is closing.close_account else closing.close_account
    undo(user=user, by=AdministratorFactory(), reason=WHY, at=timezone.now())


def test_account_out_of_reach_tells_nothing_but_that(client, call, other_call):
    user = MandateFactory(call=other_call, role=MandateRole.CHAIR).user
    sign_in(client, administrator_of(call))
    page = client.get(reverse("account_close", args=[user.pk])).content.decode()
    assert "que vous n’administrez pas" in page
    assert not [said for said in (user.email, str(user), other_call.title, "closing_reason") if said in page]
    refused = client.post(reverse("account_close", args=[user.pk]), {"closing_reason": WHY}).content.decode()
    assert user.email not in refused
    user.refresh_from_db()
    assert user.is_active


def test_agreement_about_a_lost_factor_comes_from_one_of_their_calls(call, other_call):
    user, now = MandateFactory(call=other_call).user, timezone.now()
    request = recovery.request_recovery(user=user, reason="Téléphone perdu.", at=now)
    stranger = administrator_of(call)
    with pytest.raises(Refused, match="que vous n’administrez pas"):
        recovery.approve_recovery(recovery=request, by=stranger, at=now)
    MandateFactory(user=user, call=call)
    digest = recovery.approval_digest(request)
    confirmed(stranger, act=recovery.APPROVAL_ACT, content_sha256=digest, at=now)
    agreed = recovery.approve_recovery(recovery=request, by=stranger, at=now)
    assert agreed.first_approved_by_id == stranger.pk
