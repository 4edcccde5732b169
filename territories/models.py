"""Territories by vintage, and the organisations that apply: communes, EPCI, départements, régions, groupings."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Q

from territories.enums import AffiliationRole, OrganisationKind, TerritoryKind

# A reason that a person reads: why a request was refused, why an affiliation was ended.
REASON_LENGTH = 300


class Vintage(models.Model):
    """One year of the administrative division and its legal populations."""

    year = models.PositiveSmallIntegerField("millésime", primary_key=True)
    source = models.CharField("source", max_length=200)
    licence = models.CharField("licence", max_length=80)
    population_note = models.CharField("population de référence", max_length=400, blank=True)
    # SHA-256 of the file that was loaded: loading the same file again changes nothing.
    checksum = models.CharField("empreinte du fichier", max_length=64, blank=True)
    loaded_at = models.DateTimeField("chargé le")

    class Meta:
        verbose_name = "millésime"
        verbose_name_plural = "millésimes"
        ordering = ["year"]

    def __str__(self) -> str:
        return str(self.year)


class Territory(models.Model):
    """A commune, EPCI, EPT, département or région in one vintage.

    ``population`` is in inhabitants (legal municipal population); NULL means unknown, never zero.
    ``search_name`` is unaccented and lower-case, made by ``territories.search.normalise``.
    """

    # No index of its own: it is the first column of each index below.
    vintage = models.ForeignKey(
        Vintage, on_delete=models.PROTECT, related_name="territories", db_index=False, verbose_name="millésime"
    )
    kind = models.CharField("nature", max_length=12, choices=TerritoryKind.choices)
    code = models.CharField("code", max_length=9)
    siren = models.CharField("SIREN", max_length=9, blank=True)
    name = models.CharField("nom", max_length=200)
    search_name = models.CharField("nom de recherche", max_length=200)
    legal_form = models.CharField("forme", max_length=10, blank=True, help_text="CC, CA, CU, METRO… pour un EPCI")
    population = models.PositiveIntegerField("population", null=True, blank=True)
    departement_code = models.CharField("département", max_length=3, blank=True)
    region_code = models.CharField("région", max_length=2, blank=True)

    class Meta:
        verbose_name = "territoire"
        verbose_name_plural = "territoires"
        constraints = [
            models.UniqueConstraint(fields=["vintage", "kind", "code"], name="territories_territory_code_unique"),
        ]
        indexes = [
            models.Index(fields=["vintage", "siren"], name="territories_siren"),
            models.Index(
                fields=["vintage", "search_name"],
                name="territories_name_prefix",
                opclasses=["int2_ops", "varchar_pattern_ops"],
            ),
            GinIndex(SearchVector("search_name", config="simple"), name="territories_name_words"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A commune that belongs to an EPCI, EPT, département or région in one vintage."""

    group = models.ForeignKey(Territory, on_delete=models.CASCADE, related_name="memberships")
    commune = models.ForeignKey(Territory, on_delete=models.CASCADE, related_name="group_memberships")

    class Meta:
        verbose_name = "appartenance"
        verbose_name_plural = "appartenances"
        constraints = [models.UniqueConstraint(fields=["group", "commune"], name="territories_membership_unique")]

    def __str__(self) -> str:
        return f"{self.commune_id} dans {self.group_id}"


class Organisation(models.Model):
    """A local authority (or syndicat, mutualisation structure) as applicant or beneficiary.

    Linked to territories by (kind, code), not by foreign key: the territory exists once per vintage. ``siren`` is that
    of the referential, or one an administrator entered: it lets ProConnect attach people. ``siret`` is what the
    applicants state: it proves nothing.
    """

    kind = models.CharField("nature", max_length=20, choices=OrganisationKind.choices)
    name = models.CharField("nom", max_length=200)
    search_name = models.CharField("nom de recherche", max_length=200, db_index=True)
    territory_code = models.CharField("code du territoire", max_length=9, blank=True)
    siren = models.CharField("SIREN", max_length=9, blank=True)
    siret = models.CharField("SIRET du siège", max_length=14, blank=True)
    siret_is_fictitious = models.BooleanField("SIRET de démonstration", default=False)
    departement_code = models.CharField("département", max_length=3, blank=True)
    region_code = models.CharField("région", max_length=2, blank=True)
    address = models.CharField("adresse", max_length=250, blank=True)
    postal_code = models.CharField("code postal", max_length=5, blank=True)
    city = models.CharField("ville", max_length=120, blank=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)

    class Meta:
        verbose_name = "collectivité"
        verbose_name_plural = "collectivités"
        ordering = ["search_name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["siret"],
                condition=~Q(siret=""),
                name="territories_organisation_siret_unique",
                violation_error_message="Une collectivité est déjà enregistrée avec ce SIRET.",
            ),
            models.UniqueConstraint(
                fields=["kind", "territory_code"],
                condition=~Q(territory_code=""),
                name="territories_organisation_territory_unique",
            ),
            models.CheckConstraint(
                condition=Q(siret="") | Q(siret__regex=r"^\d{14}$"),
                name="territories_organisation_siret_is_14_digits",
                violation_error_message="Un SIRET compte 14 chiffres.",
            ),
            models.CheckConstraint(
                condition=Q(siren="") | Q(siren__regex=r"^\d{9}$"),
                name="territories_organisation_siren_is_9_digits",
                violation_error_message="Un SIREN compte 9 chiffres.",
            ),
        ]
        indexes = [
            models.Index(fields=["siren"], name="territories_organisation_siren"),
            GinIndex(SearchVector("search_name", config="simple"), name="territories_org_name_words"),
        ]

    def __str__(self) -> str:
        return self.name


class StructureMember(models.Model):
    """A territory that a syndicat or mutualisation structure covers, by (kind, code) across vintages."""

    structure = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="covered", verbose_name="structure"
    )
    territory_kind = models.CharField("nature", max_length=12, choices=TerritoryKind.choices)
    territory_code = models.CharField("code", max_length=9)

    class Meta:
        verbose_name = "territoire couvert"
        verbose_name_plural = "territoires couverts"
        constraints = [
            models.UniqueConstraint(
                fields=["structure", "territory_kind", "territory_code"],
                name="territories_structuremember_unique",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_territory_kind_display()} {self.territory_code}"


class Grouping(models.Model):
    """Several organisations that apply together; ``lead`` files and signs for them."""

    name = models.CharField("nom du groupement", max_length=200)
    lead = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="led_groupings", verbose_name="chef de file"
    )
    members = models.ManyToManyField(Organisation, related_name="groupings", verbose_name="membres")
    created_at = models.DateTimeField("créé le", auto_now_add=True)

    class Meta:
        verbose_name = "groupement"
        verbose_name_plural = "groupements"

    def __str__(self) -> str:
        return self.name


class AffiliationQuerySet(models.QuerySet["Affiliation"]):
    def current(self, at: datetime) -> "AffiliationQuerySet":
        """Affiliations validated and in force at the instant ``at``."""
        return self.filter(validated_at__lte=at).filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))

    def pending(self) -> "AffiliationQuerySet":
        """Requests that nobody has answered yet."""
        return self.filter(validated_at__isnull=True, refused_at__isnull=True, ends_at__isnull=True)


class Affiliation(models.Model):
    """A person who acts for an organisation, from a day to a day, once somebody has validated it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="affiliations",
        verbose_name="personne",
    )
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="affiliations", verbose_name="collectivité"
    )
    role = models.CharField("rôle", max_length=24, choices=AffiliationRole.choices)
    requested_at = models.DateTimeField("demandé le")
    validated_at = models.DateTimeField("validé le", null=True, blank=True)
    validated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="validé par",
    )
    evidence = models.CharField(
        "preuve", max_length=200, blank=True, help_text="ProConnect, courriel de domaine, visa d’un agent…"
    )
    refused_at = models.DateTimeField("refusé le", null=True, blank=True)
    refusal_reason = models.CharField("motif du refus", max_length=REASON_LENGTH, blank=True)
    ends_at = models.DateTimeField("jusqu’au", null=True, blank=True)
    end_reason = models.CharField("motif de la fin", max_length=REASON_LENGTH, blank=True)

    objects = AffiliationQuerySet.as_manager()

    class Meta:
        verbose_name = "rattachement"
        verbose_name_plural = "rattachements"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organisation", "role"],
                condition=Q(ends_at__isnull=True),
                name="territories_affiliation_current_unique",
                violation_error_message="Un rattachement existe déjà pour cette collectivité et ce rôle.",
            ),
            models.CheckConstraint(
                condition=Q(validated_at__isnull=True) | Q(refused_at__isnull=True),
                name="territories_affiliation_validated_or_refused",
                violation_error_message="Un rattachement est validé ou refusé, pas les deux.",
            ),
            models.CheckConstraint(
                condition=Q(refused_at__isnull=True) | (Q(ends_at__isnull=False) & ~Q(refusal_reason="")),
                name="territories_affiliation_refusal_has_reason",
                violation_error_message="Un refus de rattachement est motivé.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} pour {self.organisation_id}"
