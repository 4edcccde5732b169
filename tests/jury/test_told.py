"""The decision on the page of its dossier: what the mail said, for whoever comes later."""

import pytest
from django.template.loader import render_to_string

from applications.hooks import decision_of
from applications.models import Application
from jury.enums import Outcome
from tests.factories.jury import JuryWorld


@pytest.mark.parametrize("outcome", [Outcome.AWARDED, Outcome.REFUSED, Outcome.WAITLISTED])
def test_decision_is_told_once_released_with_its_reasons_and_appeals(db, outcome):
    world = JuryWorld(dossiers=1, jurors=2)
    prepared = world.prepared(world.deliberated([outcome]))
    assert decision_of(world.applications[0]) is None
    released = world.release(prepared)
    application = Application.objects.get(pk=world.applications[0].pk)
    told = decision_of(application)
    assert (told.list_number, told.decided_at, told.motive) == (
        released.number,
        released.released_at,
        released.decisions.get().motive,
    )
    page = render_to_string("applications/decision_told.html", {"application": application, "decision": told})
    assert prepared.number in page and told.motive in page
    assert "recours gracieux" in page and "Télérecours" in page
