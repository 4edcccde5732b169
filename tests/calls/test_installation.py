from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from calls.installation import VintageMissing, install_call
from calls.models import (
    Axis,
    AxisTerms,
    Call,
    Criterion,
    EligibilityRule,
    Question,
    RulesVersion,
    ScoringGrid,
    Session,
    Theme,
)
from calls.services import open_sessions
from core.models import JournalEntry
from territories.sirets import validate_siret
from tests.factories.calls import FIRST_RELEVE, the_call
from tests.factories.territories import load_sample

PARIS = ZoneInfo("Europe/Paris")
MODELS = (Axis, AxisTerms, Call, Criterion, EligibilityRule, Question, RulesVersion, ScoringGrid, Session, Theme)


def test_installing_again_changes_nothing(db):
    the_call()
    before = [list(model.objects.order_by("pk").values()) for model in MODELS]
    install_call(FIRST_RELEVE + timedelta(days=3))
    assert [list(model.objects.order_by("pk").values()) for model in MODELS] == before
    assert JournalEntry.objects.filter(chain="call:transformation-numerique").count() == 1


def test_installing_keeps_what_the_ministry_changed(db):
    call = the_call()
    Call.objects.filter(pk=call.pk).update(contact_phone="01 99 00 00 00")
    assert install_call(FIRST_RELEVE).contact_phone == "01 99 00 00 00"


def test_installing_without_territories_is_refused_and_writes_nothing(db):
    load_sample(2021)
    with pytest.raises(VintageMissing, match="2026"):
        install_call(FIRST_RELEVE)
    assert not Call.objects.exists()


def test_axes_share_the_88_millions(db):
    call = the_call()
    amounts = {axis.code: axis.announced_amount for axis in call.axes.all()}
    assert amounts == {
        "axe-1": Decimal("30000000.00"),
        "axe-2": Decimal("24000000.00"),
        "axe-3": Decimal("34000000.00"),
        "pack-franceconnect": None,
    }
    assert sum(amount for amount in amounts.values() if amount) == call.announced_amount == Decimal("88000000.00")
    assert call.axes.get(code="pack-franceconnect").funded_from.code == "axe-2"


def test_change_of_21_september_2021_is_in_the_data(db):
    call = the_call()
    rows = {}
    for version in call.rules_versions.all():
        rule = version.eligibility_rules.get(axis__code="axe-2", kind="population_at_least")
        below = version.eligibility_rules.get(axis__code="axe-3", kind="population_below")
        terms = version.terms.get(axis__code="axe-2")
        assert rule.parameters["threshold"] == below.parameters["threshold"]
        rows[version.number] = (version.effective_at, version.vintage_id, rule.parameters["threshold"], terms.aid_rate)
    assert rows == {
        1: (datetime(2021, 1, 25, tzinfo=PARIS), 2021, 500_000, Decimal("0.5000")),
        2: (datetime(2021, 9, 21, tzinfo=PARIS), 2021, 300_000, Decimal("0.7500")),
        3: (datetime(2026, 1, 1, tzinfo=PARIS), 2026, 300_000, Decimal("0.7500")),
    }


def test_every_axis_has_terms_rules_questions_and_themes_in_every_version(db):
    call = the_call()
    for axis in call.axes.all():
        assert axis.themes.exists()
        for version in call.rules_versions.all():
            assert axis.terms.filter(rules_version=version).count() == 1
            assert axis.eligibility_rules.filter(rules_version=version).exists()
            assert axis.questions.filter(rules_version=version).count() >= 4


def test_grid_weighs_one_hundred_and_describes_each_mark(db):
    call = the_call()
    grids = ScoringGrid.objects.filter(axis__call=call)
    assert grids.count() == call.axes.count()
    for grid in grids:
        criteria = list(grid.criteria.all())
        assert [criterion.weight for criterion in criteria] == [25, 15, 20, 15, 15, 10]
        for criterion in criteria:
            assert len(criterion.descriptors) == grid.maximum + 1
            assert len(set(criterion.descriptors)) == 6
            assert min(len(text) for text in criterion.descriptors) > 25


@pytest.mark.parametrize("at", [FIRST_RELEVE, datetime(2026, 11, 22, 15, tzinfo=PARIS)])
def test_one_demonstration_session_per_axis_is_open(db, at):
    call = the_call(at)
    found = [session for session in open_sessions(call, at) if session.is_demonstration]
    assert [session.axis.code for session in found] == ["axe-1", "axe-2", "axe-3", "pack-franceconnect"]


def test_when_the_demonstration_session_is_over_installing_opens_another(db):
    call = the_call()
    later = FIRST_RELEVE + timedelta(days=400)
    assert not [session for session in open_sessions(call, later) if session.is_demonstration]
    install_call(later)
    assert len([session for session in open_sessions(call, later) if session.is_demonstration]) == 4


def test_papers_have_what_the_law_wants(db):
    call = the_call()
    for field in ("steward", "contact_name", "contact_address", "contact_email", "contact_phone", "appeal_court"):
        assert getattr(call, field)
    validate_siret(call.steward_siret)
    assert (call.completeness_months, call.decision_months) == (2, 8)
