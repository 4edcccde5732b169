from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext

from calls.enums import MandateRole
from calls.models import Axis, Mandate
from calls.permissions import has_mandate, mandates_of, territory_scope
from calls.services import end_mandate, grant_mandate
from core.errors import Refused
from core.models import JournalEntry, OutboxMessage
from tests.factories.accounts import UserFactory
from tests.factories.calls import MandateFactory, axis_of, the_call

AT = datetime(2021, 4, 1, tzinfo=UTC)
SCREENER = (MandateRole.SCREENER,)


@pytest.fixture
def call(db):
    return the_call()


def grant(call, **changes):
    values = {"user": UserFactory(), "call": call, "role": MandateRole.SCREENER, "at": AT, "appointed_by": None}
    return grant_mandate(**{**values, **changes})


def test_granting_requires_a_second_factor_and_is_journaled(call):
    user, chief = UserFactory(), UserFactory()
    mandate = grant(call, user=user, appointed_by=chief, departement_code="35")
    user.refresh_from_db()
    assert user.requires_second_factor
    entry = JournalEntry.objects.filter(chain="call:transformation-numerique", action="mandate.granted").get()
    assert entry.actor_id == chief.pk
    assert entry.data["mandate"] == mandate.pk
    assert user.email not in str(entry.data)


def test_mandate_counts_from_its_start_to_its_end_exactly(call):
    user = UserFactory()
    end = AT + timedelta(days=10)
    grant(call, user=user, ends_at=end)
    instants = (AT - timedelta(seconds=1), AT, end - timedelta(seconds=1), end)
    assert [has_mandate(user, SCREENER, at=at) for at in instants] == [False, True, True, False]


def test_ending_a_mandate_takes_the_right_away_at_once(call):
    user = UserFactory()
    mandate = grant(call, user=user)
    later = AT + timedelta(days=1)
    end_mandate(mandate_id=mandate.pk, by=None, at=later, reason="départ")
    assert not has_mandate(user, SCREENER, at=later)
    assert has_mandate(user, SCREENER, at=AT)
    with pytest.raises(Refused, match="déjà terminé"):
        end_mandate(mandate_id=mandate.pk, by=None, at=later + timedelta(days=1))
    user.refresh_from_db()
    assert user.requires_second_factor


def test_mandate_dates_in_order(call):
    with pytest.raises(Refused):
        grant(call, ends_at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        MandateFactory(call=call, starts_at=AT, ends_at=AT - timedelta(microseconds=1))


@pytest.mark.parametrize("before", [timedelta(days=3), timedelta(0)])
def test_mandate_that_has_not_begun_is_cancelled_and_never_gives_a_right(call, before):
    user, chief = UserFactory(), UserFactory()
    start = AT + timedelta(days=3)
    mandate = grant(call, user=user, starts_at=start, ends_at=start + timedelta(days=30))
    cancelled = end_mandate(mandate_id=mandate.pk, by=chief, at=start - before, reason="erreur")
    assert cancelled.ends_at == cancelled.starts_at == start
    instants = (start - timedelta(microseconds=1), start, start + timedelta(microseconds=1), start + timedelta(days=9))
    assert not any(has_mandate(user, SCREENER, at=at) for at in instants)
    entry = JournalEntry.objects.get(action="mandate.cancelled")
    assert (entry.actor_id, entry.reason, entry.data["mandate"]) == (chief.pk, "erreur", mandate.pk)
    with pytest.raises(Refused, match="déjà terminé"):
        end_mandate(mandate_id=mandate.pk, by=chief, at=start - before)
    assert JournalEntry.objects.filter(chain="call:transformation-numerique", data__mandate=mandate.pk).count() == 2


def test_axis_of_another_call_is_refused(call):
    other = type(call).objects.create(code="autre", title="Autre", summary="x", opens_at=AT)
    foreign = Axis.objects.create(call=other, code="axe", position=1, title="x", summary="x", steward="x")
    with pytest.raises(Refused, match="pas celui de l’appel"):
        grant(call, axis=foreign)
    assert not Mandate.objects.exists()


@pytest.mark.parametrize(
    ("mandate", "axis", "departement", "expected"),
    [
        ({}, None, "", True),
        ({}, "axe-2", "35", True),
        ({"axis": "axe-2"}, "axe-2", "", True),
        ({"axis": "axe-2"}, "axe-3", "", False),
        ({"departement_code": "35"}, "axe-3", "35", True),
        ({"departement_code": "35"}, "axe-3", "29", False),
        ({"departement_code": "35"}, "axe-3", "", True),
        ({"region_code": "94"}, "axe-3", "2B", True),
        ({"region_code": "94"}, "axe-3", "48", False),
        ({"region_code": "99"}, "axe-3", "35", False),
        ({"role": MandateRole.JUROR}, None, "", False),
    ],
)
def test_has_mandate_looks_at_role_axis_and_territory(call, mandate, axis, departement, expected):
    user = UserFactory()
    values = {**mandate, "axis": axis_of(call, mandate["axis"])} if "axis" in mandate else mandate
    grant(call, user=user, **values)
    asked = axis_of(call, axis) if axis else None
    assert has_mandate(user, SCREENER, axis=asked, departement=departement, at=AT) is expected
    scope = territory_scope(user, SCREENER, AT)
    rows = Mandate.objects.filter(scope.as_q(call="call_id", axis="axis_id", departement="departement_code"))
    assert not (rows.exists() and not scope)


def test_scope_filters_a_list_like_has_mandate(call):
    user = UserFactory()
    grant(call, user=user, axis=axis_of(call, "axe-3"), departement_code="35")
    grant(call, user=user, axis=axis_of(call, "axe-1"))
    scope = territory_scope(user, SCREENER, AT)
    # Mandates of others stand for any rows with a call, an axis and a département.
    rows = [
        MandateFactory(call=call, axis=axis_of(call, axis), departement_code=code)
        for axis, code in (("axe-3", "35"), ("axe-3", "29"), ("axe-1", "29"), ("axe-2", "35"))
    ]
    wanted = scope.as_q(call="call_id", axis="axis_id", departement="departement_code")
    found = set(Mandate.objects.exclude(user=user).filter(wanted).values_list("pk", flat=True))
    assert found == {rows[0].pk, rows[2].pk}


def test_without_any_mandate_the_scope_lets_nothing_through(call):
    MandateFactory(call=call)
    scope = territory_scope(UserFactory(), SCREENER, AT)
    assert not scope
    assert not Mandate.objects.filter(scope.as_q(call="call_id", axis="axis_id", departement="departement_code"))
    assert scope.departements() == frozenset()


def test_whoever_is_not_signed_in_or_inactive_has_no_mandate(call):
    user = UserFactory()
    grant(call, user=user)
    user.is_active = False
    assert not mandates_of(user, AT).exists()
    assert not mandates_of(AnonymousUser(), AT).exists()


@pytest.mark.parametrize("number", [1, 3, 30])
def test_scope_takes_two_queries_whatever_the_mandates(call, number):
    user = UserFactory()
    for _ in range(number):
        grant(call, user=user, region_code="94")
    with CaptureQueriesContext(connection) as queries:
        scope = territory_scope(user, SCREENER, AT)
    assert len(queries) == 2
    assert scope.departements() == frozenset({"2A", "2B"})


def told(user):
    return OutboxMessage.objects.filter(kind="core.mail", payload__to=[user.email])


def test_person_is_told_of_the_mandate_given_and_of_its_end_taken(call):
    user, chief = UserFactory(), UserFactory()
    mandate = grant(call, user=user, appointed_by=chief, axis=axis_of(call, "axe-3"), departement_code="38")
    (given,) = told(user)
    text = render_to_string(given.payload["template"], {**given.payload["context"], "site_url": "https://guichet.test"})
    assert "Rôle : instructeur" in text and "1er avril 2021" in text and "Territoire : département 38" in text
    assert "https://guichet.test/compte/connexion/" in text
    end_mandate(mandate_id=mandate.pk, by=chief, at=AT + timedelta(days=9))
    (ended,) = told(user).exclude(pk=given.pk)
    assert ended.payload["context"]["ended"]
    assert "connexion" not in render_to_string(ended.payload["template"], ended.payload["context"])


def test_mandate_cancelled_before_it_began_is_told_to_be_cancelled(call):
    user, chief = UserFactory(), UserFactory()
    mandate = grant(call, user=user, appointed_by=chief, starts_at=AT + timedelta(days=30))
    end_mandate(mandate_id=mandate.pk, by=chief, at=AT + timedelta(days=1))
    (ended,) = told(user).filter(payload__context__ended=True)
    text = render_to_string(ended.payload["template"], ended.payload["context"])
    assert "à partir du 1er mai 2021 est annulé" in text and "a pris fin" not in text


def test_installation_and_whoever_ends_their_own_mandate_send_no_mail(call):
    user = UserFactory()
    mandate = grant(call, user=user)
    end_mandate(mandate_id=mandate.pk, by=user, at=AT + timedelta(days=9))
    assert not told(user).exists()
