"""The envelope tree, the ledger and its balances. The database refuses to spend what is not there.

Movements (euros): ``allocate`` opens money on a root; ``delegate`` moves it from a parent to a child; ``reserve``
holds it for an award on a leaf; ``commit`` turns a reservation into a commitment; ``pay`` records a payment against
a commitment (credits of payment of the year); ``repay`` records money returned.
"""

import uuid
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from applications.models import Application
from budget.enums import CreditKind, Movement
from calls.models import Axis, Call
from core.money import euros


class Envelope(models.Model):
    """A part of the call's money. Awards touch leaves; a parent carries what it delegated."""

    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="envelopes", verbose_name="appel à projets")
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="children",
        verbose_name="enveloppe parente",
    )
    code = models.CharField("code", max_length=40)
    name = models.CharField("nom", max_length=200)
    axis = models.ForeignKey(
        Axis, null=True, blank=True, on_delete=models.PROTECT, related_name="envelopes", verbose_name="axe"
    )
    departement_code = models.CharField("département", max_length=3, blank=True)
    region_code = models.CharField("région", max_length=2, blank=True)
    position = models.PositiveSmallIntegerField("ordre", default=0)
    created_at = models.DateTimeField("créée le", auto_now_add=True)

    class Meta:
        verbose_name = "enveloppe"
        verbose_name_plural = "enveloppes"
        ordering = ["call", "position", "code"]
        constraints = [
            models.UniqueConstraint(fields=["call", "code"], name="budget_envelope_code_unique"),
            models.UniqueConstraint(
                fields=["call"], condition=Q(parent__isnull=True), name="budget_envelope_one_root_per_call"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LedgerEntry(models.Model):
    """One movement of money, only ever inserted. A trigger moves the balances or refuses.

    ``sequence``, ``recorded_at`` and ``row_hash`` are set by the trigger.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sequence = models.BigIntegerField("numéro d’ordre dans l’enveloppe", default=0)
    envelope = models.ForeignKey(Envelope, on_delete=models.PROTECT, related_name="entries", verbose_name="enveloppe")
    counterpart = models.ForeignKey(
        Envelope,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="enveloppe déléguée",
        help_text="L’enveloppe qui reçoit une délégation.",
    )
    movement = models.CharField("mouvement", max_length=10, choices=Movement.choices)
    credit_kind = models.CharField("nature de crédits", max_length=2, choices=CreditKind.choices)
    year = models.PositiveSmallIntegerField("année")
    amount = models.DecimalField("montant, en euros", max_digits=14, decimal_places=2)
    application = models.ForeignKey(
        Application,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="ledger_entries",
        verbose_name="dossier",
    )
    reverses = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversals", verbose_name="contre-passe"
    )
    reference = models.CharField("référence", max_length=80, blank=True, help_text="Numéro EJ, mandat de paiement…")
    reason = models.CharField("motif", max_length=250, blank=True)
    idempotency_key = models.CharField("clé d’idempotence", max_length=120, unique=True)
    occurred_at = models.DateTimeField("date de l’acte")
    recorded_at = models.DateTimeField("enregistré le", null=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", verbose_name="auteur"
    )
    row_hash = models.CharField("empreinte", max_length=64, default="")

    class Meta:
        verbose_name = "écriture"
        verbose_name_plural = "écritures du grand livre"
        ordering = ["envelope", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["envelope", "sequence"], name="budget_ledgerentry_sequence_unique"),
            models.CheckConstraint(
                condition=Q(reverses__isnull=True, amount__gt=0) | Q(reverses__isnull=False, amount__lt=0),
                name="budget_ledgerentry_sign",
                violation_error_message="Seule une contre-passation est négative.",
            ),
            models.CheckConstraint(
                condition=~Q(movement__in=["reserve", "commit", "pay", "repay"]) | Q(application__isnull=False),
                name="budget_ledgerentry_award_names_application",
            ),
        ]
        indexes = [models.Index(fields=["application", "movement"], name="budget_entry_application")]

    def __str__(self) -> str:
        return f"{self.get_movement_display()}, {euros(self.amount)}"


class Balance(models.Model):
    """What an envelope holds, in euros; written only by the trigger on the ledger."""

    envelope = models.OneToOneField(
        Envelope, on_delete=models.PROTECT, primary_key=True, related_name="balance", verbose_name="enveloppe"
    )
    allocated = models.DecimalField("ouvert", max_digits=14, decimal_places=2, default=0)
    delegated = models.DecimalField("délégué", max_digits=14, decimal_places=2, default=0)
    reserved = models.DecimalField("réservé", max_digits=14, decimal_places=2, default=0)
    committed = models.DecimalField("engagé", max_digits=14, decimal_places=2, default=0)
    paid = models.DecimalField("versé", max_digits=14, decimal_places=2, default=0)
    last_sequence = models.BigIntegerField("dernier numéro", default=0)

    class Meta:
        verbose_name = "solde"
        verbose_name_plural = "soldes"
        constraints = [
            models.CheckConstraint(
                condition=Q(delegated__gte=0, reserved__gte=0, committed__gte=0, paid__gte=0, allocated__gte=0),
                name="budget_balance_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(allocated__gte=F("delegated") + F("reserved") + F("committed")),
                name="budget_balance_within_allocated",
                violation_error_message="L’enveloppe ne suffit pas.",
            ),
            models.CheckConstraint(condition=Q(committed__gte=F("paid")), name="budget_balance_paid_within_committed"),
        ]

    def __str__(self) -> str:
        return f"{self.envelope}"


class PaymentCredit(models.Model):
    """Credits of payment (CP) of an envelope's root for one year, in euros; written only by the trigger."""

    envelope = models.ForeignKey(
        Envelope, on_delete=models.PROTECT, related_name="payment_credits", verbose_name="enveloppe"
    )
    year = models.PositiveSmallIntegerField("année")
    opened = models.DecimalField("ouverts", max_digits=14, decimal_places=2, default=0)
    paid = models.DecimalField("consommés", max_digits=14, decimal_places=2, default=0)

    class Meta:
        verbose_name = "crédits de paiement"
        verbose_name_plural = "crédits de paiement"
        constraints = [
            models.UniqueConstraint(fields=["envelope", "year"], name="budget_paymentcredit_year_unique"),
            models.CheckConstraint(condition=Q(opened__gte=F("paid")), name="budget_paymentcredit_within_opened"),
            models.CheckConstraint(condition=Q(paid__gte=0), name="budget_paymentcredit_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.envelope}, {self.year}"

    @property
    def left(self) -> Decimal:
        """What may still be paid in the year, in euros."""
        return self.opened - self.paid


class AwardBalance(models.Model):
    """What one dossier has reserved, committed and been paid, in euros; written only by the trigger.

    The CHECKs refuse to commit more than was reserved for the dossier, or to pay more than was committed.
    """

    application = models.OneToOneField(
        Application, on_delete=models.PROTECT, primary_key=True, related_name="award_balance", verbose_name="dossier"
    )
    envelope = models.ForeignKey(
        Envelope, on_delete=models.PROTECT, related_name="award_balances", verbose_name="enveloppe"
    )
    reserved = models.DecimalField("réservé", max_digits=14, decimal_places=2, default=0)
    committed = models.DecimalField("engagé", max_digits=14, decimal_places=2, default=0)
    paid = models.DecimalField("versé", max_digits=14, decimal_places=2, default=0)

    class Meta:
        verbose_name = "solde d’un dossier"
        verbose_name_plural = "soldes des dossiers"
        constraints = [
            models.CheckConstraint(
                condition=Q(reserved__gte=0, committed__gte=0, paid__gte=0), name="budget_awardbalance_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(committed__gte=F("paid")), name="budget_awardbalance_paid_within_committed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application}"
