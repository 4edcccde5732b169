"""The dossier: project, costs, financing, beneficiaries, attachments, exchanges, screening.

Knows nothing of scores or money: rooms above write ``Access`` rows, ``visible_to`` reads them.
"""

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Q, Value
from django.utils import timezone
from django_fsm import FSMField, FSMModelMixin

from applications.enums import (
    UNDECIDED,
    AccessEffect,
    AccessSource,
    ApplicationState,
    AttachmentKind,
    EventKind,
    FundingKind,
    FundingStatus,
    TaxBasis,
)
from applications.querysets import ApplicationQuerySet
from applications.workflow import CLOSED_DRAFT, DEEMED_REJECTED, WORKFLOW
from calls.enums import CostCategory, CostNature, Verdict
from calls.models import Axis, Call, Question, RulesVersion, Session, Theme
from core.models import StoredFile
from territories.models import Grouping, Organisation, Vintage


class Application(FSMModelMixin, models.Model):
    """A dossier filed by an organisation (or the lead of a grouping) on one axis of a call.

    Amounts are euros. ``version`` grows at each save of the draft: a stale form is refused.
    ``rules_version``, ``vintage`` and ``population`` are those with which it is judged.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField("numéro", max_length=40, unique=True, null=True, blank=True)
    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="applications", verbose_name="appel")
    axis = models.ForeignKey(Axis, on_delete=models.PROTECT, related_name="applications", verbose_name="axe")
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="applications", verbose_name="relève")
    theme = models.ForeignKey(
        Theme, null=True, blank=True, on_delete=models.PROTECT, related_name="applications", verbose_name="thème"
    )
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="applications", verbose_name="porteur"
    )
    grouping = models.ForeignKey(
        Grouping,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="applications",
        verbose_name="groupement",
    )
    # Copied from the organisation so that a screener's list is one indexed query.
    departement_code = models.CharField("département", max_length=3, blank=True)
    region_code = models.CharField("région", max_length=2, blank=True)
    search_text = models.TextField("texte de recherche", blank=True)
    state = FSMField(
        "état", default=ApplicationState.DRAFT, choices=ApplicationState.choices, protected=True, max_length=24
    )
    version = models.PositiveIntegerField("version", default=1)

    title = models.CharField("intitulé du projet", max_length=200, blank=True)
    summary = models.TextField("description courte", max_length=3000, blank=True)
    place = models.CharField("lieu de réalisation", max_length=200, blank=True)
    starts_on = models.DateField("début prévu", null=True, blank=True)
    ends_on = models.DateField("fin prévue", null=True, blank=True)
    first_commitment_on = models.DateField("premier acte juridique (bon de commande, marché)", null=True, blank=True)
    tax_basis = models.CharField("base des montants", max_length=3, choices=TaxBasis.choices, blank=True)
    amount_requested = models.DecimalField("aide demandée", max_digits=14, decimal_places=2, null=True, blank=True)
    has_prior_authorisation = models.BooleanField("habilitation préalable obtenue", null=True, blank=True)
    own_share_derogation = models.TextField("dérogation motivée à la participation minimale", blank=True)

    representative_name = models.CharField("représentant légal", max_length=160, blank=True)
    representative_title = models.CharField("qualité du représentant légal", max_length=120, blank=True)
    representative_email = models.EmailField("courriel du représentant légal", blank=True)
    contact_name = models.CharField("personne à contacter", max_length=160, blank=True)
    contact_email = models.EmailField("courriel de contact", blank=True)
    contact_phone = models.CharField("téléphone de contact", max_length=30, blank=True)
    siret = models.CharField("SIRET", max_length=14, blank=True)
    seat_address = models.CharField("adresse du siège", max_length=300, blank=True)
    bank_holder = models.CharField("titulaire du compte", max_length=160, blank=True)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    bic = models.CharField("BIC", max_length=11, blank=True)
    sworn_at = models.DateTimeField("attesté sur l’honneur le", null=True, blank=True)
    sworn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="attesté par"
    )

    rules_version = models.ForeignKey(
        RulesVersion, models.PROTECT, null=True, blank=True, related_name="applications", verbose_name="règlement"
    )
    vintage = models.ForeignKey(
        Vintage, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name="millésime"
    )
    population = models.PositiveIntegerField("population couverte", null=True, blank=True)

    created_at = models.DateTimeField("créé le")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="created_applications",
        verbose_name="créé par",
    )
    submitted_at = models.DateTimeField("déposé le", null=True, blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="déposé par",
    )
    completed_at = models.DateTimeField("réputé complet le", null=True, blank=True)
    screened_at = models.DateTimeField("recevabilité prononcée le", null=True, blank=True)
    screened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="instruit par",
    )
    screening_reason = models.TextField("motif d’irrecevabilité", blank=True)
    # Implicit decisions (décret 2018-514, art. 4 and 7). When items are asked for, the second moves at once by the time
    # given to send them, and comes back by what an earlier answer leaves of it (CRPA L114-5).
    completeness_due_at = models.DateTimeField("complétude implicite le", null=True, blank=True)
    decision_due_at = models.DateTimeField("rejet implicite le", null=True, blank=True)
    decided_at = models.DateTimeField("décidé le", null=True, blank=True)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        verbose_name = "dossier"
        verbose_name_plural = "dossiers"
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_on__isnull=True) | Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="applications_application_dates_in_order",
                violation_error_message="La fin du projet doit suivre son début.",
            ),
            models.CheckConstraint(
                condition=Q(amount_requested__isnull=True) | Q(amount_requested__gt=0),
                name="applications_application_amount_positive",
                violation_error_message="Le montant demandé doit être supérieur à zéro.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "withdrawn"]) | Q(submitted_at__isnull=False, number__isnull=False),
                name="applications_application_submitted_is_numbered",
            ),
            models.CheckConstraint(
                condition=~Q(state="inadmissible") | Q(screened_at__isnull=False) & ~Q(screening_reason=""),
                name="applications_application_inadmissible_has_reason",
                violation_error_message="Une décision d’irrecevabilité est motivée.",
            ),
        ]
        indexes = [
            models.Index(fields=["axis", "state", "-submitted_at", "id"], name="applications_list"),
            models.Index(fields=["departement_code", "state"], name="applications_departement"),
            models.Index(fields=["organisation"], name="applications_organisation"),
            models.Index(
                fields=["-submitted_at", "id"],
                name="applications_submitted",
                condition=Q(submitted_at__isnull=False),
            ),
            # Orders of the screener's list.
            models.Index(
                fields=["amount_requested", "id"],
                name="applications_amount",
                condition=Q(submitted_at__isnull=False),
            ),
            models.Index(
                fields=["decision_due_at", "id"],
                name="applications_decision_due",
                condition=Q(submitted_at__isnull=False),
            ),
            GinIndex(SearchVector("search_text", config="simple"), name="applications_words"),
        ]

    # One method per row of the workflow's table, called by the services alone.
    submit = WORKFLOW.method("submit", state)
    request_completion = WORKFLOW.method("request_completion", state)
    answer_completion = WORKFLOW.method("answer_completion", state)
    declare_admissible = WORKFLOW.method("declare_admissible", state)
    declare_inadmissible = WORKFLOW.method("declare_inadmissible", state)
    withdraw = WORKFLOW.method("withdraw", state)
    award = WORKFLOW.method("award", state)
    refuse = WORKFLOW.method("refuse", state)
    waitlist = WORKFLOW.method("waitlist", state)
    redirect = WORKFLOW.method("redirect", state)
    defer = WORKFLOW.method("defer", state)

    def __str__(self) -> str:
        return self.number or "brouillon"

    @property
    def chain(self) -> str:
        """Name of the dossier's chain in the journal."""
        return f"application:{self.pk}"

    @property
    def next_step(self) -> str:
        """What the applicant does next, in plain words."""
        if self.is_overdue(timezone.now()):
            return DEEMED_REJECTED
        is_late = self.is_draft and self.session.closes_at < timezone.now()
        return CLOSED_DRAFT if is_late else WORKFLOW.next_step(self.state, "applicant")

    @property
    def is_draft(self) -> bool:
        return bool(self.state == ApplicationState.DRAFT)

    @property
    def is_editable(self) -> bool:
        """Whether the applicant may change its sections: a draft, or while items are asked for."""
        return self.state in {ApplicationState.DRAFT, ApplicationState.COMPLETION_REQUESTED}

    def open_completion_request(self) -> "CompletionRequest | None":
        """The request that awaits its answer, if any; a dossier set aside or withdrawn meanwhile awaits none."""
        awaits = self.state == ApplicationState.COMPLETION_REQUESTED
        return self.completion_requests.filter(answered_at__isnull=True).first() if awaits else None

    def is_overdue(self, at: datetime) -> bool:
        """Nobody decided in time: the request is deemed rejected (décret 2018-514, art. 7)."""
        due_at = self.decision_due_at if self.decided_at is None and self.state in UNDECIDED else None
        return due_at is not None and due_at < at

    def is_deemed_complete(self, at: datetime) -> bool:
        """Complete by silence at ``at``: nobody asked for anything in time (décret 2018-514, art. 4)."""
        due_at = self.completeness_due_at
        return self.state == ApplicationState.SUBMITTED and due_at is not None and at >= due_at


class CostLine(models.Model):
    """One expense, in euros, on the dossier's tax basis."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="cost_lines")
    position = models.PositiveSmallIntegerField("ordre", default=0)
    label = models.CharField("dépense", max_length=200)
    category = models.CharField("catégorie", max_length=12, choices=CostCategory.choices)
    nature = models.CharField("nature", max_length=10, choices=CostNature.choices)
    amount = models.DecimalField("montant", max_digits=14, decimal_places=2)

    class Meta:
        verbose_name = "dépense"
        verbose_name_plural = "dépenses"
        ordering = ["application", "position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0),
                name="applications_costline_amount_positive",
                violation_error_message="Le montant doit être supérieur à zéro.",
            )
        ]

    def __str__(self) -> str:
        return self.label


class FundingLine(models.Model):
    """One resource, in euros. The aid asked for is ``Application.amount_requested``, not a line."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="funding_lines")
    position = models.PositiveSmallIntegerField("ordre", default=0)
    kind = models.CharField(
        "nature",
        max_length=16,
        choices=[choice for choice in FundingKind.choices if choice[0] != FundingKind.REQUESTED],
    )
    label = models.CharField("financeur", max_length=200, blank=True)
    status = models.CharField(
        "situation", max_length=10, choices=FundingStatus.choices, default=FundingStatus.REQUESTED
    )
    amount = models.DecimalField("montant", max_digits=14, decimal_places=2)

    class Meta:
        verbose_name = "ressource"
        verbose_name_plural = "ressources"
        ordering = ["application", "position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0),
                name="applications_fundingline_amount_positive",
                violation_error_message="Le montant doit être supérieur à zéro.",
            )
        ]

    def __str__(self) -> str:
        return self.label or self.kind


class Beneficiary(models.Model):
    """A beneficiary of the aid and its share, in euros; a single one receives everything."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="beneficiaries")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="benefits")
    share = models.DecimalField("part de l’aide", max_digits=14, decimal_places=2)
    is_lead = models.BooleanField("chef de file", default=False)

    class Meta:
        verbose_name = "bénéficiaire"
        verbose_name_plural = "bénéficiaires"
        ordering = ["application", "id"]
        constraints = [
            models.UniqueConstraint(fields=["application", "organisation"], name="applications_beneficiary_once"),
            models.CheckConstraint(condition=Q(share__gte=0), name="applications_beneficiary_share_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.share}"


class Milestone(models.Model):
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="milestones")
    position = models.PositiveSmallIntegerField("ordre", default=0)
    label = models.CharField("étape", max_length=200)
    due_on = models.DateField("échéance")

    class Meta:
        verbose_name = "étape"
        verbose_name_plural = "étapes"
        ordering = ["application", "due_on", "id"]

    def __str__(self) -> str:
        return self.label


class Indicator(models.Model):
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="indicators")
    position = models.PositiveSmallIntegerField("ordre", default=0)
    label = models.CharField("indicateur", max_length=200)
    baseline = models.CharField("situation de départ", max_length=120, blank=True)
    target = models.CharField("cible", max_length=120)

    class Meta:
        verbose_name = "indicateur"
        verbose_name_plural = "indicateurs"
        ordering = ["application", "position", "id"]

    def __str__(self) -> str:
        return self.label


class Answer(models.Model):
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="answers")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    value = models.TextField("réponse", blank=True)

    class Meta:
        verbose_name = "réponse"
        verbose_name_plural = "réponses"
        constraints = [models.UniqueConstraint(fields=["application", "question"], name="applications_answer_once")]

    def __str__(self) -> str:
        return f"{self.question_id}"


class Attachment(models.Model):
    """A document joined to the dossier. Replacing makes a new row and keeps the old one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="attachments")
    kind = models.CharField("nature de la pièce", max_length=16, choices=AttachmentKind.choices)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField("ajouté le")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="ajouté par"
    )
    removed_at = models.DateTimeField("retiré le", null=True, blank=True)

    class Meta:
        verbose_name = "pièce jointe"
        verbose_name_plural = "pièces jointes"
        ordering = ["application", "kind", "added_at", "id"]

    def __str__(self) -> str:
        return self.kind


class EligibilityRecord(models.Model):
    """The verdict of each rule, as it was when the dossier was filed. Never rewritten."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="eligibility_records")
    rules_version = models.ForeignKey(RulesVersion, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField("verdict", max_length=12, choices=Verdict.choices)
    rules = models.JSONField("règles")
    population = models.PositiveIntegerField("population", null=True, blank=True)
    evaluated_at = models.DateTimeField("évalué le")

    class Meta:
        verbose_name = "verdict d’éligibilité"
        verbose_name_plural = "verdicts d’éligibilité"
        ordering = ["application", "evaluated_at", "id"]

    def __str__(self) -> str:
        return self.verdict


class Acknowledgement(models.Model):
    """The electronic acknowledgement of CRPA R112-11-1, one per dossier; ``statement`` is written at the filing, once."""

    application = models.OneToOneField(Application, on_delete=models.PROTECT, related_name="acknowledgement")
    number = models.CharField("numéro", max_length=40, unique=True)
    received_at = models.DateTimeField("reçu le")
    # The database fills it too: a process of the version before still files while the new one starts.
    statement = models.JSONField("ce qu’il atteste", default=dict, db_default=Value({}, models.JSONField()), blank=True)
    file = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    sent_at = models.DateTimeField("envoyé le", null=True, blank=True)

    class Meta:
        verbose_name = "accusé de réception"
        verbose_name_plural = "accusés de réception"

    def __str__(self) -> str:
        return self.number


class CompletionRequest(models.Model):
    """Missing items asked for (CRPA L114-5): the clock of implicit rejection stops until the answer."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="completion_requests")
    items = models.JSONField("éléments manquants", default=list)
    message = models.TextField("message", blank=True)
    requested_at = models.DateTimeField("demandé le")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField("attendu avant le")
    answered_at = models.DateTimeField("répondu le", null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = "demande de compléments"
        verbose_name_plural = "demandes de compléments"
        ordering = ["application", "requested_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["application"],
                condition=Q(answered_at__isnull=True),
                name="applications_completionrequest_one_open",
            ),
            models.CheckConstraint(
                condition=Q(due_at__gt=F("requested_at")), name="applications_completionrequest_dates_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application_id} {self.requested_at:%Y-%m-%d}"


class Exchange(models.Model):
    """A message between the applicant and the service."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="exchanges")
    kind = models.CharField("nature", max_length=20, choices=EventKind.choices, default=EventKind.MESSAGE)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    is_from_applicant = models.BooleanField("écrit par le porteur")
    body = models.TextField("message")
    sent_at = models.DateTimeField("envoyé le")

    class Meta:
        verbose_name = "échange"
        verbose_name_plural = "échanges"
        ordering = ["application", "sent_at", "id"]

    def __str__(self) -> str:
        return f"{self.application_id} {self.sent_at:%Y-%m-%d}"


class Access(models.Model):
    """Who may see a dossier, as data: any ``deny`` wins over every ``grant`` (and over mandates)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="accesses")
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="accesses")
    effect = models.CharField("effet", max_length=5, choices=AccessEffect.choices)
    source = models.CharField("origine", max_length=24, choices=AccessSource.choices)
    created_at = models.DateTimeField("depuis le")

    class Meta:
        verbose_name = "accès"
        verbose_name_plural = "accès"
        constraints = [
            models.UniqueConstraint(fields=["user", "application", "effect", "source"], name="applications_access_once")
        ]
        indexes = [models.Index(fields=["application", "user", "effect"], name="applications_access_lookup")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.effect} {self.application_id}"
