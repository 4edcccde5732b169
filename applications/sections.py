"""The sections of a dossier, in the order of the side menu: what each one writes."""

from dataclasses import dataclass
from datetime import date

from dateutil.relativedelta import relativedelta

# A year typed wrong: no project that is aided lasts as long, begins before the site existed, or ends after its readers.
LONGEST_PROJECT = relativedelta(years=10)
POSSIBLE_YEARS = range(2000, 2100)


def fault_of_dates(starts_on: date | None, ends_on: date | None) -> tuple[str, str]:
    """What is wrong with the dates of a project: (sentence in French, field), empty when nothing is or a date is missing."""
    for field, day in (("starts_on", starts_on), ("ends_on", ends_on)):
        if day is not None and day.year not in POSSIBLE_YEARS:
            return f"L’année {day.year} est impossible\u00a0: vérifiez-la.", field
    fault = _fault_of_end(starts_on, ends_on)
    return fault, "ends_on" if fault else ""


def _fault_of_end(starts_on: date | None, ends_on: date | None) -> str:
    if starts_on is None or ends_on is None:
        return ""
    if ends_on < starts_on:
        return "La fin du projet doit suivre son début."
    if ends_on > starts_on + LONGEST_PROJECT:
        return "La fin est à plus de dix ans du début\u00a0: vérifiez l’année."
    return ""


@dataclass(frozen=True)
class Section:
    """``fields`` are columns of the dossier, ``rows`` the related lines that the section replaces as a whole."""

    slug: str
    number: int
    title: str
    hint: str
    fields: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


SECTIONS = (
    Section(
        "collectivite",
        1,
        "Collectivité et contacts",
        "Qui dépose, qui signera, qui appeler en cas de question, et sur quel compte verser l’aide.",
        fields=(
            "siret",
            "seat_address",
            "representative_name",
            "representative_title",
            "representative_email",
            "contact_name",
            "contact_email",
            "contact_phone",
            "bank_holder",
            "iban",
            "bic",
        ),
    ),
    Section(
        "projet",
        2,
        "Projet",
        "En quelques phrases simples\u00a0: ce que vous voulez faire, où, et pour qui.",
        fields=("title", "theme", "summary", "place", "has_prior_authorisation"),
    ),
    Section(
        "depenses",
        3,
        "Dépenses",
        "Une ligne par dépense, telle qu’elle figure sur vos devis.",
        fields=("tax_basis",),
        rows=("cost_lines",),
    ),
    Section(
        "financement",
        4,
        "Financement",
        "L’aide que vous demandez, et tout ce qui paie le reste. Le total doit égaler vos dépenses.",
        fields=("amount_requested", "own_share_derogation"),
        rows=("funding_lines", "beneficiaries"),
    ),
    Section(
        "calendrier",
        5,
        "Calendrier et indicateurs",
        "Quand le projet commence et finit, et à quoi vous verrez qu’il a réussi.",
        fields=("starts_on", "ends_on", "first_commitment_on"),
        rows=("milestones", "indicators"),
    ),
    Section("questions", 6, "Questions", "Les questions que le jury se posera en lisant votre dossier."),
    Section("pieces", 7, "Pièces", "Les documents à joindre, un par un."),
    Section("depot", 8, "Attestation et dépôt", "Une dernière relecture, puis le dépôt."),
)
BY_SLUG = {section.slug: section for section in SECTIONS}


def section_after(slug: str) -> Section | None:
    """The next section of the menu, or None after the last one."""
    number = BY_SLUG[slug].number
    return SECTIONS[number] if number < len(SECTIONS) else None
