"""What a dossier still lacks, each gap with the place where it is filled."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from applications.enums import AttachmentKind
from applications.financing import Assessment, assess, plan_of
from applications.models import Application
from applications.rules import answers_by_code, asks_prior_authorisation, questions_of, rules_of, terms_of
from calls.models import RulesVersion
from core.models import FileScan
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
    """A gap: what to do, and the address where it is done. ``section`` is the slug of that section."""

    label: str
    url: str
    section: str


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
    return sorted(
        (
            Missing(label, reverse("application_section", args=[application.pk, section]), section)
            for section, label in gaps
        ),
        key=lambda gap: order.index(gap.section),
    )


def assessment_of(application: Application, at: datetime) -> Assessment:
    """Totals, rates and findings of the stored plan, under the rules that apply to the dossier."""
    return assess(plan_of(application, terms_of(application, rules_of(application, at))))


def required_attachments(application: Application) -> list[AttachmentKind]:
    """Documents without which the dossier cannot be filed."""
    kinds = [AttachmentKind.DELIBERATION, AttachmentKind.BANK_DETAILS]
    return [*kinds, AttachmentKind.MANDATE] if application.grouping_id else kinds


def _missing_columns(application: Application, rules: RulesVersion) -> list[tuple[str, str]]:
    gaps = [
        (section, f"Indiquez {label}") for name, section, label in REQUIRED if getattr(application, name) in (None, "")
    ]
    if application.theme_id is None and application.axis.themes.exists():
        gaps.append(("projet", "Choisissez le thème du projet"))
    if application.has_prior_authorisation is None and asks_prior_authorisation(application, rules):
        gaps.append(("projet", "Dites si vous avez obtenu l’habilitation préalable"))
    return gaps


def _missing_rows(application: Application) -> list[tuple[str, str]]:
    gaps = []
    if not application.cost_lines.exists():
        gaps.append(("depenses", "Ajoutez au moins une dépense"))
    shares = list(application.beneficiaries.all())
    if application.grouping_id and sum(row.share for row in shares) != application.amount_requested:
        gaps.append(("financement", "Répartissez l’aide demandée entre les membres du groupement, au centime près"))
    return gaps


def _problems_of_plan(application: Application, rules: RulesVersion) -> list[tuple[str, str]]:
    found = assess(plan_of(application, terms_of(application, rules)))
    return [(finding.section, finding.message) for finding in found.blocking]


def _problems_of_dates(application: Application, at: datetime) -> list[tuple[str, str]]:
    from django.utils import timezone

    received = timezone.localtime(application.submitted_at or at).date()
    gaps = []
    if application.starts_on is not None and application.starts_on < received:
        gaps.append(
            (
                "calendrier",
                f"Le projet commence le {paris_date(application.starts_on)}, avant la demande\u00a0: il ne peut pas avoir "
                "commencé avant le jour du dépôt (décret n° 2018-514, art. 5)",
            )
        )
    started = application.first_commitment_on
    if started is not None and started < received:
        gaps.append(
            (
                "calendrier",
                "Un premier acte juridique (bon de commande, marché signé) est antérieur au dépôt de la demande\u00a0: "
                "le projet ne peut pas avoir commencé avant (décret n° 2018-514, art. 5)",
            )
        )
    return gaps


def _missing_answers(application: Application, rules: RulesVersion) -> list[tuple[str, str]]:
    given = answers_by_code(application)
    return [
        ("questions", f"Répondez à la question «\u00a0{question.label}\u00a0»")
        for question in questions_of(application, rules)
        if question.is_required and not given.get(question.code, "").strip()
    ]


def _missing_attachments(application: Application) -> list[tuple[str, str]]:
    joined = application.attachments.filter(removed_at__isnull=True)
    # A file found infected after it was joined is no document.
    infected = joined.filter(file__scans__verdict=FileScan.Verdict.INFECTED).values("pk")
    present = set(joined.exclude(pk__in=infected).values_list("kind", flat=True))
    return [
        ("pieces", f"Joignez la pièce «\u00a0{kind.label}\u00a0»")
        for kind in required_attachments(application)
        if kind.value not in present
    ]
