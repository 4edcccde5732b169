"""The journal read in French: each act, state and datum has its words, and a code without any is shown as it is."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from applications.enums import ApplicationState
from applications.workflow import WORKFLOW
from budget.enums import Movement
from core.journal import record
from core.journal_words import act_in_words, data_in_words, known_acts, state_in_words
from core.money import euros
from core.templatetags.guichet import paris_datetime


def test_every_movement_and_transition_has_words():
    for movement in Movement:
        assert act_in_words(f"ledger.{movement.value}").startswith("Grand livre")
    for transition in WORKFLOW.transitions:
        assert f"application.{transition.name}" in known_acts()


def test_words_start_with_a_capital_and_differ_from_one_another():
    words = list(known_acts().values())
    assert all(text[:1].isupper() for text in words), [text for text in words if not text[:1].isupper()]
    assert len(set(words)) == len(words)


def test_states_are_told_by_the_room_of_the_act():
    assert state_in_words("application.submit", "draft") == ApplicationState.DRAFT.label
    assert state_in_words("jury.opinion", "awarded") == "retenu"
    assert state_in_words("decision_list.prepared", "prepared") == "à libérer"
    assert state_in_words("application.submit", "unheard") == "unheard"


def test_change_in_the_administration_is_named_by_its_model():
    assert act_in_words("axis.changed") == "Administration\u00a0: modification (axe)"
    assert act_in_words("mandate.added") == "Administration\u00a0: ajout (mandat)"
    assert act_in_words("axis.vanished") == "axis.vanished"


def test_data_are_told_apart_from_what_they_prove():
    told, proofs = data_in_words(
        {
            "role": "screener",
            "amount": "10.00",
            "is_final": False,
            "region": "",
            "row_hash": "ab",
            "before": {"outcome": "refused", "amount": ""},
            "decision_due_at": "2027-08-11T07:16:59.313015+00:00",
            "sworn_as": "mandated",
            "ground": "not_completed",
            "forgotten": ["awarded"],
        }
    )
    assert told == [
        ("fonction", "instructeur"),
        ("montant", euros(Decimal(10))),
        ("définitif", "non"),
        ("avant", "issue\u00a0: non retenu"),
        ("décision attendue le", paris_datetime(datetime(2027, 8, 11, 7, 16, tzinfo=UTC))),
        ("en qualité de", "personne mandatée"),
        ("motif", "projet non achevé ou non déclaré dans les délais"),
        ("avis effacé", "retenu"),
    ]
    assert proofs == [("empreinte de l’écriture", "ab")]


@pytest.mark.parametrize("text", ["2026-11-23T10", "2026-11-23T25:00:00+00:00", "2026-11-23T10:00:00", "1234-56-78T"])
def test_reference_that_resembles_an_instant_is_shown_as_it_is(text):
    assert data_in_words({"reference": text}) == ([("référence", text)], [])


def test_act_without_words_fails_the_test_that_writes_it(db):
    with pytest.raises(AssertionError, match=r"« convention\.forgotten » has no French words"):
        record(chain="convention:1", action="convention.forgotten", at=timezone.now(), actor=None)
