"""Conventions: templates, documents and their revisions, signatures, payments. A signed document never changes."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django_fsm import FSMField, FSMModelMixin

from accounts.models import Confirmation
from applications.models import Application
from budget.models import LedgerEntry
from calls.models import Call
from conventions.enums import BatchState, ConventionState, RevisionKind, SigningState
from conventions.workflow import BATCH, CONVENTION, SIGNING
from core.models import StoredFile
from jury.models import Decision, DecisionList


class ConventionTemplate(models.Model):
    """A version of the text: twenty articles with a fixed list of fields, never a template language."""

    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="convention_templates")
    version = models.PositiveSmallIntegerField("version")
    title = models.CharField("titre", max_length=250)
    preamble = models.TextField("préambule")
    effective_at = models.DateTimeField("utilisé à partir du")

    class Meta:
        verbose_name = "modèle de convention"
        verbose_name_plural = "modèles de convention"
        ordering = ["call", "version"]
        constraints = [models.UniqueConstraint(fields=["call", "version"], name="conventions_template_version_unique")]

    def __str__(self) -> str:
        return f"{self.title} v{self.version}"


class TemplateArticle(models.Model):
    template = models.ForeignKey(ConventionTemplate, on_delete=models.PROTECT, related_name="articles")
    number = models.PositiveSmallIntegerField("numéro")
    title = models.CharField("titre", max_length=200)
    body = models.TextField("texte", help_text="champs admis entre accolades, liste fermée")
    is_mandatory = models.BooleanField("exigé par le décret 2018-514, art. 8", default=False)

    class Meta:
        verbose_name = "article"
        verbose_name_plural = "articles"
        ordering = ["template", "number"]
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="conventions_article_number_unique")]

    def __str__(self) -> str:
        return f"article {self.number}"


class Batch(FSMModelMixin, models.Model):
    """The conventions of one released list, written together by the worker."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    decision_list = models.OneToOneField(DecisionList, on_delete=models.PROTECT, related_name="batch")
    state = FSMField("état", default=BatchState.RUNNING, choices=BatchState.choices, protected=True, max_length=8)
    created_at = models.DateTimeField("lancé le")
    finished_at = models.DateTimeField("terminé le", null=True, blank=True)

    finish = BATCH.method("finish", state)

    class Meta:
        verbose_name = "lot de conventions"
        verbose_name_plural = "lots de conventions"
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"lot {self.pk}"


class ConventionQuerySet(models.QuerySet["Convention"]):
    def visible_to(self, user: object) -> "ConventionQuerySet":
        """Conventions of the dossiers that this person may see, for the roles that read conventions."""
        from conventions.permissions import visible_conventions

        return self.filter(pk__in=visible_conventions(Convention.objects.all(), user).values("pk"))


class Convention(FSMModelMixin, models.Model):
    """The funding convention of one award. ``verification_code`` is random and printed on the document."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField("numéro", max_length=40, unique=True)
    verification_code = models.CharField("code de vérification", max_length=20)
    application = models.OneToOneField(Application, on_delete=models.PROTECT, related_name="convention")
    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="convention")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="conventions")
    template = models.ForeignKey(ConventionTemplate, on_delete=models.PROTECT, related_name="conventions")
    reservation = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, related_name="reserved_convention")
    commitment = models.OneToOneField(
        LedgerEntry, null=True, blank=True, on_delete=models.PROTECT, related_name="committed_convention"
    )
    state = FSMField(
        "état", default=ConventionState.PENDING, choices=ConventionState.choices, protected=True, max_length=20
    )
    amount = models.DecimalField("montant, en euros", max_digits=14, decimal_places=2)
    data = models.JSONField("données figées", default=dict)
    created_at = models.DateTimeField("créée le")
    sealed_at = models.DateTimeField("cachetée le", null=True, blank=True)
    beneficiary_signed_at = models.DateTimeField("signée par la collectivité le", null=True, blank=True)
    signed_at = models.DateTimeField("signée le", null=True, blank=True)
    notified_at = models.DateTimeField("notifiée le", null=True, blank=True)
    commitment_number = models.CharField("numéro d’engagement juridique (EJ)", max_length=40, blank=True)

    # Set by lists for the reader they show it to; no column.
    next_step: str = ""

    apply_seal = CONVENTION.method("apply_seal", state)
    sign_for_beneficiary = CONVENTION.method("sign_for_beneficiary", state)
    sign_for_state = CONVENTION.method("sign_for_state", state)
    pay = CONVENTION.method("pay", state)

    objects = ConventionQuerySet.as_manager()

    class Meta:
        verbose_name = "convention"
        verbose_name_plural = "conventions"
        ordering = ["number"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="conventions_convention_amount_positive"),
            models.CheckConstraint(
                condition=~Q(state__in=["signed", "paid"]) | Q(signed_at__isnull=False, commitment__isnull=False),
                name="conventions_convention_signed_is_committed",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def current_revision(self) -> "Revision | None":
        """The last revision: the bytes that both parties download."""
        return self.revisions.select_related("file").order_by("-id").first()

    def chain(self) -> str:
        """Name of the convention's chain in the journal."""
        return f"convention:{self.pk}"


class Revision(models.Model):
    """One revision of a convention's document, with the evidence of its seal or signature. Only ever inserted."""

    convention = models.ForeignKey(Convention, on_delete=models.PROTECT, related_name="revisions")
    kind = models.CharField("nature", max_length=12, choices=RevisionKind.choices)
    file = models.OneToOneField(StoredFile, on_delete=models.PROTECT, related_name="convention_revision")
    sha256 = models.CharField("empreinte SHA-256", max_length=64, unique=True)
    size = models.PositiveBigIntegerField("taille en octets")
    base_sha256 = models.CharField("empreinte de la révision précédente", max_length=64, blank=True)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    certificate_subject = models.CharField("certificat", max_length=300, blank=True)
    certificate_serial = models.CharField("numéro de série", max_length=60, blank=True)
    level = models.CharField("niveau constaté", max_length=12, blank=True)
    # Cryptographic time: always real, whatever the instant at which the call is played.
    timestamped_at = models.DateTimeField("horodaté le", null=True, blank=True)
    confirmation = models.OneToOneField(
        Confirmation, null=True, blank=True, on_delete=models.PROTECT, related_name="revision"
    )
    created_at = models.DateTimeField("créée le")

    class Meta:
        verbose_name = "révision"
        verbose_name_plural = "révisions"
        ordering = ["convention", "id"]
        constraints = [
            models.UniqueConstraint(fields=["convention", "kind"], name="conventions_revision_kind_once"),
            models.CheckConstraint(
                condition=Q(kind="rendered") | ~Q(base_sha256=""), name="conventions_revision_names_its_base"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.convention_id} {self.kind}"


class Signing(FSMModelMixin, models.Model):
    """A signature in progress: made outside any transaction, then stored in one. A sweep resumes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    convention = models.ForeignKey(Convention, on_delete=models.PROTECT, related_name="signings")
    kind = models.CharField("nature", max_length=12, choices=RevisionKind.choices)
    state = FSMField("état", default=SigningState.STARTED, choices=SigningState.choices, protected=True, max_length=10)
    base_sha256 = models.CharField("empreinte de départ", max_length=64)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    confirmation = models.OneToOneField(
        Confirmation, null=True, blank=True, on_delete=models.PROTECT, related_name="signing"
    )
    produced_file = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField("date de l’acte")
    started_at = models.DateTimeField("commencée le")
    finished_at = models.DateTimeField("terminée le", null=True, blank=True)
    error = models.TextField("erreur", blank=True)

    produce = SIGNING.method("produce", state)
    keep = SIGNING.method("keep", state)
    fail = SIGNING.method("fail", state)

    class Meta:
        verbose_name = "opération de signature"
        verbose_name_plural = "opérations de signature"
        constraints = [
            models.UniqueConstraint(
                fields=["convention", "kind"],
                condition=Q(state__in=["started", "produced", "stored"]),
                name="conventions_signing_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.convention_id} {self.kind}"


class Payment(models.Model):
    """The single payment of a convention, recorded once."""

    convention = models.OneToOneField(Convention, on_delete=models.PROTECT, related_name="payment")
    # That of the convention, kept here so that the database itself holds each reference to one payment of the call.
    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="payments")
    ledger_entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, related_name="payment")
    amount = models.DecimalField("montant, en euros", max_digits=14, decimal_places=2)
    service_done_on = models.DateField("service fait le")
    paid_on = models.DateField("versé le")
    reference = models.CharField("numéro de demande de paiement", max_length=40)
    recorded_at = models.DateTimeField("enregistré le")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "versement"
        verbose_name_plural = "versements"
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="conventions_payment_amount_positive"),
            models.UniqueConstraint(
                "call",
                Upper("reference"),
                name="conventions_payment_reference_once",
                violation_error_message="Ce numéro est déjà celui d’un autre versement de cet appel.",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Report(models.Model):
    """A report of progress or completion sent by the beneficiary."""

    convention = models.ForeignKey(Convention, on_delete=models.PROTECT, related_name="reports")
    is_final = models.BooleanField("rapport final", default=False)
    body = models.TextField("compte rendu")
    spent = models.DecimalField("dépenses réalisées, en euros", max_digits=14, decimal_places=2)
    file = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    sent_at = models.DateTimeField("envoyé le")
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "compte rendu"
        verbose_name_plural = "comptes rendus"
        ordering = ["convention", "sent_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(spent__gte=0), name="conventions_report_spent_not_negative"),
            models.UniqueConstraint(
                fields=["convention"],
                condition=Q(is_final=True),
                name="conventions_report_one_final",
                violation_error_message="Le compte rendu final a déjà été envoyé.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.convention_id}"


class Repayment(models.Model):
    """A repayment asked for after an adversarial procedure (décret 2018-514, art. 14; CRPA L122-1)."""

    class Ground(models.TextChoices):
        OBJECT_CHANGED = "object_changed", "objet modifié sans accord"
        CEILING_PASSED = "ceiling_passed", "plafond d’aide publique dépassé"
        NOT_COMPLETED = "not_completed", "projet non achevé ou non déclaré dans les délais"

    convention = models.ForeignKey(Convention, on_delete=models.PROTECT, related_name="repayments")
    ground = models.CharField("cas", max_length=16, choices=Ground.choices)
    amount = models.DecimalField("montant, en euros", max_digits=14, decimal_places=2)
    reason = models.TextField("motif")
    notified_at = models.DateTimeField("observations demandées le")
    answer_due_at = models.DateTimeField("réponse attendue avant le")
    answer = models.TextField("observations de la collectivité", blank=True)
    answered_at = models.DateTimeField("répondu le", null=True, blank=True)
    decided_at = models.DateTimeField("décidé le", null=True, blank=True)
    # Zero when the observations convinced: nothing is asked for.
    amount_decided = models.DecimalField(
        "montant à reverser, en euros", max_digits=14, decimal_places=2, null=True, blank=True
    )
    decision_reason = models.TextField("motif de la décision", blank=True)
    received_on = models.DateField("encaissé le", null=True, blank=True)
    ledger_entry = models.OneToOneField(
        LedgerEntry, null=True, blank=True, on_delete=models.PROTECT, related_name="repayment"
    )

    class Meta:
        verbose_name = "reversement"
        verbose_name_plural = "reversements"
        ordering = ["convention", "notified_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="conventions_repayment_amount_positive"),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True)
                | Q(answered_at__isnull=False)
                | Q(decided_at__gt=models.F("answer_due_at"))
                # Nobody needs to be heard before a claim against them is given up.
                | Q(amount_decided=0),
                name="conventions_repayment_heard_before_decided",
                violation_error_message="La collectivité doit avoir été entendue avant la décision.",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, amount_decided__isnull=True)
                | Q(
                    decided_at__isnull=False,
                    amount_decided__isnull=False,
                    amount_decided__gte=0,
                    amount_decided__lte=models.F("amount"),
                )
                & ~Q(decision_reason=""),
                name="conventions_repayment_decision_has_amount_and_reason",
                violation_error_message="Une décision de reversement est motivée et ne dépasse pas le montant notifié.",
            ),
            models.CheckConstraint(
                condition=Q(received_on__isnull=True, ledger_entry__isnull=True)
                | Q(
                    received_on__isnull=False,
                    ledger_entry__isnull=False,
                    amount_decided__isnull=False,
                    amount_decided__gt=0,
                ),
                name="conventions_repayment_received_once_decided",
            ),
            models.UniqueConstraint(
                fields=["convention"],
                condition=Q(decided_at__isnull=True),
                name="conventions_repayment_one_procedure",
                violation_error_message="Une procédure de reversement est déjà en cours sur cette convention.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.convention_id}"

    def may_be_decided(self, at: datetime) -> bool:
        """The other side was heard, or had its time (CRPA L122-1); before that the claim may only be given up."""
        return self.decided_at is None and (self.answered_at is not None or at > self.answer_due_at)
