"""Panel, recusals, assignment, scores, deliberation, minutes, decision list."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, FSMModelMixin

from applications.models import Application
from calls.models import Axis, Criterion, ScoringGrid, Session
from core.models import StoredFile
from jury.enums import (
    Attendance,
    CastingVote,
    DecisionListState,
    DeliberationState,
    EvaluationState,
    Outcome,
    SelectionRule,
)
from jury.workflow import DECISION_LIST, DELIBERATION, EVALUATION


class Jury(models.Model):
    """The jury of one session of one axis."""

    session = models.OneToOneField(Session, on_delete=models.PROTECT, related_name="jury", verbose_name="relève")
    grid = models.ForeignKey(ScoringGrid, on_delete=models.PROTECT, related_name="juries", verbose_name="grille")
    name = models.CharField("nom", max_length=200)
    # Published before the reading begins: what happens to a dossier that no longer fits.
    selection_rule = models.CharField(
        "règle de sélection", max_length=4, choices=SelectionRule.choices, default=SelectionRule.SKIP
    )
    created_at = models.DateTimeField("constitué le")

    class Meta:
        verbose_name = "jury"
        verbose_name_plural = "jurys"
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return self.name

    def subtitle(self) -> str:
        """The axis and the session, as far as the name does not say them already."""
        parts = (self.session.axis.title, self.session.title)
        return ", ".join(part for part in parts if part.casefold() not in self.name.casefold())


class Juror(models.Model):
    """A member of a jury; ``is_chair`` presides and decides a tie."""

    jury = models.ForeignKey(Jury, on_delete=models.PROTECT, related_name="jurors")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="juror_seats")
    is_chair = models.BooleanField("préside le jury", default=False)
    organisation_name = models.CharField("organisme", max_length=200, blank=True)
    expertise = models.JSONField("thèmes d’expertise", default=list, blank=True)
    region_code = models.CharField("région", max_length=2, blank=True)
    load_min = models.PositiveSmallIntegerField("charge minimale", default=0)
    load_max = models.PositiveSmallIntegerField("charge maximale", default=40)
    appointed_at = models.DateTimeField("nommé le")

    class Meta:
        verbose_name = "juré"
        verbose_name_plural = "jurés"
        ordering = ["jury", "id"]
        constraints = [
            models.UniqueConstraint(fields=["jury", "user"], name="jury_juror_once"),
            models.UniqueConstraint(fields=["jury"], condition=Q(is_chair=True), name="jury_juror_one_chair"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}"


class Recusal(models.Model):
    """A conflict of interest, declared or found: the juror loses the dossier at once (loi 2013-907, art. 2)."""

    juror = models.ForeignKey(Juror, on_delete=models.PROTECT, related_name="recusals")
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="recusals")
    reason = models.TextField("motif", blank=True)
    declared_at = models.DateTimeField("déclaré le")
    declared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "déport"
        verbose_name_plural = "déports"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["juror", "application"], name="jury_recusal_once")]

    def __str__(self) -> str:
        return f"{self.juror_id} {self.application_id}"


class AssignmentRun(models.Model):
    """One computed proposal of assignment; the replay keeps inputs, versions, output and SHA-256."""

    jury = models.ForeignKey(Jury, on_delete=models.PROTECT, related_name="assignment_runs")
    computed_at = models.DateTimeField("calculé le")
    computed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    replay = models.JSONField("entrées et résultat")
    sha256 = models.CharField("empreinte", max_length=64)
    confirmed_at = models.DateTimeField("confirmé le", null=True, blank=True)

    class Meta:
        verbose_name = "proposition d’affectation"
        verbose_name_plural = "propositions d’affectation"
        ordering = ["-computed_at", "id"]

    def __str__(self) -> str:
        return f"{self.jury_id} {self.computed_at:%Y-%m-%d %H:%M}"


class Evaluation(FSMModelMixin, models.Model):
    """One juror's reading of one dossier: assignment, conflict declaration, then marks."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    juror = models.ForeignKey(Juror, on_delete=models.PROTECT, related_name="evaluations")
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="evaluations")
    state = FSMField(
        "état", default=EvaluationState.ASSIGNED, choices=EvaluationState.choices, protected=True, max_length=12
    )
    assigned_at = models.DateTimeField("affecté le")
    no_conflict_declared_at = models.DateTimeField("absence de conflit déclarée le", null=True, blank=True)
    comment = models.TextField("avis", blank=True)
    # Out of 20, weights renormalised over the criteria marked; NULL until submitted.
    total = models.DecimalField("total sur 20", max_digits=5, decimal_places=2, null=True, blank=True)
    submitted_at = models.DateTimeField("remise le", null=True, blank=True)
    version = models.PositiveIntegerField("version", default=1)

    start = EVALUATION.method("start", state)
    submit = EVALUATION.method("submit", state)
    withdraw = EVALUATION.method("withdraw", state)
    reassign = EVALUATION.method("reassign", state)

    class Meta:
        verbose_name = "évaluation"
        verbose_name_plural = "évaluations"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["juror", "application"], name="jury_evaluation_once"),
            models.CheckConstraint(
                condition=~Q(state="submitted") | Q(submitted_at__isnull=False, no_conflict_declared_at__isnull=False),
                name="jury_evaluation_submitted_without_conflict",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.juror_id} {self.application_id}"


class Score(models.Model):
    """A mark on one criterion. No row, or a NULL mark, is « no opinion », never zero."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="scores")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="scores")
    mark = models.PositiveSmallIntegerField("note", null=True, blank=True)
    comment = models.TextField("commentaire", blank=True)

    class Meta:
        verbose_name = "note"
        verbose_name_plural = "notes"
        constraints = [models.UniqueConstraint(fields=["evaluation", "criterion"], name="jury_score_once")]

    def __str__(self) -> str:
        return f"{self.criterion_id} : {self.mark}"


class Deliberation(FSMModelMixin, models.Model):
    """A plenary meeting of a jury: summons, attendance, quorum, opinions, minutes."""

    jury = models.ForeignKey(Jury, on_delete=models.PROTECT, related_name="deliberations")
    number = models.PositiveSmallIntegerField("numéro", default=1)
    state = FSMField(
        "état", default=DeliberationState.OPEN, choices=DeliberationState.choices, protected=True, max_length=8
    )
    summoned_at = models.DateTimeField("convoqué le")
    held_at = models.DateTimeField("tenue le")
    place = models.CharField("lieu", max_length=200, blank=True)
    closed_at = models.DateTimeField("close le", null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    minutes_number = models.CharField("numéro du procès-verbal", max_length=40, blank=True)
    minutes_file = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    observations = models.TextField("observations", blank=True)

    close = DELIBERATION.method("close", state)

    class Meta:
        verbose_name = "délibération"
        verbose_name_plural = "délibérations"
        ordering = ["jury", "number"]
        constraints = [
            models.UniqueConstraint(fields=["jury", "number"], name="jury_deliberation_number_unique"),
            models.CheckConstraint(condition=Q(held_at__gt=F("summoned_at")), name="jury_deliberation_dates_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.jury_id} n° {self.number}"


class AttendanceRow(models.Model):
    deliberation = models.ForeignKey(Deliberation, on_delete=models.PROTECT, related_name="attendance")
    juror = models.ForeignKey(Juror, on_delete=models.PROTECT, related_name="+")
    attendance = models.CharField("présence", max_length=8, choices=Attendance.choices)
    proxy = models.ForeignKey(
        Juror, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name="mandataire"
    )

    class Meta:
        verbose_name = "présence"
        verbose_name_plural = "présences"
        constraints = [
            models.UniqueConstraint(fields=["deliberation", "juror"], name="jury_attendance_once"),
            # One proxy at most per member.
            models.UniqueConstraint(
                fields=["deliberation", "proxy"], condition=Q(proxy__isnull=False), name="jury_attendance_one_proxy"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.juror_id} {self.attendance}"


class Opinion(models.Model):
    """The jury's opinion on one dossier, with its rank; an opinion, not the decision."""

    deliberation = models.ForeignKey(Deliberation, on_delete=models.PROTECT, related_name="opinions")
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="opinions")
    rank = models.PositiveIntegerField("rang", null=True, blank=True)
    merit_rank = models.PositiveIntegerField("rang des notes", null=True, blank=True)
    average = models.DecimalField("moyenne sur 20", max_digits=5, decimal_places=2, null=True, blank=True)
    outcome = models.CharField("avis", max_length=12, choices=Outcome.choices)
    amount_proposed = models.DecimalField(
        "aide proposée, en euros", max_digits=14, decimal_places=2, null=True, blank=True
    )
    redirected_to = models.ForeignKey(Axis, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    motive = models.TextField("motif", blank=True)
    votes_for = models.PositiveSmallIntegerField("voix pour", null=True, blank=True)
    votes_against = models.PositiveSmallIntegerField("voix contre", null=True, blank=True)
    # The chair's vote, which decides a tie; empty where there was none.
    casting_vote = models.CharField(
        "voix prépondérante de la présidence", max_length=7, choices=CastingVote.choices, blank=True
    )
    departs_from_merit = models.BooleanField("s’écarte de l’ordre des notes", default=False)

    class Meta:
        verbose_name = "avis du jury"
        verbose_name_plural = "avis du jury"
        ordering = ["deliberation", F("rank").asc(nulls_last=True), "id"]
        constraints = [
            models.UniqueConstraint(fields=["deliberation", "application"], name="jury_opinion_once"),
            models.CheckConstraint(
                condition=~Q(outcome="awarded") | Q(amount_proposed__gt=0), name="jury_opinion_award_has_amount"
            ),
            models.CheckConstraint(
                condition=Q(outcome="awarded") | ~Q(motive=""),
                name="jury_opinion_other_than_award_has_motive",
                violation_error_message="Un avis autre que « retenu » est motivé.",
            ),
            models.CheckConstraint(
                condition=Q(departs_from_merit=False) | ~Q(motive=""),
                name="jury_opinion_departure_has_motive",
                violation_error_message="Un avis qui s’écarte de l’ordre des notes est motivé.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application_id} : {self.outcome}"


class DecisionList(FSMModelMixin, models.Model):
    """A list prepared by one person and released by another in one act, which reserves all the money or none."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField("numéro", max_length=40, unique=True, null=True, blank=True)
    deliberation = models.ForeignKey(Deliberation, on_delete=models.PROTECT, related_name="decision_lists")
    title = models.CharField("intitulé", max_length=200)
    state = FSMField(
        "état", default=DecisionListState.PREPARING, choices=DecisionListState.choices, protected=True, max_length=12
    )
    created_at = models.DateTimeField("créée le")
    prepared_at = models.DateTimeField("préparée le", null=True, blank=True)
    prepared_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField("libérée le", null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    version = models.PositiveIntegerField("version", default=1)

    mark_prepared = DECISION_LIST.method("mark_prepared", state)
    reopen = DECISION_LIST.method("reopen", state)
    send_back = DECISION_LIST.method("send_back", state)
    cancel = DECISION_LIST.method("cancel", state)
    release = DECISION_LIST.method("release", state)

    class Meta:
        verbose_name = "liste de décisions"
        verbose_name_plural = "listes de décisions"
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="released") | Q(released_at__isnull=False, released_by__isnull=False),
                name="jury_decisionlist_released_is_signed",
            ),
        ]

    def __str__(self) -> str:
        return self.number or self.title


class Decision(models.Model):
    """The authority's decision on one dossier."""

    decision_list = models.ForeignKey(DecisionList, on_delete=models.PROTECT, related_name="decisions")
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="decisions")
    outcome = models.CharField("décision", max_length=12, choices=Outcome.choices)
    amount_granted = models.DecimalField(
        "aide accordée, en euros", max_digits=14, decimal_places=2, null=True, blank=True
    )
    redirected_to = models.ForeignKey(Axis, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    motive = models.TextField("motif", blank=True)
    position = models.PositiveIntegerField("ordre", default=0)

    class Meta:
        verbose_name = "décision"
        verbose_name_plural = "décisions"
        ordering = ["decision_list", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["decision_list", "application"], name="jury_decision_once_per_list"),
            models.CheckConstraint(
                condition=Q(outcome="awarded", amount_granted__gt=0)
                | ~Q(outcome="awarded") & Q(amount_granted__isnull=True),
                name="jury_decision_only_awards_have_amount",
            ),
            models.CheckConstraint(
                condition=Q(outcome="awarded") | ~Q(motive=""),
                name="jury_decision_other_than_award_has_motive",
                violation_error_message="Une décision défavorable est motivée.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application_id} : {self.outcome}"
