"""Every state × transition × role, read from the tables that the buttons and the services read."""

from datetime import timedelta

import pytest
from django_fsm import TransitionNotAllowed

from accounts.models import User
from applications.enums import AccessEffect, AccessSource
from applications.models import Access
from calls.enums import MandateRole
from conventions.enums import ConventionState, SigningState
from conventions.models import Batch, Convention, Signing
from conventions.workflow import BATCH, CONVENTION, SIGNING
from core.errors import Refused
from tests.factories.budget import make_mandate
from tests.factories.conventions import SIGNED, ConventionWorld, representative_of

HOLDERS = {
    "apply_seal": {"system"},
    "sign_for_beneficiary": {"representative"},
    "sign_for_state": {"signatory"},
    "pay": {"officer"},
}
SOURCES = {
    "apply_seal": "pending",
    "sign_for_beneficiary": "sealed",
    "sign_for_state": "beneficiary_signed",
    "pay": "signed",
}


@pytest.fixture
def cast(db):
    """A convention and one person per role towards it."""
    world = ConventionWorld(1)
    convention = world.release()[0]
    people = {
        "system": None,
        "representative": representative_of(convention),
        "signatory": world.signatory,
        "officer": world.officer,
        "releaser": world.releaser,
        "screener": world.agent(MandateRole.SCREENER),
        "auditor": world.agent(MandateRole.AUDITOR),
        "administrator": world.agent(MandateRole.ADMINISTRATOR),
        "stranger": representative_of(ConventionWorld(1).release()[0]),
    }
    return convention, people


def in_state(convention, state):
    """The same row as it would be in this state."""
    fields = {field.attname: getattr(convention, field.attname) for field in Convention._meta.concrete_fields}
    return Convention(**{**fields, "state": state})


def test_every_state_transition_and_role_of_a_convention(cast):
    convention, people = cast
    for state in ConventionState.values:
        thing = in_state(convention, state)
        for row in CONVENTION.transitions:
            for role, user in people.items():
                expected = role in HOLDERS[row.name] and state == SOURCES[row.name]
                found = row.name in {one.name for one in CONVENTION.available(user, thing, SIGNED)}
                assert found == expected, (state, row.name, role)


def test_methods_of_the_model_follow_the_table(cast):
    convention, _ = cast
    for state in ConventionState.values:
        for row in CONVENTION.transitions:
            thing = in_state(convention, state)
            if state in row.sources:
                getattr(thing, row.name)()
                assert thing.state == row.target
            else:
                with pytest.raises(TransitionNotAllowed):
                    getattr(thing, row.name)()


@pytest.mark.parametrize(("workflow", "model"), [(SIGNING, Signing), (BATCH, Batch)])
def test_methods_of_what_the_site_does_alone_follow_their_tables(workflow, model):
    for state in workflow.states.values:
        for row in workflow.transitions:
            thing = model(state=state)
            if state in row.sources:
                getattr(thing, row.name)()
                assert thing.state == row.target
            else:
                with pytest.raises(TransitionNotAllowed):
                    getattr(thing, row.name)()
            assert workflow.role("system").holds(None, thing, SIGNED)
            assert not workflow.holds(User(is_active=True), thing, row.name, SIGNED)


def test_state_cannot_be_set_by_hand(cast):
    with pytest.raises(AttributeError):
        cast[0].state = ConventionState.SIGNED


@pytest.mark.parametrize("state", [SigningState.STARTED, SigningState.PRODUCED])
def test_signature_in_progress_stops_another(cast, state):
    convention, people = cast
    user = people["representative"]
    thing = in_state(convention, ConventionState.SEALED)
    Signing.objects.create(
        convention=convention,
        kind="beneficiary",
        base_sha256="0" * 64,
        user=user,
        state=state,
        at=SIGNED,
        started_at=SIGNED,
    )
    assert CONVENTION.available(user, thing, SIGNED) == []
    with pytest.raises(Refused, match="déjà en cours"):
        CONVENTION.check(thing, "sign_for_beneficiary", SIGNED)


def test_mandate_ended_or_elsewhere_does_not_act(cast):
    convention, people = cast
    thing = in_state(convention, ConventionState.BENEFICIARY_SIGNED)
    signatory = people["signatory"]
    signatory.mandates.update(ends_at=SIGNED - timedelta(days=1))
    assert CONVENTION.available(signatory, thing, SIGNED) == []
    make_mandate(signatory, convention.application.call, MandateRole.SIGNATORY, departement_code="75")
    assert CONVENTION.available(signatory, thing, SIGNED) == []
    make_mandate(signatory, convention.application.call, MandateRole.SIGNATORY, departement_code="35")
    assert [row.name for row in CONVENTION.available(signatory, thing, SIGNED)] == ["sign_for_state"]


def test_closed_account_does_not_act(cast):
    convention, people = cast
    for role, state in (("representative", "sealed"), ("signatory", "beneficiary_signed"), ("officer", "signed")):
        user = people[role]
        user.is_active = False
        assert CONVENTION.available(user, in_state(convention, state), SIGNED) == []


def test_recused_person_does_not_act(cast):
    convention, people = cast
    Access.objects.create(
        user=people["signatory"],
        application=convention.application,
        effect=AccessEffect.DENY,
        source=AccessSource.RECUSAL,
        created_at=SIGNED,
    )
    thing = in_state(convention, ConventionState.BENEFICIARY_SIGNED)
    assert CONVENTION.available(people["signatory"], thing, SIGNED) == []


def test_every_state_says_what_comes_next():
    for state in ConventionState.values:
        for audience in ("applicant", "service"):
            assert CONVENTION.next_step(state, audience).endswith("."), (state, audience)
