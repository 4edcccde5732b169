"""People, and the confirmations by which they take responsibility for an act."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.auth.password_validation import validate_password
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django_fsm import FSMField, transition

# A lost second factor may be removed during this time once the delay has passed; an agreement does not serve for ever.
REMOVAL_OPEN = timedelta(days=7)
# How long a request waits for its two agreements.
AGREEMENTS_AWAITED = timedelta(days=30)

# Characters asked of whoever may open the administration.
ADMINISTRATOR_MINIMUM_LENGTH = 16


class UserManager(BaseUserManager["User"]):
    """Creates people by e-mail address, kept in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Staff with every right. Raises ``ValidationError`` for a password too weak for the administration: the command
        that asks for it at the terminal knows nothing yet of who is being made."""
        fields.update(is_staff=True, is_superuser=True, requires_second_factor=True)
        if password is not None:
            validate_password(password, self.model(email=email, **fields))
        return self.create_user(email, password, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. What they may do comes from mandates and affiliations, never from this row."""

    email = models.EmailField("adresse électronique", max_length=254, unique=True)
    first_name = models.CharField("prénom", max_length=80, blank=True)
    last_name = models.CharField("nom", max_length=80, blank=True)
    phone = models.CharField("téléphone", max_length=30, blank=True)
    job_title = models.CharField("fonction", max_length=120, blank=True)
    is_active = models.BooleanField("compte actif", default=True)
    is_staff = models.BooleanField("accès à l’administration", default=False)
    requires_second_factor = models.BooleanField("second facteur exigé", default=False)
    is_demonstration = models.BooleanField("personne fictive", default=False)
    # Told when the password is chosen, as nothing tells it afterwards: power may come later than the password.
    is_password_long = models.BooleanField(
        "mot de passe d’au moins seize caractères", default=False, db_default=False, editable=False
    )
    date_joined = models.DateTimeField("créé le", default=timezone.now)

    objects = UserManager()

    # What the row held when it was read, by column.
    _read: dict[str, Any]

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = "personne"
        verbose_name_plural = "personnes"
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="accounts_user_email_unique",
                violation_error_message="Un compte existe déjà avec cette adresse.",
            )
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.email

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> "User":
        user = super().from_db(*args, **options)
        user._remember()
        return user

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        names = None if fields is None else list(fields)
        super().refresh_from_db(using=using, fields=names, from_queryset=from_queryset)
        self._remember(names)

    def save(self, *args: Any, **options: Any) -> None:
        """Write what was changed alone, unless told which fields. The sign-in library saves a whole person to join an
        identity to it: a mandate given or an account closed meanwhile would be undone."""
        read = vars(self).get("_read")
        if read is not None and not args and not options.keys() & {"update_fields", "force_insert"}:
            now = vars(self)
            options["update_fields"] = [name for name in read if name in now and now[name] != read[name]]
        super().save(*args, **options)
        self._remember(options.get("update_fields"))

    def _remember(self, names: Iterable[str] | None = None) -> None:
        here, wanted = vars(self), None if names is None else set(names)
        columns = (field.attname for field in self._meta.concrete_fields)
        told = {name: here[name] for name in columns if name in here and (wanted is None or name in wanted)}
        self._read = {**here.get("_read", {}), **told}

    def get_full_name(self) -> str:
        """Given name and family name, or an empty text."""
        return f"{self.first_name} {self.last_name}".strip()

    def get_short_name(self) -> str:
        return self.first_name or self.email

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(raw_password)
        self.is_password_long = raw_password is not None and len(raw_password) >= ADMINISTRATOR_MINIMUM_LENGTH

    @property
    def owes_longer_password(self) -> bool:
        """Whether the password is too short for the administration; a person without one enters by their provider."""
        return self.has_usable_password() and not self.is_password_long


class Confirmation(models.Model):
    """A fresh second factor bound once to (person, act, SHA-256 of what was shown)."""

    class Method(models.TextChoices):
        TOTP = "totp", "code à usage unique"
        WEBAUTHN = "webauthn", "clé d’accès"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="confirmations", verbose_name="personne")
    act = models.CharField("acte", max_length=80)
    content_sha256 = models.CharField("empreinte de ce qui est montré", max_length=64)
    method = models.CharField("moyen", max_length=10, choices=Method.choices)
    confirmed_at = models.DateTimeField("confirmé le")
    expires_at = models.DateTimeField("valable jusqu’au")
    used_at = models.DateTimeField("utilisé le", null=True, blank=True)

    class Meta:
        verbose_name = "confirmation"
        verbose_name_plural = "confirmations"
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("confirmed_at")),
                name="accounts_confirmation_dates_in_order",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.act}"


class UsedCode(models.Model):
    """A TOTP time step already used by a person: a code serves once, whatever the process that checks it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="used_codes")
    step = models.BigIntegerField("pas de temps")

    class Meta:
        verbose_name = "code déjà utilisé"
        verbose_name_plural = "codes déjà utilisés"
        constraints = [models.UniqueConstraint(fields=["user", "step"], name="accounts_usedcode_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.step}"


class Try(models.Model):
    """One of the few tries that a throttle allows, taken until an instant; the name of what is counted is hashed."""

    name_sha256 = models.CharField("empreinte de ce qui est compté", max_length=64)
    number = models.PositiveSmallIntegerField("rang")
    token = models.UUIDField("jeton de qui l’a pris", unique=True)
    expires_at = models.DateTimeField("rendu le", db_index=True)

    class Meta:
        verbose_name = "essai"
        verbose_name_plural = "essais"
        constraints = [models.UniqueConstraint(fields=["name_sha256", "number"], name="accounts_try_taken_once")]

    def __str__(self) -> str:
        return f"{self.name_sha256} {self.number}"


class FactorRecoveryQuerySet(models.QuerySet["FactorRecovery"]):
    """Requests, by what may still happen to them."""

    def unfinished(self) -> "FactorRecoveryQuerySet":
        """Neither executed, stopped nor told to have lapsed."""
        return self.filter(state__in=["requested", "approved_once", "approved"])

    def overdue(self, at: datetime) -> "FactorRecoveryQuerySet":
        """Unfinished ones that serve no more at this instant, as :attr:`FactorRecovery.lapses_at` says."""
        return self.unfinished().filter(
            Q(effective_from__lte=at - REMOVAL_OPEN)
            | Q(effective_from__isnull=True, requested_at__lte=at - AGREEMENTS_AWAITED)
        )

    def open(self, at: datetime) -> "FactorRecoveryQuerySet":
        """Those that may still lead to the removal of a factor."""
        return self.unfinished().exclude(pk__in=self.overdue(at))


class FactorRecovery(models.Model):
    """Removal of a lost second factor: two agents agree, then a delay runs during which the person may stop it."""

    class State(models.TextChoices):
        REQUESTED = "requested", "demandée"
        APPROVED_ONCE = "approved_once", "un accord sur deux"
        APPROVED = "approved", "accordée, délai en cours"
        COMPLETED = "completed", "exécutée"
        CANCELLED = "cancelled", "annulée"
        LAPSED = "lapsed", "expirée"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="factor_recoveries", verbose_name="personne")
    state = FSMField("état", default=State.REQUESTED, choices=State.choices, protected=True, max_length=16)
    reason = models.TextField("ce qui s’est passé", max_length=1000)
    requested_at = models.DateTimeField("demandée le")
    first_approved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="premier accord de"
    )
    first_approved_at = models.DateTimeField("premier accord le", null=True, blank=True)
    second_approved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="second accord de"
    )
    second_approved_at = models.DateTimeField("second accord le", null=True, blank=True)
    effective_from = models.DateTimeField("exécutable à partir du", null=True, blank=True)
    completed_at = models.DateTimeField("exécutée le", null=True, blank=True)
    cancelled_at = models.DateTimeField("annulée le", null=True, blank=True)
    lapsed_at = models.DateTimeField("expirée le", null=True, blank=True)

    objects = FactorRecoveryQuerySet.as_manager()

    class Meta:
        verbose_name = "secours d’un second facteur perdu"
        verbose_name_plural = "secours de seconds facteurs perdus"
        ordering = ["requested_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=~Q(state__in=["completed", "cancelled", "lapsed"]),
                name="accounts_factorrecovery_one_open",
                violation_error_message="Une demande est déjà en cours pour ce compte.",
            ),
            models.CheckConstraint(
                condition=Q(first_approved_by__isnull=True) | ~Q(first_approved_by=models.F("user")),
                name="accounts_factorrecovery_first_is_another",
            ),
            models.CheckConstraint(
                condition=Q(second_approved_by__isnull=True)
                | (~Q(second_approved_by=models.F("user")) & ~Q(second_approved_by=models.F("first_approved_by"))),
                name="accounts_factorrecovery_second_is_another",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "completed"])
                | Q(
                    first_approved_by__isnull=False,
                    second_approved_by__isnull=False,
                    second_approved_at__isnull=False,
                    effective_from__gt=models.F("second_approved_at"),
                ),
                name="accounts_factorrecovery_approved_by_two",
            ),
            models.CheckConstraint(
                condition=~Q(state="completed") | Q(completed_at__gte=models.F("effective_from")),
                name="accounts_factorrecovery_delay_elapsed",
            ),
            models.CheckConstraint(
                condition=~Q(state="completed") | Q(completed_at__lt=models.F("effective_from") + REMOVAL_OPEN),
                name="accounts_factorrecovery_not_lapsed",
            ),
        ]

    def __str__(self) -> str:
        return f"secours {self.pk} ({self.state})"

    @property
    def lapses_at(self) -> datetime:
        """From this instant an open request serves no more: seven days after its delay, thirty without agreement."""
        return self.effective_from + REMOVAL_OPEN if self.effective_from else self.requested_at + AGREEMENTS_AWAITED

    @transition(field=state, source=State.REQUESTED, target=State.APPROVED_ONCE)
    def approve_once(self, *, by: User, at: datetime) -> None:
        """First of the two agreements."""
        self.first_approved_by, self.first_approved_at = by, at

    @transition(field=state, source=State.APPROVED_ONCE, target=State.APPROVED)
    def approve(self, *, by: User, at: datetime, effective_from: datetime) -> None:
        """Second agreement: the delay runs until ``effective_from``."""
        self.second_approved_by, self.second_approved_at = by, at
        self.effective_from = effective_from

    @transition(field=state, source=[State.REQUESTED, State.APPROVED_ONCE, State.APPROVED], target=State.CANCELLED)
    def cancel(self, *, at: datetime) -> None:
        """Stopped by the person or by an agent."""
        self.cancelled_at = at

    @transition(field=state, source=[State.REQUESTED, State.APPROVED_ONCE, State.APPROVED], target=State.LAPSED)
    def lapse(self, *, at: datetime) -> None:
        """Left unused for too long."""
        self.lapsed_at = at

    @transition(field=state, source=State.APPROVED, target=State.COMPLETED)
    def complete(self, *, at: datetime) -> None:
        """The factor was removed."""
        self.completed_at = at
