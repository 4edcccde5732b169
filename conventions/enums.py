from django.db import models


class ConventionState(models.TextChoices):
    PENDING = "pending", "à rédiger"
    SEALED = "sealed", "à signer par la collectivité"
    BENEFICIARY_SIGNED = "beneficiary_signed", "à signer par l’État"
    SIGNED = "signed", "signée"
    PAID = "paid", "versée"


class RevisionKind(models.TextChoices):
    """Each revision adds bytes to the one before and never changes them."""

    RENDERED = "rendered", "texte mis en page"
    SEALED = "sealed", "cachet de l’État"
    BENEFICIARY = "beneficiary", "signature de la collectivité"
    STATE = "state", "signature de l’État"


class SigningState(models.TextChoices):
    STARTED = "started", "en cours"
    PRODUCED = "produced", "signature faite, à enregistrer"
    STORED = "stored", "enregistrée"
    FAILED = "failed", "échouée"


class BatchState(models.TextChoices):
    RUNNING = "running", "en cours"
    DONE = "done", "terminé"
