"""What every room builds on: journal, number series, outbox, stored files, idempotency. No business word here."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform


class AppendOnlyQuerySet(models.QuerySet):
    """Rows that the application role may only insert and read; the database refuses the rest."""


class Chain(models.Model):
    """Head of one hash chain of the journal. Written only by the trigger that numbers entries."""

    name = models.CharField("chaîne", max_length=120, primary_key=True)
    head_number = models.BigIntegerField("dernier numéro", default=0)
    head_hash = models.CharField("empreinte de tête", max_length=64, default="")

    class Meta:
        verbose_name = "chaîne du journal"
        verbose_name_plural = "chaînes du journal"

    def __str__(self) -> str:
        return self.name


class JournalEntry(models.Model):
    """One decision: who, on whose behalf, when, from, to, why, amounts. Ids, never names.

    ``number``, ``previous_hash``, ``hash`` and ``recorded_at`` are set by a database trigger inside the lock of
    the chain; what the caller passes for them is ignored.
    """

    chain = models.CharField("chaîne", max_length=120)
    number = models.BigIntegerField("numéro", default=0)
    at = models.DateTimeField("date de l’acte")
    recorded_at = models.DateTimeField("enregistré le", null=True)
    actor_id = models.BigIntegerField("auteur", null=True, help_text="vide : le système")
    on_behalf_of_id = models.BigIntegerField("pour le compte de", null=True)
    action = models.CharField("acte", max_length=80)
    from_state = models.CharField("état de départ", max_length=40, blank=True)
    to_state = models.CharField("état d’arrivée", max_length=40, blank=True)
    reason = models.TextField("motif", blank=True)
    data = models.JSONField("données", default=dict)
    previous_hash = models.CharField("empreinte précédente", max_length=64, default="")
    hash = models.CharField("empreinte", max_length=64, default="")

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = "écriture du journal"
        verbose_name_plural = "journal"
        ordering = ["chain", "number"]
        constraints = [
            models.UniqueConstraint(fields=["chain", "number"], name="core_journalentry_number_unique"),
        ]
        indexes = [
            # The journal is searched by the number that people know of a dossier or a convention.
            models.Index(
                KeyTextTransform("number", "data"),
                name="core_journalentry_said_number",
                condition=Q(data__has_key="number"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chain} n° {self.number}"


class JournalAnchor(models.Model):
    """Daily seal over the heads of all chains, with an RFC 3161 timestamp taken outside the database.

    ``heads`` is the exact text that was hashed: the chains that moved since the anchor before, or all of them (see
    ``core.anchor_heads``). A copy of heads and token is written to the file store, so that removing rows here does not
    remove the proof.
    """

    number = models.PositiveBigIntegerField("numéro", unique=True)
    sealed_at = models.DateTimeField("scellé le")
    heads = models.TextField("têtes des chaînes")
    previous_sha256 = models.CharField("empreinte de l’ancrage précédent", max_length=64, blank=True)
    sha256 = models.CharField("empreinte", max_length=64, unique=True)
    token = models.BinaryField("jeton d’horodatage")
    storage_key = models.CharField("copie hors base", max_length=200)

    class Meta:
        verbose_name = "ancrage du journal"
        verbose_name_plural = "ancrages du journal"
        ordering = ["number"]

    def __str__(self) -> str:
        return f"ancrage n° {self.number}"


class NumberSeries(models.Model):
    """A series without gaps. ``core.services.take_number`` draws inside the caller's transaction."""

    code = models.CharField("série", max_length=80, primary_key=True)
    last = models.PositiveBigIntegerField("dernier numéro", default=0)

    class Meta:
        verbose_name = "série de numéros"
        verbose_name_plural = "séries de numéros"

    def __str__(self) -> str:
        return f"{self.code} : {self.last}"


class OutboxMessage(models.Model):
    """What must follow a commit, written in that same commit; the broker is only a bell."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField("nature", max_length=80)
    payload = models.JSONField("identifiants", default=dict)
    dedupe_key = models.CharField("clé d’unicité", max_length=200, unique=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    available_at = models.DateTimeField("à traiter à partir du")
    attempts = models.PositiveIntegerField("essais", default=0)
    delivered_at = models.DateTimeField("traité le", null=True, blank=True)
    abandoned_at = models.DateTimeField("abandonné le", null=True, blank=True)
    last_error = models.TextField("dernière erreur", blank=True)

    class Meta:
        verbose_name = "message sortant"
        verbose_name_plural = "messages sortants"
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(
                fields=["available_at"],
                name="core_outbox_pending",
                condition=Q(delivered_at__isnull=True, abandoned_at__isnull=True),
            ),
            # Counted by the health check, every few seconds.
            models.Index(
                fields=["abandoned_at"],
                name="core_outbox_abandoned",
                condition=Q(delivered_at__isnull=True, abandoned_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.pk})"


class StoredFile(models.Model):
    """Bytes that never change. A new version is a new row; row, hash and visa outlive the bytes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField("nature", max_length=60)
    name = models.CharField("nom du fichier", max_length=200)
    media_type = models.CharField("type", max_length=100)
    size = models.PositiveBigIntegerField("taille en octets")
    sha256 = models.CharField("empreinte SHA-256", max_length=64)
    storage_key = models.CharField("emplacement", max_length=200, unique=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    created_by_id = models.BigIntegerField("déposé par", null=True)

    class Meta:
        verbose_name = "fichier"
        verbose_name_plural = "fichiers"
        constraints = [
            models.CheckConstraint(
                condition=Q(size__gt=0),
                name="core_storedfile_not_empty",
                violation_error_message="Le fichier est vide.",
            ),
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="core_storedfile_sha256_is_hexadecimal"
            ),
        ]
        # The public verification looks a file up by its hash.
        indexes = [models.Index(fields=["sha256"], name="core_storedfile_sha256")]

    def __str__(self) -> str:
        return self.name


class FileScan(models.Model):
    """Verdict of the antivirus on a file; the last one counts."""

    class Verdict(models.TextChoices):
        CLEAN = "clean", "sain"
        INFECTED = "infected", "infecté"
        UNSCANNED = "unscanned", "non analysé"

    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="scans")
    verdict = models.CharField("verdict", max_length=12, choices=Verdict.choices)
    detail = models.CharField("détail", max_length=200, blank=True)
    scanned_at = models.DateTimeField("analysé le", auto_now_add=True)

    class Meta:
        verbose_name = "analyse antivirus"
        verbose_name_plural = "analyses antivirus"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.file_id} : {self.verdict}"


class DestructionVisa(models.Model):
    """The recorded decision to destroy bytes whose retention has ended."""

    file = models.OneToOneField(StoredFile, on_delete=models.PROTECT, related_name="destruction_visa")
    granted_by_id = models.BigIntegerField("visa de")
    granted_at = models.DateTimeField("visa du")
    retention_ended_on = models.DateField("fin de conservation")
    reason = models.TextField("motif")

    class Meta:
        verbose_name = "visa d’élimination"
        verbose_name_plural = "visas d’élimination"

    def __str__(self) -> str:
        return f"visa pour {self.file_id}"


class IdempotencyRecord(models.Model):
    """The answer already given to a command: same key and content, same answer; other content, refused."""

    key = models.CharField("clé", max_length=80, primary_key=True)
    act = models.CharField("acte", max_length=80)
    actor_id = models.BigIntegerField("auteur", null=True)
    content_sha256 = models.CharField("empreinte du contenu", max_length=64)
    answer = models.JSONField("réponse", default=dict)
    created_at = models.DateTimeField("créé le", auto_now_add=True)

    class Meta:
        verbose_name = "clé d’idempotence"
        verbose_name_plural = "clés d’idempotence"

    def __str__(self) -> str:
        return f"{self.act} {self.key}"


class Heartbeat(models.Model):
    """When worker and beat were last seen at work, for their health checks."""

    name = models.CharField("processus", max_length=40, primary_key=True)
    seen_at = models.DateTimeField("vu le")

    class Meta:
        verbose_name = "signe de vie"
        verbose_name_plural = "signes de vie"

    def __str__(self) -> str:
        return self.name
