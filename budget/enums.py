from django.db import models


class Movement(models.TextChoices):
    """What a ledger entry does to the balances. Amounts are positive; a reversal is negative and names its origin."""

    ALLOCATE = "allocate", "ouverture"
    DELEGATE = "delegate", "délégation"
    RESERVE = "reserve", "réservation"
    COMMIT = "commit", "engagement"
    PAY = "pay", "versement"
    REPAY = "repay", "reversement"


class CreditKind(models.TextChoices):
    AE = "AE", "autorisations d’engagement"
    CP = "CP", "crédits de paiement"
