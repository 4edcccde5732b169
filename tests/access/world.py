"""One small real world: the call, its money, one person per role, and an object at each state of each workflow.

Built once for the whole package, through the services of the pages, on the call's own dates of 2021; the draft alone
belongs to the session open on the day of the run. ``tests/access/conftest.py`` commits it and rolls each test back.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.utils import timezone

from accounts.models import User
from applications import services as dossiers
from applications.models import Application
from applications.tasks import acknowledge
from budget.envelopes import install_envelopes
from calls.data.transformation_numerique import OPENING, paris
from calls.enums import MandateRole
from calls.installation import install_call
from calls.models import Call, Session
from calls.services import grant_mandate
from conventions.enums import ConventionState
from conventions.models import Convention
from conventions.services.repayments import TIME_TO_ANSWER, notify_repayment
from conventions.services.reports import send_report
from conventions.services.templates import install_template
from conventions.services.writing import write_convention
from jury import services as judging
from jury.enums import Attendance, DecisionListState, Outcome
from jury.models import AssignmentRun, DecisionList, Deliberation, Evaluation, Juror, Jury, Score
from jury.services import AttendanceInput, Member, OpinionInput
from jury.services.release import ACT as RELEASE_ACT
from jury.tasks import write_minutes
from territories.enums import AffiliationRole
from territories.models import Affiliation, Organisation
from tests.access import model
from tests.factories.accounts import AgentFactory, UserFactory, confirmed
from tests.factories.applications import ApplicationFactory, attach, fill, pdf, start
from tests.factories.calls import session_of
from tests.factories.conventions import pay_as, sign_as
from tests.factories.jury import marks
from tests.factories.territories import AffiliationFactory, OrganisationFactory, load_sample

DEPARTEMENT, REGION = "35", "53"
FILED = paris(2021, 4, 1, 10)
JUDGED = paris(2021, 7, 1, 9)
HELD = JUDGED + timedelta(days=20)
DECIDED = HELD + timedelta(days=5)
SIGNED = DECIDED + timedelta(days=30)
# The second jury of the axis is still at work.
FILED_LATER = paris(2021, 10, 8, 10)
JUDGED_LATER = paris(2021, 11, 20, 9)
HELD_LATER = JUDGED_LATER + timedelta(days=20)

OUTCOMES = (*[Outcome.AWARDED] * 5, Outcome.WAITLISTED, Outcome.WAITLISTED, Outcome.REFUSED)
# How far each of the five awards goes.
CONVENTION_STATES = (
    ConventionState.PENDING,
    ConventionState.SEALED,
    ConventionState.BENEFICIARY_SIGNED,
    ConventionState.SIGNED,
    ConventionState.PAID,
)


@dataclass
class World:
    """``application`` is the dossier that the roles are defined by: admissible, one juror reads it, one is recused."""

    call: Call
    now: datetime
    people: dict[str, User] = field(default_factory=dict)
    # A third reader of ``application``, who has handed nothing in on it yet; nobody's role.
    other_juror: Any = None
    organisation: Any = None
    draft: Any = None
    submitted: Any = None
    application: Any = None
    read: Any = None
    strangers: Any = None
    decided: list[Application] = field(default_factory=list)
    jury: Any = None
    closed_jury: Any = None
    run: Any = None
    deliberation: Any = None
    closed_deliberation: Any = None
    lists: dict[str, DecisionList] = field(default_factory=dict)
    conventions: dict[str, Convention] = field(default_factory=dict)
    report: Any = None
    repayment: Any = None
    affiliation: Any = None

    def person(self, role: str) -> User:
        """The person of a role, read anew so that nothing is remembered from an earlier request."""
        return User.objects.get(pk=self.people[role].pk)

    def evaluation(self, application: Application, user: User) -> Evaluation:
        return Evaluation.objects.get(application=application, juror__user=user)

    def seat(self, role: str, jury: Jury | None = None) -> Juror:
        return (jury or self.jury).jurors.get(user=self.people[role])


def build_world() -> World:
    """Everything, in a few seconds. The database must be empty."""
    load_sample(2021)
    load_sample(2026)
    now = timezone.now()
    call = install_call(now)
    install_envelopes(call=call, at=OPENING, actor=None)
    install_template(call=call, at=OPENING)
    world = World(call=call, now=now)
    _people_of_the_state(world)
    _applicants(world)
    _first_jury(world)
    _conventions(world)
    _second_jury(world)
    world.now = timezone.now().replace(microsecond=0) + timedelta(seconds=1)
    return world


def _people_of_the_state(world: World) -> None:
    axis = world.call.axes.get(code="axe-1")
    other_axis = world.call.axes.get(code="axe-2")
    agents: dict[str, tuple[MandateRole, dict[str, Any]]] = {
        model.SCREENER: (MandateRole.SCREENER, {"axis": axis, "departement_code": DEPARTEMENT}),
        model.OTHER_SCREENER: (MandateRole.SCREENER, {"axis": other_axis}),
        model.OFFICER: (MandateRole.OFFICER, {}),
        model.RELEASER: (MandateRole.RELEASER, {}),
        model.SIGNATORY: (MandateRole.SIGNATORY, {}),
        model.AUDITOR: (MandateRole.AUDITOR, {}),
        model.ADMINISTRATOR: (MandateRole.ADMINISTRATOR, {}),
    }
    for name, (role, reach) in agents.items():
        user = AgentFactory(
            email=f"{name}@ministere.example",
            last_name=f"Nom-{name}",
            job_title="agent de l’État",
            is_staff=name == model.ADMINISTRATOR,
        )
        grant_mandate(user=user, call=world.call, role=role, at=OPENING, appointed_by=None, **reach)
        world.people[name] = user
    # Jurors and chair receive their mandates with their seats.
    for name in (model.JUROR, model.RECUSED, model.CHAIR, "other_juror"):
        world.people[name] = AgentFactory(email=f"{name}@jury.example", last_name=f"Nom-{name}")
    world.other_juror = world.people.pop("other_juror")


def _applicants(world: World) -> None:
    """Applicant and representative act for the organisation of every dossier but the stranger's."""
    world.people[model.APPLICANT] = UserFactory(email="secretariat@mairie.example", last_name="Nom-applicant")
    world.people[model.REPRESENTATIVE] = UserFactory(
        email="maire@mairie.example", last_name="Nom-representative", job_title="maire", second_factor=True
    )
    world.people[model.STRANGER] = UserFactory(email="ailleurs@mairie.example", last_name="Nom-stranger")
    world.organisation = _organisation(world)
    elsewhere = OrganisationFactory(name="Ailleurs", search_name="ailleurs")
    AffiliationFactory(user=world.people[model.STRANGER], organisation=elsewhere)
    world.affiliation = AffiliationFactory(pending=True, organisation=OrganisationFactory(departement_code=DEPARTEMENT))
    today = Session.objects.get(axis__call=world.call, axis__code="axe-1", is_demonstration=True)
    world.draft = fill(
        start(session=today, organisation=world.organisation, at=world.now), at=world.now, skip=["pieces"]
    )
    second = session_of(world.call, "axe-1", "releve-2")
    world.strangers = _filed(world, second, elsewhere, FILED_LATER, title="Projet d’ailleurs")
    world.submitted = _filed(world, second, _organisation(world), FILED_LATER, title="Projet déposé")


def _organisation(world: World) -> Organisation:
    organisation: Organisation = OrganisationFactory(departement_code=DEPARTEMENT, region_code=REGION)
    AffiliationFactory(user=world.people[model.APPLICANT], organisation=organisation)
    AffiliationFactory(
        user=world.people[model.REPRESENTATIVE], organisation=organisation, role=AffiliationRole.LEGAL_REPRESENTATIVE
    )
    return organisation


def _filed(world: World, session: Session, organisation: Organisation, at: datetime, **options: Any) -> Application:
    draft = ApplicationFactory(session=session, organisation=organisation, at=at, **options)
    author = Affiliation.objects.filter(organisation=organisation).order_by("pk")[0].user
    return dossiers.submit_application(application=draft, user=author, at=at + timedelta(minutes=1), key=str(uuid4()))


def _admissible(world: World, session: Session, at: datetime, **options: Any) -> Application:
    organisation = options.pop("organisation", None) or _organisation(world)
    application = _filed(world, session, organisation, at, **options)
    screener = world.people[model.SCREENER]
    return dossiers.declare_admissible(application=application, user=screener, at=at + timedelta(days=2))


def _seat(world: World, session: Session, at: datetime) -> Jury:
    members = [Member(user=world.people[model.CHAIR], is_chair=True, organisation_name="Direction du numérique")]
    for user in (world.people[model.JUROR], world.people[model.RECUSED], world.other_juror):
        members.append(Member(user=user, organisation_name=f"Organisme de {user.last_name}"))
    return judging.constitute_jury(
        session=session,
        grid=session.axis.grids.latest("version"),
        name=f"Jury de la {session.title}",
        members=members,
        at=at,
        actor=world.people[model.OFFICER],
    )


def _first_jury(world: World) -> None:
    """The jury that has ended: eight dossiers read by two, a closed deliberation, its lists of decisions."""
    session = session_of(world.call, "axe-1", "releve-1")
    for position in range(len(OUTCOMES)):
        own = {"organisation": world.organisation} if position == 0 else {}
        world.decided.append(
            _admissible(world, session, FILED, title=f"Projet jugé {position}", cost="20000.00", **own)
        )
    world.closed_jury = jury = _seat(world, session, JUDGED)
    _read_by_two(world, jury)
    world.closed_deliberation = deliberation = _meet(world, jury, JUDGED, HELD)
    for application, outcome in zip(world.decided, OUTCOMES, strict=True):
        _opine(world, deliberation, application, outcome, HELD)
    world.closed_deliberation = judging.close_deliberation(
        deliberation=deliberation, at=HELD + timedelta(hours=2), actor=world.people[model.CHAIR]
    )
    write_minutes({"deliberation": deliberation.pk})
    world.closed_deliberation = Deliberation.objects.get(pk=deliberation.pk)
    _lists(world)


def _read_by_two(world: World, jury: Jury) -> None:
    """Evaluations handed in by the juror and the other one; rows written at once, there are many."""
    for user in (world.people[model.JUROR], world.other_juror):
        juror = jury.jurors.get(user=user)
        for application in world.decided:
            judging.seat_juror(
                jury=jury, application=application, juror=juror, at=JUDGED, actor=world.people[model.CHAIR]
            )
    seats = Evaluation.objects.filter(juror__jury=jury)
    criteria = list(jury.grid.criteria.all())
    Score.objects.bulk_create(Score(evaluation=seat, criterion=row, mark=3) for seat in seats for row in criteria)
    seats.update(
        state="submitted", submitted_at=JUDGED, no_conflict_declared_at=JUDGED, total=Decimal("12.00"), comment="Bien."
    )


def _meet(world: World, jury: Jury, at: datetime, held_at: datetime) -> Deliberation:
    chair = world.people[model.CHAIR]
    deliberation = judging.summon(jury=jury, held_at=held_at, place="Paris", at=at, actor=chair)
    rows = [AttendanceInput(juror, Attendance.PRESENT) for juror in jury.jurors.order_by("pk")]
    judging.record_attendance(deliberation=deliberation, rows=rows, at=held_at, actor=chair)
    return deliberation


def _opine(world: World, deliberation: Deliberation, application: Application, outcome: str, at: datetime) -> None:
    amount = application.amount_requested if outcome == Outcome.AWARDED else None
    judging.record_opinion(
        deliberation=deliberation,
        application=application,
        opinion=OpinionInput(outcome=outcome, amount=amount, motive="Motif du jury."),
        at=at,
        actor=world.people[model.CHAIR],
    )


def _lists(world: World) -> None:
    """The released list, then one in preparation and one prepared, each of a dossier of the waiting list."""
    officer, releaser = world.people[model.OFFICER], world.people[model.RELEASER]
    made = judging.prepare_list(
        deliberation=world.closed_deliberation, title="Lauréats de la relève", at=DECIDED, actor=officer
    )
    made = judging.mark_prepared(decision_list=made, version=made.version, at=DECIDED, actor=officer)
    confirmation = confirmed(
        releaser, act=RELEASE_ACT, content_sha256=judging.list_digest(made), at=DECIDED + timedelta(hours=1)
    )
    released = judging.release_list(
        decision_list=made, user=releaser, at=DECIDED + timedelta(hours=1), key=str(uuid4()), confirmation=confirmation
    )
    world.lists[DecisionListState.RELEASED] = released
    waiting = [row.pk for row, outcome in zip(world.decided, OUTCOMES, strict=True) if outcome == Outcome.WAITLISTED]
    later = DECIDED + timedelta(days=2)
    for state, pk in zip((DecisionListState.PREPARING, DecisionListState.PREPARED), waiting, strict=True):
        made = judging.award_from_waiting_list(
            deliberation=world.closed_deliberation,
            title="Crédits libérés",
            applications=[pk],
            at=later,
            actor=officer,
            motive="Projet prêt à commencer.",
        )
        if state == DecisionListState.PREPARED:
            made = judging.mark_prepared(decision_list=made, version=made.version, at=later, actor=officer)
        world.lists[state] = made


def _conventions(world: World) -> None:
    """One convention at each state; the paid one has a report with its file and a procedure of repayment."""
    rows = {row.application_id: row for row in Convention.objects.all()}
    awarded = [row for row, outcome in zip(world.decided, OUTCOMES, strict=True) if outcome == Outcome.AWARDED]
    for application, state in zip(awarded, CONVENTION_STATES, strict=True):
        world.conventions[state] = _advanced(world, rows[application.pk], state)
    paid = world.conventions[ConventionState.PAID]
    paid_at = SIGNED + timedelta(days=20)
    world.report = send_report(
        convention=paid,
        user=world.people[model.APPLICANT],
        at=paid_at + timedelta(days=60),
        key=str(uuid4()),
        is_final=False,
        body="Le service est ouvert.",
        spent=Decimal("5000.00"),
        attachment=("bilan.pdf", pdf("bilan")),
    )
    notified_at = paid_at + timedelta(days=90)
    world.repayment = notify_repayment(
        convention=paid,
        user=world.people[model.OFFICER],
        at=notified_at,
        key=str(uuid4()),
        ground="not_completed",
        amount=Decimal("1000.00"),
        reason="Une partie du projet n’a pas été réalisée.",
        answer_due_on=(notified_at + TIME_TO_ANSWER + timedelta(days=2)).date(),
    )


def _advanced(world: World, convention: Convention, state: ConventionState) -> Convention:
    steps = CONVENTION_STATES.index(state)
    if steps >= 1:
        write_convention(convention_id=str(convention.pk))
    if steps >= 2:
        sign_as(_fresh(convention), world.people[model.REPRESENTATIVE], at=SIGNED)
    if steps >= 3:
        sign_as(_fresh(convention), world.people[model.SIGNATORY], at=SIGNED + timedelta(hours=1))
    if steps >= 4:
        pay_as(_fresh(convention), world.people[model.OFFICER], at=SIGNED + timedelta(days=20))
    return _fresh(convention)


def _fresh(convention: Convention) -> Convention:
    """A protected state is not refreshed in place."""
    return Convention.objects.select_related("application__organisation").get(pk=convention.pk)


def _second_jury(world: World) -> None:
    """The jury at work: a dossier from which one juror is recused, one already read, a meeting that is open."""
    session = session_of(world.call, "axe-1", "releve-2")
    world.application = _admissible(
        world, session, FILED_LATER, organisation=world.organisation, title="Projet témoin", cost="30000.00"
    )
    attach(world.application, "quote", at=FILED_LATER)  # type: ignore[arg-type]
    world.read = _admissible(world, session, FILED_LATER, title="Projet lu", cost="40000.00")
    acknowledge({"application": str(world.application.pk)})
    world.jury = jury = _seat(world, session, JUDGED_LATER)
    chair = world.people[model.CHAIR]
    for application in (world.application, world.read):
        for juror in jury.jurors.filter(is_chair=False).order_by("pk"):
            judging.seat_juror(jury=jury, application=application, juror=juror, at=JUDGED_LATER, actor=chair)
    for user in (world.other_juror, world.people[model.JUROR], world.people[model.RECUSED]):
        hand_in(world.evaluation(world.read, user), 4)
    mine = world.evaluation(world.application, world.people[model.JUROR])
    judging.declare_no_conflict(evaluation=mine, at=JUDGED_LATER, actor=world.people[model.JUROR])
    world.run = judging.propose_assignment(jury=jury, at=JUDGED_LATER, actor=chair)
    judging.recuse(
        juror=world.seat(model.RECUSED),
        application=world.application,
        reason="Ancien agent de la collectivité.",
        at=JUDGED_LATER + timedelta(days=1),
        actor=world.people[model.RECUSED],
    )
    world.deliberation = _meet(world, jury, JUDGED_LATER, HELD_LATER)
    for name in ("application", "read", "submitted", "strangers", "draft"):
        row = getattr(world, name)
        setattr(world, name, Application.objects.select_related("organisation", "axis", "call").get(pk=row.pk))
    world.run = AssignmentRun.objects.get(pk=world.run.pk)


def admissible_dossier(world: World, title: str) -> Application:
    """One more dossier for the jury at work, of an organisation of its own."""
    session = session_of(world.call, "axe-1", "releve-2")
    return _admissible(world, session, FILED_LATER, title=title)


def hand_in(evaluation: Evaluation, value: int) -> None:
    """No conflict, the same mark everywhere, handed in."""
    actor = evaluation.juror.user
    declared = judging.declare_no_conflict(evaluation=evaluation, at=JUDGED_LATER, actor=actor)
    judging.submit_evaluation(
        evaluation=declared,
        marks=marks(value),
        comment=f"Avis de {actor.last_name}.",
        version=declared.version,
        at=JUDGED_LATER,
        actor=actor,
        key=str(uuid4()),
    )
