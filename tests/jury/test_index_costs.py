"""The lists of juries and of decisions: as many queries with one row as with thirty."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from applications.models import Application
from calls.models import Session
from jury.enums import DecisionListState, DeliberationState, Outcome
from jury.models import Decision, DecisionList, Deliberation, Juror, Jury, Opinion
from tests.factories.accounts import sign_in
from tests.factories.budget import make_applications
from tests.factories.jury import AT, DECIDED, HELD, JuryWorld


def add_juries(world: JuryWorld, number: int) -> None:
    """``number`` more juries of the same chair, each with a closed deliberation, a list and one that awaits its list."""
    for position in range(number):
        code = f"releve-{Session.objects.count()}-{position}"
        session = Session.objects.create(
            axis=world.axis, code=code, title=code, opens_at=AT - timedelta(days=60), closes_at=AT
        )
        jury = Jury.objects.create(session=session, grid=world.grid, name=code, created_at=AT)
        Juror.objects.create(jury=jury, user=world.chair_user, is_chair=True, appointed_at=AT)
        decided, awaiting = make_applications(world.axis, 2, departement_code="35", region_code="53")
        Application.objects.filter(pk__in=[decided.pk, awaiting.pk]).update(session=session)
        deliberation = Deliberation.objects.create(
            jury=jury, state=DeliberationState.OPEN, summoned_at=AT, held_at=HELD
        )
        for rank, row in enumerate((decided, awaiting), start=1):
            Opinion.objects.create(
                deliberation=deliberation, application=row, outcome=Outcome.AWARDED, amount_proposed=1, rank=rank
            )
        Deliberation.objects.filter(pk=deliberation.pk).update(
            state=DeliberationState.CLOSED, closed_at=HELD, closed_by=world.chair_user, minutes_number=code
        )
        made = DecisionList.objects.create(
            number=code, deliberation=deliberation, title=code, state=DecisionListState.PREPARING, created_at=DECIDED
        )
        Decision.objects.create(
            decision_list=made, application=decided, outcome=Outcome.AWARDED, amount_granted=1, position=1
        )


@pytest.mark.parametrize(
    ("who", "name"), [("chair_user", "jury_index"), ("officer", "jury_index"), ("officer", "decision_index")]
)
def test_index_costs_the_same_with_1_3_and_30_rows(client, db, who, name):
    world = JuryWorld(dossiers=1, jurors=1)
    sign_in(client, getattr(world, who))
    client.get(reverse(name))  # the first page of a session registers it
    costs = []
    for size in (1, 3, 30):
        add_juries(world, size - (Jury.objects.count() - 1))
        with CaptureQueriesContext(connection) as queries:
            content = client.get(reverse(name)).content.decode()
        assert content.count("releve-") >= size
        costs.append(len(queries))
    assert len(set(costs)) == 1, costs
