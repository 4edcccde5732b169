"""A jury at work, through the services: constituted, assigned, marked, deliberated, decided."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from accounts.models import User
from applications.models import Application
from calls.data.grid import CRITERIA
from calls.enums import MandateRole
from calls.models import Axis, Criterion, ScoringGrid, Theme
from jury import services
from jury.enums import Attendance, Outcome
from jury.models import AssignmentRun, DecisionList, Deliberation, Evaluation, Juror, Jury, Opinion, Score
from jury.services import AttendanceInput, MarkInput, Member, OpinionInput
from jury.services.release import ACT
from tests.factories.accounts import AgentFactory, confirmed
from tests.factories.budget import AT as FILED
from tests.factories.budget import Tree, make_applications, make_mandate, make_session

AT = FILED + timedelta(days=10)
HELD = AT + timedelta(days=20)
DECIDED = HELD + timedelta(days=1)
EARLY = datetime(2021, 9, 1, tzinfo=UTC)


def make_grid(axis: Axis, **fields: Any) -> ScoringGrid:
    """The call's own six criteria."""
    grid = ScoringGrid.objects.create(axis=axis, **fields)
    Criterion.objects.bulk_create(
        Criterion(
            grid=grid,
            code=row.code,
            position=position,
            label=row.label,
            weight=row.weight,
            descriptors=list(row.descriptors),
        )
        for position, row in enumerate(CRITERIA, start=1)
    )
    return grid


def marks(value: int | None = 3, **others: int | None) -> dict[str, MarkInput]:
    """The same mark everywhere, but for the criteria named."""
    return {row.code: MarkInput(mark=others.get(row.code, value)) for row in CRITERIA}


class JuryWorld:
    """An axis with ``amount`` euros, ``dossiers`` admissible dossiers asking 10 000 € each, a jury of ``jurors`` and a
    chair, an officer and a releaser. Everything happens in the autumn of 2021, through the services."""

    def __init__(self, *, dossiers: int = 4, jurors: int = 3, amount: str = "100000.00", per_dossier: int = 2) -> None:
        self.tree = Tree(amount)
        self.call = self.tree.call
        self.axis = self.tree.axes[0]
        self.session = make_session(self.axis)
        self.theme = Theme.objects.create(axis=self.axis, code="donnees", label="Mieux utiliser les données")
        self.grid = make_grid(self.axis, jurors_per_dossier=per_dossier)
        self.applications = make_applications(
            self.axis, dossiers, theme=self.theme, departement_code="35", region_code="53"
        )
        self.officer = self.agent(MandateRole.OFFICER)
        self.releaser = self.agent(MandateRole.RELEASER)
        self.chair_user: User = AgentFactory()
        self.users: list[User] = [AgentFactory() for _ in range(jurors)]
        self.jury = services.constitute_jury(
            session=self.session,
            grid=self.grid,
            name="Jury de la relève",
            members=[Member(user=self.chair_user, is_chair=True, organisation_name="Direction du numérique")]
            + [
                Member(user=user, organisation_name=f"Organisme {number}", expertise=["donnees"], region_code="53")
                for number, user in enumerate(self.users)
            ],
            at=AT,
            actor=self.officer,
        )

    def agent(self, role: MandateRole, **fields: Any) -> User:
        user: User = AgentFactory()
        make_mandate(user, self.call, role, **fields)
        return user

    @property
    def chair(self) -> Juror:
        return self.jury.jurors.get(is_chair=True)

    def juror(self, user: User) -> Juror:
        return self.jury.jurors.get(user=user)

    def assign(self, at: datetime = AT) -> AssignmentRun:
        """Proposed and confirmed by the chair."""
        run = services.propose_assignment(jury=self.jury, at=at, actor=self.chair_user)
        services.confirm_assignment(run=run, sha256=run.sha256, at=at, actor=self.chair_user)
        run.refresh_from_db()
        return run

    def evaluation(self, application: Application, user: User) -> Evaluation:
        return Evaluation.objects.get(application=application, juror__user=user)

    def readers(self, application: Application) -> list[User]:
        rows = Evaluation.objects.filter(application=application).exclude(state="withdrawn")
        return [row.juror.user for row in rows.select_related("juror__user").order_by("juror_id")]

    def submit(self, evaluation: Evaluation, value: int | None = 3, at: datetime = AT, **others: Any) -> Evaluation:
        """No conflict declared, then every criterion marked, then handed in."""
        actor = evaluation.juror.user
        declared = services.declare_no_conflict(evaluation=evaluation, at=at, actor=actor)
        return services.submit_evaluation(
            evaluation=declared,
            marks=marks(value, **others),
            comment="",
            version=declared.version,
            at=at,
            actor=actor,
            key=str(uuid4()),
        )

    def submit_all(self, values: Sequence[int] | None = None) -> None:
        """Every seat handed in; dossier number n gets the n-th value, from the best to the worst by default."""
        for position, application in enumerate(self.applications):
            value = (values or [5, 4, 3, 2, 1])[position % len(values or range(5))]
            for evaluation in application.evaluations.exclude(state="withdrawn").order_by("juror_id"):
                self.submit(evaluation, value)

    def meet(self, *, present: Sequence[Juror] | None = None) -> Deliberation:
        """A meeting summoned in time, everybody present (or ``present`` only)."""
        deliberation = services.summon(jury=self.jury, held_at=HELD, place="Paris", at=AT, actor=self.chair_user)
        here = {juror.pk for juror in (self.jury.jurors.all() if present is None else present)}
        services.record_attendance(
            deliberation=deliberation,
            rows=[
                AttendanceInput(juror, Attendance.PRESENT if juror.pk in here else Attendance.ABSENT)
                for juror in self.jury.jurors.order_by("pk")
            ],
            at=HELD,
            actor=self.chair_user,
        )
        return deliberation

    def opine(
        self,
        deliberation: Deliberation,
        application: Application,
        outcome: str = Outcome.AWARDED,
        *,
        actor: User | None = None,
        **fields: Any,
    ) -> Any:
        values: dict[str, Any] = {"motive": "Motif du jury."}
        if outcome == Outcome.AWARDED:
            values["amount"] = application.amount_requested
        return services.record_opinion(
            deliberation=deliberation,
            application=application,
            opinion=OpinionInput(outcome=outcome, **{**values, **fields}),
            at=HELD,
            actor=actor or self.chair_user,
        )

    def close(self, deliberation: Deliberation) -> Deliberation:
        return services.close_deliberation(deliberation=deliberation, at=HELD, actor=self.chair_user)

    def deliberated(self, outcomes: Sequence[str] | None = None) -> Deliberation:
        """Assigned, marked, met, one opinion per dossier (awarded by default), closed."""
        self.assign()
        self.submit_all()
        deliberation = self.meet()
        for position, application in enumerate(self.applications):
            outcome = outcomes[position % len(outcomes)] if outcomes else Outcome.AWARDED
            self.opine(deliberation, application, outcome)
        return self.close(deliberation)

    def deliberated_in_bulk(self) -> Deliberation:
        """Like ``deliberated``, for many dossiers: rows written directly, then closed by the service."""
        self.assign()
        seats = Evaluation.objects.filter(juror__jury=self.jury)
        criteria = list(self.grid.criteria.all())
        Score.objects.bulk_create(Score(evaluation=seat, criterion=row, mark=3) for seat in seats for row in criteria)
        seats.update(state="submitted", submitted_at=AT, no_conflict_declared_at=AT, total=Decimal("12.00"))
        deliberation = self.meet()
        Opinion.objects.bulk_create(
            Opinion(
                deliberation=deliberation,
                application=application,
                outcome=Outcome.AWARDED,
                amount_proposed=application.amount_requested,
                average=Decimal("12.00"),
                merit_rank=rank,
            )
            for rank, application in enumerate(self.applications, start=1)
        )
        return self.close(deliberation)

    def prepared(self, deliberation: Deliberation | None = None) -> DecisionList:
        """A list created and proposed by the officer."""
        deliberation = deliberation or self.deliberated()
        created = services.prepare_list(
            deliberation=deliberation, title="Lauréats de la relève", at=DECIDED, actor=self.officer
        )
        return services.mark_prepared(decision_list=created, version=created.version, at=DECIDED, actor=self.officer)

    def release(
        self, decision_list: DecisionList, *, user: User | None = None, key: str = "", at: datetime = DECIDED
    ) -> DecisionList:
        """Confirmed by the releaser's second factor, then released."""
        user = user or self.releaser
        confirmation = confirmed(user, act=ACT, content_sha256=services.list_digest(decision_list), at=at)
        return services.release_list(
            decision_list=decision_list, user=user, at=at, key=key or str(uuid4()), confirmation=confirmation
        )


def left_of(world: JuryWorld) -> Decimal:
    """What the leaf of the axis still holds, in euros."""
    balance = world.tree.leaf.balance
    balance.refresh_from_db()
    return balance.allocated - balance.delegated - balance.reserved - balance.committed


__all__ = ["AT", "DECIDED", "HELD", "Jury", "JuryWorld", "left_of", "make_grid", "marks"]
