"""Calls, versions of their rules, axes, sessions, questions, grids, mandates. Knows nothing of dossiers."""

import json

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from calls import bounds
from calls.bounds import CALL_CHECKS, Checked, above_zero, are_texts, is_list, same_call, within
from calls.enums import RESERVED_CODES, CostCategory, MandateRole, QuestionKind, Rhythm, RuleKind
from calls.querysets import MandateQuerySet
from calls.reach import obstacles
from territories.models import Vintage


class Call(Checked):
    """A State call for projects, with what the law wants printed on its papers."""

    code = models.SlugField("code", max_length=40, unique=True, help_text="Sert dans l’adresse des pages de l’appel.")
    title = models.CharField("titre", max_length=200)
    summary = models.TextField("présentation")
    programme = models.CharField("programme", max_length=200, blank=True)
    steward = models.CharField("service responsable", max_length=200)
    steward_siret = models.CharField("SIRET de l’attribuant", max_length=14, blank=True)
    contact_name = models.CharField("service à contacter", max_length=200)
    contact_address = models.CharField("adresse", max_length=250)
    contact_email = models.EmailField("courriel")
    contact_phone = models.CharField("téléphone", max_length=30)
    appeal_court = models.CharField("tribunal compétent", max_length=200)
    # In euros, as announced; what is allocated lives in the ledger of the budget.
    announced_amount = models.DecimalField(
        "montant annoncé, en euros", max_digits=14, decimal_places=2, null=True, blank=True
    )
    opens_at = models.DateTimeField("ouverture")
    published_at = models.DateTimeField("publié le", null=True, blank=True)
    completeness_months = models.PositiveSmallIntegerField("délai de complétude, en mois", default=2)
    decision_months = models.PositiveSmallIntegerField("délai de décision, en mois", default=8)
    has_waiting_list = models.BooleanField("liste d’attente", default=True)
    # Above this total, in euros, a list of awards is prepared by one person and released by another.
    two_person_threshold = models.DecimalField(
        "seuil à deux personnes, en euros", max_digits=14, decimal_places=2, default=0
    )
    cost_centre = models.CharField("centre de coût", max_length=40, blank=True)
    functional_domain = models.CharField("domaine fonctionnel", max_length=40, blank=True)
    programming_reference = models.CharField("référentiel de programmation", max_length=40, blank=True)

    checks = CALL_CHECKS

    class Meta:
        verbose_name = "appel à projets"
        verbose_name_plural = "appels à projets"
        ordering = ["-opens_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(Q(announced_amount__isnull=True) | Q(announced_amount__gt=0), two_person_threshold__gte=0),
                name="calls_call_amounts_positive",
                violation_error_message="Le montant annoncé est supérieur à zéro, le seuil à deux personnes n’est pas négatif.",
            ),
            models.CheckConstraint(
                condition=Q(completeness_months__gte=1) & Q(decision_months__gte=1),
                name="calls_call_delays_positive",
                violation_error_message="Un délai est d’au moins un mois.",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Axis(Checked):
    """A part of the call with its own envelope, public and rules."""

    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="axes", verbose_name="appel à projets")
    code = models.SlugField("code", max_length=40)
    position = models.PositiveSmallIntegerField("ordre")
    title = models.CharField("titre", max_length=200)
    summary = models.TextField("présentation")
    steward = models.CharField("pilote", max_length=200)
    rhythm = models.CharField("rythme", max_length=12, choices=Rhythm.choices)
    is_territorial = models.BooleanField("décliné par département", default=False)
    announced_amount = models.DecimalField(
        "montant annoncé, en euros", max_digits=14, decimal_places=2, null=True, blank=True
    )
    announced_note = models.CharField("précision sur le montant", max_length=250, blank=True)
    # An axis without an envelope of its own spends that of another one (a flat-rate pack).
    funded_from = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="funds",
        verbose_name="financé sur l’enveloppe de",
    )

    checks = {"announced_amount": above_zero}

    class Meta:
        verbose_name = "axe"
        verbose_name_plural = "axes"
        ordering = ["call", "position"]
        constraints = [
            models.UniqueConstraint(fields=["call", "code"], name="calls_axis_code_unique"),
            models.CheckConstraint(
                condition=Q(announced_amount__isnull=True) | Q(announced_amount__gt=0),
                name="calls_axis_amount_positive",
                violation_error_message="Le montant annoncé est supérieur à zéro, ou absent.",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Theme(models.Model):
    axis = models.ForeignKey(Axis, on_delete=models.PROTECT, related_name="themes", verbose_name="axe")
    code = models.SlugField("code", max_length=40)
    label = models.CharField("libellé", max_length=200)

    class Meta:
        verbose_name = "thème"
        verbose_name_plural = "thèmes"
        ordering = ["axis", "id"]
        constraints = [models.UniqueConstraint(fields=["axis", "code"], name="calls_theme_code_unique")]

    def __str__(self) -> str:
        return self.label


class Session(Checked):
    """A period of filing (relève), from an instant to an instant, Europe/Paris."""

    axis = models.ForeignKey(Axis, on_delete=models.PROTECT, related_name="sessions", verbose_name="axe")
    code = models.SlugField("code", max_length=40)
    title = models.CharField("titre", max_length=200)
    opens_at = models.DateTimeField("ouverture")
    closes_at = models.DateTimeField("clôture")
    is_demonstration = models.BooleanField("session de démonstration", default=False)

    checks = {"opens_at": within(3), "closes_at": within(10)}

    class Meta:
        verbose_name = "relève"
        verbose_name_plural = "relèves"
        ordering = ["opens_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["axis", "code"], name="calls_session_code_unique"),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")),
                name="calls_session_dates_in_order",
                violation_error_message="La clôture doit suivre l’ouverture.",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """Nobody files on an axis of which the rules say nothing yet; an opening stays once somebody may have filed."""
        axis = getattr(self, "axis", None)
        if axis is None or self.opens_at is None or axis.call_id is None:
            return
        stored = Session.objects.filter(pk=self.pk).values_list("opens_at", flat=True).first() if self.pk else None
        if bounds.keeps_opening(stored, self.opens_at):
            return
        versions = RulesVersion.objects.filter(call=axis.call_id, effective_at__lte=self.opens_at)
        current = versions.order_by("-effective_at").first()
        if current is None or not current.terms.filter(axis=axis.pk).exists():
            raise ValidationError({"opens_at": bounds.SILENT_RULES})
        has_dossiers = stored is not None and self.applications.exists()
        bounds.opening_moves(stored, self.opens_at, published_at=axis.call.published_at, has_dossiers=has_dossiers)


class RulesVersion(Checked):
    """The rules of a call from an instant on. A dossier keeps the version under which it was filed."""

    call = models.ForeignKey(
        Call, on_delete=models.PROTECT, related_name="rules_versions", verbose_name="appel à projets"
    )
    number = models.PositiveSmallIntegerField("version")
    effective_at = models.DateTimeField("en vigueur à partir du")
    vintage = models.ForeignKey(Vintage, on_delete=models.PROTECT, verbose_name="millésime de population")
    note = models.TextField("objet du changement", blank=True)

    checks = {"effective_at": within(3)}

    class Meta:
        verbose_name = "version du règlement"
        verbose_name_plural = "versions du règlement"
        ordering = ["call", "number"]
        constraints = [
            models.UniqueConstraint(fields=["call", "number"], name="calls_rulesversion_number_unique"),
            models.UniqueConstraint(fields=["call", "effective_at"], name="calls_rulesversion_instant_unique"),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class AxisTerms(models.Model):
    """The money terms of an axis in one version of the rules."""

    rules_version = models.ForeignKey(
        RulesVersion, on_delete=models.PROTECT, related_name="terms", verbose_name="version du règlement"
    )
    axis = models.ForeignKey(Axis, on_delete=models.PROTECT, related_name="terms", verbose_name="axe")
    aid_rate = models.DecimalField(
        "taux maximal d’aide",
        max_digits=5,
        decimal_places=4,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Entre 0 et 1\u00a0: 0,5 pour 50\u00a0%.",
    )
    amount_min = models.DecimalField("aide minimale, en euros", max_digits=14, decimal_places=2, null=True, blank=True)
    amount_max = models.DecimalField("aide maximale, en euros", max_digits=14, decimal_places=2, null=True, blank=True)
    flat_amount = models.DecimalField("forfait, en euros", max_digits=14, decimal_places=2, null=True, blank=True)
    excluded_categories = models.JSONField("dépenses exclues", default=list, blank=True)
    # CGCT L1111-10 III: the authority brings 20 % of public financing, for investment only.
    requires_own_share = models.BooleanField("participation minimale de 20 %", default=True)
    source = models.CharField("référence", max_length=200)

    class Meta:
        verbose_name = "conditions de l’axe"
        verbose_name_plural = "conditions des axes"
        constraints = [
            models.UniqueConstraint(fields=["rules_version", "axis"], name="calls_axisterms_unique"),
            models.CheckConstraint(
                condition=Q(aid_rate__gte=0) & Q(aid_rate__lte=1), name="calls_axisterms_rate_between_0_and_1"
            ),
            models.CheckConstraint(
                condition=(Q(amount_min__isnull=True) | Q(amount_min__gt=0))
                & (Q(amount_max__isnull=True) | Q(amount_max__gt=0))
                & (Q(flat_amount__isnull=True) | Q(flat_amount__gt=0)),
                name="calls_axisterms_amounts_positive",
                violation_error_message="Un montant est supérieur à zéro, ou absent.",
            ),
            models.CheckConstraint(
                condition=Q(amount_min__isnull=True) | Q(amount_max__isnull=True) | Q(amount_min__lte=F("amount_max")),
                name="calls_axisterms_amounts_in_order",
                violation_error_message="L’aide minimale ne dépasse pas l’aide maximale.",
            ),
            models.CheckConstraint(
                condition=Q(is_list("excluded_categories")) & Q(excluded_categories__contained_by=CostCategory.values),
                name="calls_axisterms_exclusions_known",
                violation_error_message="Les dépenses exclues sont des catégories de dépenses connues.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.axis}, {self.rules_version}"

    def clean(self) -> None:
        """The axis and the version are of one call; what is excluded are categories of cost, each once. These terms are
        written once: what is not understood would stay."""
        same_call(self)
        codes = self.excluded_categories
        known = isinstance(codes, list) and all(isinstance(code, str) and code in CostCategory.values for code in codes)
        if not known or len(set(codes)) < len(codes):
            raise ValidationError({"excluded_categories": "Choisissez parmi les catégories de dépenses."})

    def excluded_labels(self) -> list[str]:
        """French labels of the cost categories that the axis does not pay."""
        return [str(CostCategory(code).label) for code in self.excluded_categories]


class EligibilityRule(models.Model):
    """One rule, as data: ``kind`` names the class that evaluates it, ``parameters`` its figures."""

    rules_version = models.ForeignKey(
        RulesVersion, on_delete=models.PROTECT, related_name="eligibility_rules", verbose_name="version du règlement"
    )
    axis = models.ForeignKey(Axis, on_delete=models.PROTECT, related_name="eligibility_rules", verbose_name="axe")
    position = models.PositiveSmallIntegerField("ordre")
    kind = models.CharField("règle", max_length=24, choices=RuleKind.choices)
    parameters = models.JSONField("paramètres", default=dict, blank=True)
    source = models.CharField("source", max_length=250)

    class Meta:
        verbose_name = "règle d’éligibilité"
        verbose_name_plural = "règles d’éligibilité"
        ordering = ["rules_version", "axis", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["rules_version", "axis", "position"], name="calls_eligibilityrule_position_unique"
            )
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    def clean(self) -> None:
        """Parameters that the rule's class refuses are refused here, in French; so is the axis of another call."""
        from calls.eligibility.rules import InvalidParameters, build

        if "\\u0000" in json.dumps(self.parameters):
            raise ValidationError({"parameters": "Un paramètre contient un caractère interdit."})
        try:
            build(self.kind, self.parameters)
        except InvalidParameters as error:
            raise ValidationError({"parameters": str(error)}) from error
        same_call(self)


class Question(models.Model):
    """A question of the dossier, per axis and version of the rules."""

    rules_version = models.ForeignKey(
        RulesVersion, on_delete=models.PROTECT, related_name="questions", verbose_name="version du règlement"
    )
    axis = models.ForeignKey(Axis, on_delete=models.PROTECT, related_name="questions", verbose_name="axe")
    position = models.PositiveSmallIntegerField("ordre")
    code = models.SlugField("code", max_length=40)
    label = models.CharField("question", max_length=250)
    help_text = models.CharField("aide", max_length=400, blank=True)
    kind = models.CharField("nature", max_length=8, choices=QuestionKind.choices, default=QuestionKind.TEXT)
    choices = models.JSONField("choix", default=list, blank=True)
    is_required = models.BooleanField("obligatoire", default=True)
    max_length = models.PositiveIntegerField("longueur maximale", default=3000)

    class Meta:
        verbose_name = "question"
        verbose_name_plural = "questions"
        ordering = ["rules_version", "axis", "position"]
        constraints = [
            models.UniqueConstraint(fields=["rules_version", "axis", "code"], name="calls_question_code_unique"),
            models.CheckConstraint(
                condition=Q(is_list("choices"))
                & (Q(kind=QuestionKind.CHOICE) & ~Q(choices=[]) | ~Q(kind=QuestionKind.CHOICE) & Q(choices=[])),
                name="calls_question_choices_of_a_choice",
                violation_error_message="Un choix unique a des réponses possibles, et lui seul.",
            ),
            models.CheckConstraint(
                condition=Q(max_length__gt=0),
                name="calls_question_max_length_positive",
                violation_error_message="La longueur maximale est d’au moins un caractère.",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        """The axis and the version are of one call; choices where there are some to make, and there only."""
        same_call(self)
        if self.code in RESERVED_CODES:
            raise ValidationError({"code": "Ce code sert déjà à la page des questions : choisissez-en un autre."})
        choices = self.choices
        if not are_texts(choices) or not all(choices) or len(set(choices)) < len(choices):
            raise ValidationError({"choices": "Écrivez un choix par ligne, chacun une fois."})
        if (self.kind == QuestionKind.CHOICE) != bool(choices):
            raise ValidationError({"choices": "Écrivez les réponses possibles d’un choix unique, et de lui seul."})


class ScoringGrid(models.Model):
    """The weighted grid of an axis; marks go from 0 to ``maximum``."""

    axis = models.ForeignKey(Axis, on_delete=models.PROTECT, related_name="grids", verbose_name="axe")
    version = models.PositiveSmallIntegerField("version", default=1)
    maximum = models.PositiveSmallIntegerField("note maximale", default=5)
    # Beyond this gap, in points out of 20 between two jurors, a third mark is asked for.
    third_juror_gap = models.DecimalField(
        "écart appelant un troisième juré, sur 20", max_digits=4, decimal_places=2, default=5
    )
    jurors_per_dossier = models.PositiveSmallIntegerField("jurés par dossier", default=2)
    quorum_share = models.DecimalField(
        "quorum (part des membres)",
        max_digits=3,
        decimal_places=2,
        default="0.50",
        help_text="Entre 0 et 1\u00a0: 0,5 pour la moitié.",
    )

    class Meta:
        verbose_name = "grille de notation"
        verbose_name_plural = "grilles de notation"
        constraints = [
            models.UniqueConstraint(fields=["axis", "version"], name="calls_scoringgrid_version_unique"),
            models.CheckConstraint(
                condition=Q(maximum__gt=0) & Q(jurors_per_dossier__gt=0),
                name="calls_scoringgrid_figures_positive",
                violation_error_message="La note maximale et le nombre de jurés sont d’au moins 1.",
            ),
            models.CheckConstraint(
                condition=Q(quorum_share__range=(0, 1)) & Q(third_juror_gap__range=(0, 20)),
                name="calls_scoringgrid_figures_in_range",
                violation_error_message="Le quorum est une part entre 0 et 1, l’écart est entre 0 et 20 points.",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class Criterion(models.Model):
    grid = models.ForeignKey(
        ScoringGrid, on_delete=models.PROTECT, related_name="criteria", verbose_name="grille de notation"
    )
    code = models.SlugField("code", max_length=40)
    position = models.PositiveSmallIntegerField("ordre")
    label = models.CharField("critère", max_length=200)
    weight = models.PositiveSmallIntegerField("poids")
    eliminatory_below = models.PositiveSmallIntegerField("éliminatoire au-dessous de", null=True, blank=True)
    descriptors = models.JSONField("description de chaque note", default=list)

    class Meta:
        verbose_name = "critère"
        verbose_name_plural = "critères"
        ordering = ["grid", "position"]
        constraints = [
            models.UniqueConstraint(fields=["grid", "code"], name="calls_criterion_code_unique"),
            models.CheckConstraint(condition=Q(weight__gt=0), name="calls_criterion_weight_positive"),
            models.CheckConstraint(
                condition=Q(is_list("descriptors")),
                name="calls_criterion_descriptors_list",
                violation_error_message="Les descriptions des notes sont une liste de textes.",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        """A text for each mark at most, and no threshold above the marks: a grid is written once."""
        maximum = getattr(getattr(self, "grid", None), "maximum", None)
        if not are_texts(self.descriptors) or (maximum is not None and len(self.descriptors) > maximum + 1):
            told = "Écrivez une description par note, de 0 à la note maximale, une par ligne."
            raise ValidationError({"descriptors": told})
        if maximum is not None and self.eliminatory_below is not None and self.eliminatory_below > maximum:
            raise ValidationError({"eliminatory_below": "Ce seuil dépasse la note maximale de la grille."})


class Mandate(Checked):
    """Who may act, in which role, on which axis and territory, from when to when."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="mandates", verbose_name="personne"
    )
    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="mandates", verbose_name="appel à projets")
    axis = models.ForeignKey(
        Axis,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="mandates",
        verbose_name="axe",
        help_text="Vide\u00a0: tous les axes.",
    )
    role = models.CharField("rôle", max_length=16, choices=MandateRole.choices)
    departement_code = models.CharField(
        "département",
        max_length=3,
        blank=True,
        help_text="Code à deux ou trois caractères, comme 35 ou 2A. Vide\u00a0: toute la France.",
    )
    region_code = models.CharField("région", max_length=2, blank=True, help_text="Code à deux chiffres, comme 53.")
    organisation_name = models.CharField("organisme d’appartenance", max_length=200, blank=True)
    starts_at = models.DateTimeField("à partir du")
    ends_at = models.DateTimeField("jusqu’au", null=True, blank=True)
    appointed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="désigné par",
    )

    objects = MandateQuerySet.as_manager()

    checks = {"starts_at": within(3), "ends_at": within(10)}

    class Meta:
        verbose_name = "mandat"
        verbose_name_plural = "mandats"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                # Both at the same instant: cancelled before it began, never in force.
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
                name="calls_mandate_dates_in_order",
                violation_error_message="La fin du mandat ne peut pas précéder son début.",
            )
        ]
        indexes = [models.Index(fields=["user", "role"], name="calls_mandate_user_role")]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()}"

    def clean(self) -> None:
        """The territory exists, and the role is one that a territory limits."""
        self.departement_code, self.region_code = self.departement_code.strip().upper(), self.region_code.strip()
        if found := obstacles(role=self.role, departement=self.departement_code, region=self.region_code):
            raise ValidationError(found)

    @property
    def is_cancelled(self) -> bool:
        """Whether it was withdrawn before it began: it never gave a right."""
        return self.ends_at == self.starts_at
