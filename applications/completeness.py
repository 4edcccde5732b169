"""What a dossier still lacks, each gap with the place where it is filled."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.urls import reverse

from applications.enums import AttachmentKind
from applications.financing import Assessment, assess, plan_of
from applications.models import Application
from applications.rules import answers_by_code, asks_prior_authorisation, questions_of, rules_of, terms_of
from calls.models import RulesVersion
from core.models import FileScan
from core.money import euros
from core.templatetags.guichet import paris_date

# Columns that must be filled, with the section that holds them (décret 2018-514, art. 3; arrêté du 21 août 2018).
REQUIRED: tuple[tuple[str, str, str], ...] = (
    ("siret", "collectivite", "le SIRET de votre collectivité"),
    ("seat_address", "collectivite", "l’adresse du siège"),
    ("representative_name", "collectivite", "le nom du représentant légal"),
    ("representative_title", "collectivite", "la qualité du représentant légal (maire, président…)"),
    ("representative_email", "collectivite", "le courriel du représentant légal"),
    ("contact_name", "collectivite", "le nom de la personne à contacter"),
    ("contact_email", "collectivite", "le courriel de la personne à contacter"),
    ("bank_holder", "collectivite", "le titulaire du compte bancaire"),
    ("iban", "collectivite", "l’IBAN du compte"),
    ("title", "projet", "l’intitulé du projet"),
    ("summary", "projet", "la description du projet"),
    ("place", "projet", "le lieu de réalisation"),
    ("tax_basis", "depenses", "si les montants sont HT ou TTC"),
    ("amount_requested", "financement", "le montant de l’aide demandée"),
    ("starts_on", "calendrier", "la date de début du projet"),
    ("ends_on", "calendrier", "la date de fin du projet"),
)


@dataclass(frozen=True)
class Missing:
    """A gap, or what is stated and cannot be filed (``is_wrong``): what to do, and the address where it is done.

    ``section`` is the slug of its section; ``field``, in its form, where it is filled; ``topic`` names that in a few words.
    """

    label: str
    section: str
    application_id: UUID
    field: str = ""
    topic: str = ""
    is_wrong: bool = False

    @property
    def anchor(self) -> str:
        """Where on the page of the section: the field, or its totals."""
        return f"id_{self.field}" if self.field else "totaux-titre" if self.is_wrong else ""

    @property
    def url(self) -> str:
        address = reverse("application_section", args=[self.application_id, self.section])
        return f"{address}#{self.anchor}" if self.anchor else address


def missing_items(application: Application, at: datetime) -> list[Missing]:
    """All that stops the dossier at ``at``, in the order of the sections. Empty when it may be filed."""
    rules = rules_of(application, at)
    gaps = [
        *_missing_columns(application, rules),
        *_missing_rows(application),
        *_problems_of_plan(application, rules),
        *_problems_of_dates(application, at),
        *_missing_answers(application, rules),
        *_missing_attachments(application),
    ]
    order = ("collectivite", "projet", "depenses", "financement", "calendrier", "questions", "pieces")
    return sorted(gaps, key=lambda gap: order.index(gap.section))


def assessment_of(application: Application, at: datetime) -> Assessment:
    """Totals, rates and findings of the stored plan, under the rules that apply to the dossier."""
    return assess(plan_of(application, terms_of(application, rules_of(application, at))))


def required_attachments(application: Application) -> list[AttachmentKind]:
    """Documents without which the dossier cannot be filed."""
    kinds = [AttachmentKind.DELIBERATION, AttachmentKind.BANK_DETAILS]
    return [*kinds, AttachmentKind.MANDATE] if application.grouping_id else kinds


def _missing_columns(application: Application, rules: RulesVersion) -> list[Missing]:
    gaps = [
        Missing(f"Indiquez {label}", section, application.pk, name)
        for name, section, label in REQUIRED
        if getattr(application, name) in (None, "")
    ]
    if application.theme_id is None and application.axis.themes.exists():
        gaps.append(Missing("Choisissez le thème du projet", "projet", application.pk, "theme"))
    if application.has_prior_authorisation is None and asks_prior_authorisation(application, rules):
        label = "Dites si vous avez obtenu l’habilitation préalable"
        gaps.append(Missing(label, "projet", application.pk, "has_prior_authorisation"))
    return gaps


def _missing_rows(application: Application) -> list[Missing]:
    gaps = []
    if not application.cost_lines.exists():
        gaps.append(Missing("Ajoutez au moins une dépense", "depenses", application.pk, "cost_lines-0-label"))
    shares = list(application.beneficiaries.all())
    if application.grouping_id and sum(row.share for row in shares) != application.amount_requested:
        shared = sum((row.share for row in shares), Decimal(0))
        label = (
            "Répartissez l’aide demandée entre les membres du groupement, au centime près\u00a0: "
            f"{euros(shared)} répartis sur {euros(application.amount_requested or 0)}"
        )
        gaps.append(Missing(label, "financement", application.pk, "beneficiaries-0-share"))
    return gaps


def _problems_of_plan(application: Application, rules: RulesVersion) -> list[Missing]:
    found = assess(plan_of(application, terms_of(application, rules)))
    return [
        Missing(row.message, row.section, application.pk, row.field, row.topic, is_wrong=True) for row in found.blocking
    ]


def _problems_of_dates(application: Application, at: datetime) -> list[Missing]:
    from django.utils import timezone

    received = timezone.localtime(application.submitted_at or at).date()
    gaps = []
    if application.starts_on is not None and application.starts_on < received:
        label = (
            f"Le projet commence le {paris_date(application.starts_on)}, avant la demande\u00a0: il ne peut pas avoir "
            "commencé avant le jour du dépôt (décret n° 2018-514, art. 5)"
        )
        gaps.append(Missing(label, "calendrier", application.pk, "starts_on", "Début du projet", is_wrong=True))
    started = application.first_commitment_on
    if started is not None and started < received:
        label = (
            "Un premier acte juridique (bon de commande, marché signé) est antérieur au dépôt de la demande\u00a0: "
            "le projet ne peut pas avoir commencé avant (décret n° 2018-514, art. 5)"
        )
        gaps.append(
            Missing(label, "calendrier", application.pk, "first_commitment_on", "Premier acte juridique", is_wrong=True)
        )
    return [*gaps, *_milestones_apart(application)]


def _milestones_apart(application: Application) -> list[Missing]:
    start, end = application.starts_on, application.ends_on
    return [
        Missing(
            f"L’étape «\u00a0{row.label}\u00a0», le {paris_date(row.due_on)}, tombe en dehors du projet",
            "calendrier",
            application.pk,
            f"milestones-{position}-due_on",
            "Étapes",
            is_wrong=True,
        )
        for position, row in enumerate(application.milestones.all())
        if (start and row.due_on < start) or (end and row.due_on > end)
    ]


def _missing_answers(application: Application, rules: RulesVersion) -> list[Missing]:
    given = answers_by_code(application)
    return [
        Missing(f"Répondez à la question «\u00a0{question.label}\u00a0»", "questions", application.pk, question.code)
        for question in questions_of(application, rules)
        if question.is_required and not given.get(question.code, "").strip()
    ]


def _missing_attachments(application: Application) -> list[Missing]:
    joined = application.attachments.filter(removed_at__isnull=True)
    # A file found infected after it was joined is no document.
    infected = joined.filter(file__scans__verdict=FileScan.Verdict.INFECTED).values("pk")
    present = set(joined.exclude(pk__in=infected).values_list("kind", flat=True))
    return [
        Missing(f"Joignez la pièce «\u00a0{kind.label}\u00a0»", "pieces", application.pk, "file")
        for kind in required_attachments(application)
        if kind.value not in present
    ]
