"""Every state × transition × role, read from the workflow's one table."""

from datetime import timedelta

import pytest
from django_fsm import TransitionNotAllowed

from applications.enums import ApplicationState
from applications.models import Application
from applications.permissions import can
from applications.workflow import DECISIONS, WORKFLOW
from calls.enums import MandateRole
from core.errors import Refused
from core.models import JournalEntry
from core.workflow import Role, Transition, Workflow, workflows
from tests.factories.accounts import UserFactory
from tests.factories.applications import (
    ApplicationFactory,
    applicant_of,
    completion_requested_application,
    decided_application,
    screener_of,
    start,
    submitted_application,
)
from tests.factories.calls import FIRST_RELEVE, MandateFactory
from tests.factories.territories import OrganisationFactory

STATES = ApplicationState.values
NAMES = [row.name for row in WORKFLOW.transitions]


def put(application: Application, state: str) -> Application:
    """The dossier in any state, at the level of the row: what the table says is what is tested here."""
    values = {"state": state}
    if state not in {"draft", "withdrawn"}:
        values |= {"submitted_at": FIRST_RELEVE, "number": "TN-2021-99999"}
    if state == "inadmissible":
        values |= {"screened_at": FIRST_RELEVE, "screening_reason": "motif"}
    Application.objects.filter(pk=application.pk).update(**values)
    return Application.objects.get(pk=application.pk)


@pytest.fixture
def cast(db):
    """One person per role of the table, and three who hold none of them."""
    application = start()
    call = application.call
    people = {
        "applicant": applicant_of(application.organisation),
        "screener": screener_of(call),
        "decider": MandateFactory(call=call, role=MandateRole.RELEASER).user,
        "stranger": applicant_of(OrganisationFactory()),
        "juror": MandateFactory(call=call, role=MandateRole.JUROR).user,
        "nobody": UserFactory(),
    }
    return application, people


def test_every_state_transition_and_role_agrees_with_the_table(cast):
    application, people = cast
    checked = 0
    for state in STATES:
        dossier = put(application, state)
        for name in NAMES:
            row = WORKFLOW.transition(name)
            for role, user in people.items():
                expected = state in row.sources and role in row.roles
                assert can(user, dossier, name, FIRST_RELEVE) is expected, (state, name, role)
                checked += 1
    assert checked == len(STATES) * len(NAMES) * len(people)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", NAMES)
def test_method_of_the_model_moves_from_the_sources_of_the_table_only(state, name):
    row = WORKFLOW.transition(name)
    application = Application(state=state)
    if state in row.sources:
        getattr(application, name)()
        assert application.state == row.target
    else:
        with pytest.raises(TransitionNotAllowed):
            getattr(application, name)()
        assert application.state == state


def test_state_is_never_set_outside_its_methods():
    application = Application(state="draft")
    with pytest.raises(AttributeError):
        application.state = "awarded"


@pytest.mark.parametrize("outcome", sorted(DECISIONS))
def test_each_outcome_is_reached_and_journalled(db, outcome):
    application = decided_application(outcome)
    assert application.state == outcome
    assert application.decided_at == FIRST_RELEVE
    last = JournalEntry.objects.filter(chain=application.chain).order_by("number").last()
    assert (last.from_state, last.to_state, last.action) == (
        "admissible",
        outcome,
        f"application.{DECISIONS[outcome]}",
    )


def test_decide_by_somebody_without_mandate_is_refused_and_changes_nothing(db):
    from applications.services import decide

    application = submitted_application()
    put(application, "admissible")
    entries = JournalEntry.objects.count()
    with pytest.raises(Refused):
        decide(application=application, outcome="awarded", at=FIRST_RELEVE, actor=screener_of(application.call))
    application.refresh_from_db()
    assert application.state == "admissible"
    assert JournalEntry.objects.count() == entries


def test_waitlisted_dossier_is_awarded_later(db):
    from applications.services import decide
    from tests.factories.applications import releaser_of

    application = decided_application("waitlisted")
    actor = releaser_of(application.call)
    assert decide(application=application, outcome="awarded", at=FIRST_RELEVE, actor=actor).state == "awarded"


def test_guard_waiting_list_absent_refuses_to_waitlist(db):
    from tests.factories.applications import admissible_application, releaser_of

    application = admissible_application()
    application.call.has_waiting_list = False
    application.call.save()
    application.refresh_from_db()
    assert not can(releaser_of(application.call), application, "waitlist", FIRST_RELEVE)


def test_guard_awaited_answer_protects_from_inadmissibility_until_its_date(db):
    application = completion_requested_application()
    screener = screener_of(application.call)
    due = application.open_completion_request().due_at
    assert not can(screener, application, "declare_inadmissible", due)
    assert can(screener, application, "declare_inadmissible", due + timedelta(seconds=1))


def test_guard_failed_rule_forbids_admissibility(db):
    from applications.models import EligibilityRecord

    application = submitted_application()
    EligibilityRecord.objects.create(
        application=application,
        rules_version=application.rules_version,
        verdict="not_eligible",
        rules=[],
        evaluated_at=FIRST_RELEVE + timedelta(seconds=1),
    )
    assert not can(screener_of(application.call), application, "declare_admissible", FIRST_RELEVE)


@pytest.mark.parametrize(("seconds", "open_"), [(-1, True), (0, True), (1, False)])
def test_guard_session_closes_after_its_last_instant(db, seconds, open_):
    application = ApplicationFactory()
    at = application.session.closes_at + timedelta(seconds=seconds)
    assert can(applicant_of(application.organisation), application, "submit", at) is open_


def test_every_state_says_what_comes_next_to_its_applicant():
    for state in STATES:
        sentence = WORKFLOW.next_step(state, "applicant")
        assert sentence.endswith(".")
        assert WORKFLOW.next_step(state, "service") or state == "draft"


def test_registry_holds_the_table_of_dossiers():
    assert WORKFLOW in workflows()


@pytest.mark.parametrize(
    ("sources", "target", "roles"),
    [
        (("nowhere",), "submitted", ("a",)),
        (("draft",), "nowhere", ("a",)),
        (("draft",), "submitted", ("b",)),
        ((), "submitted", ("a",)),
    ],
)
def test_table_with_an_unknown_state_or_role_is_refused(sources, target, roles):
    with pytest.raises(ValueError, match="unknown"):
        Workflow(
            code="x",
            title="x",
            states=ApplicationState,
            initial="draft",
            roles=(Role("a", "a", lambda user, thing, at: True),),
            transitions=(Transition("go", sources, target, roles, "Aller", "Allé"),),
        )
