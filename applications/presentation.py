"""A dossier as people read it: its sheet, its steps, its history. Names of people are resolved here, at display."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.models import User
from applications.bank import shown_iban
from applications.clocks import add_months
from applications.completeness import required_attachments
from applications.enums import ApplicationState as State
from applications.enums import SwornAs
from applications.financing import Assessment, assess, plan_of
from applications.models import Answer, Application, Attachment, CompletionRequest, EligibilityRecord
from applications.rules import questions_of, rules_of, terms_of
from applications.sections import BY_SLUG
from applications.workflow import DECIDE_LATE, DEEMED_REJECTED, WORKFLOW
from calls.eligibility import RuleResult
from calls.eligibility.wording import figures_in_words
from calls.enums import RuleVerdict, Verdict
from calls.models import AxisTerms, RulesVersion
from core.models import JournalEntry
from core.money import NBSP
from core.templatetags.guichet import paris_date

APPLICANT = "applicant"
SERVICE = "service"
TONES = {
    State.SUBMITTED: "info",
    State.ADMISSIBLE: "success",
    State.INADMISSIBLE: "error",
    State.AWARDED: "success",
    State.REFUSED: "error",
    State.COMPLETION_REQUESTED: "warning",
}
VERDICT_TONES = {Verdict.ELIGIBLE: "success", Verdict.NOT_ELIGIBLE: "error", Verdict.UNKNOWN: "warning"}
STEPS = ("Préparation du dossier", "Vérification par le service", "Examen par le jury", "Décision", "Convention")
STEP_OF = {
    State.DRAFT: 1,
    State.SUBMITTED: 2,
    State.COMPLETION_REQUESTED: 2,
    State.INADMISSIBLE: 2,
    State.ADMISSIBLE: 3,
    State.WAITLISTED: 4,
    State.REFUSED: 4,
    State.REDIRECTED: 4,
    State.DEFERRED: 4,
    State.AWARDED: 5,
}
ENDED = {State.INADMISSIBLE, State.REFUSED, State.REDIRECTED, State.DEFERRED, State.WITHDRAWN}
# Acts that are told in a timeline; other rooms write to the same chain what not everybody may read.
ACTS = {
    "application.start": "Brouillon commencé",
    "application.save_section": "Rubrique corrigée",
    "application.confirm_completeness": "Dossier déclaré complet",
    "application.deem_complete": "Dossier réputé complet",
    **{f"application.{row.name}": row.past for row in WORKFLOW.transitions},
}
INTERNAL_REASONS = {"application.declare_admissible"}


@dataclass(frozen=True)
class Step:
    """Arguments of the component « stepper ». ``current`` is 0 for what left the way: a dossier taken back."""

    current: int
    total: int
    title: str
    next_title: str
    next_action: str


@dataclass
class Group:
    """Rows of one section, as the component « summary_list » takes them."""

    slug: str
    title: str
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Sheet:
    """The whole dossier, read only."""

    groups: list[Group]
    costs: list[Any]
    resources: list[Any]
    beneficiaries: list[Any]
    milestones: list[Any]
    indicators: list[Any]
    answers: list[Any]
    attachments: list[Attachment]
    plan: Assessment
    terms: AxisTerms


def step_of(application: Application, at: datetime, audience: str = APPLICANT) -> Step:
    """Where the dossier stands at ``at``, what follows and who acts."""
    current = STEP_OF.get(application.state, 0)
    ended = application.state in ENDED
    return Step(
        current=current,
        total=len(STEPS),
        title=STEPS[current - 1] if current else "",
        next_title="" if ended or current == len(STEPS) else STEPS[current],
        next_action=_next_action(application, at, audience),
    )


def _next_action(application: Application, at: datetime, audience: str) -> str:
    if application.is_overdue(at):
        return DEEMED_REJECTED if audience == APPLICANT else DECIDE_LATE
    return WORKFLOW.next_step(application.state, audience)


def appeal_until(application: Application, at: datetime) -> datetime | None:
    """The end of the time to contest the implicit rejection, two months (CJA R421-2); None where there is none."""
    if application.decision_due_at is None or not application.is_overdue(at):
        return None
    return add_months(application.decision_due_at, 2)


def sheet_of(application: Application, at: datetime, *, shows_bank: bool) -> Sheet:
    """Everything stated in the dossier, in a constant number of queries. Bank details are masked unless asked for."""
    rules = rules_of(application, at)
    terms = terms_of(application, rules)
    return Sheet(
        groups=[_organisation(application, shows_bank), _project(application), _calendar(application)],
        costs=list(application.cost_lines.order_by("position", "id")),
        resources=list(application.funding_lines.order_by("position", "id")),
        beneficiaries=list(application.beneficiaries.select_related("organisation").order_by("-is_lead", "id")),
        milestones=list(application.milestones.order_by("due_on", "id")),
        indicators=list(application.indicators.order_by("position", "id")),
        answers=_answers(application, rules),
        attachments=attachments_of(application),
        plan=assess(plan_of(application, terms)),
        terms=terms,
    )


def _answers(application: Application, rules: RulesVersion) -> list[Answer]:
    """The last answer to each question of these rules, in their order; what they no longer ask is not shown."""
    rows = application.answers.select_related("question").order_by("question__rules_version__number", "pk")
    latest = {row.question.code: row for row in rows}
    return [latest[question.code] for question in questions_of(application, rules) if question.code in latest]


def attachments_of(application: Application) -> list[Attachment]:
    """Documents now in the dossier, with their files."""
    present = application.attachments.filter(removed_at__isnull=True).select_related("file")
    return list(present.order_by("kind", "added_at", "id"))


def missing_kinds(application: Application, attachments: list[Attachment]) -> list[str]:
    """Labels of the required documents that are not there yet."""
    present = {attachment.kind for attachment in attachments}
    return [str(kind.label) for kind in required_attachments(application) if kind.value not in present]


def _row(term: str, description: Any) -> dict[str, Any]:
    return {"term": term, "description": description or "À renseigner"}


def _organisation(application: Application, shows_bank: bool) -> Group:
    organisation = application.organisation
    rows = [
        _row("Collectivité", f"{organisation.name} ({organisation.get_kind_display()})"),
        _row("SIRET", application.siret),
        _row("Adresse", application.seat_address),
        _row("Représentant légal", _person(application.representative_name, application.representative_title)),
        _row("Courriel du représentant", application.representative_email),
        _row("Personne à contacter", _person(application.contact_name, application.contact_phone)),
        _row("Courriel de contact", application.contact_email),
        _row("Titulaire du compte", application.bank_holder),
        _row("IBAN", shown_iban(application.iban, masked=not shows_bank)),
    ]
    if application.grouping:
        rows[0]["term"] = "Chef de file"
        rows[1:1] = [_row("Groupement", application.grouping.name), _row("Autres membres", other_members(application))]
    return Group("collectivite", "Collectivité et contacts", rows)


def other_members(application: Application) -> str:
    """Names of the members of the grouping beside its lead, or nothing for whoever applies alone."""
    if application.grouping is None:
        return ""
    others = application.grouping.members.exclude(pk=application.organisation_id).order_by("search_name", "pk")
    return ", ".join(others.values_list("name", flat=True))


def _person(name: str, detail: str) -> str:
    return ", ".join(part for part in (name, detail) if part)


def _project(application: Application) -> Group:
    rows = [
        _row("Intitulé", application.title),
        _row("Thème", application.theme.label if application.theme else ""),
        _row("Description", application.summary),
        _row("Lieu", application.place),
    ]
    if application.has_prior_authorisation is not None:
        rows.append(_row("Habilitation préalable", "obtenue" if application.has_prior_authorisation else "non obtenue"))
    return Group("projet", "Projet", rows)


def _calendar(application: Application) -> Group:
    rows = [
        _row("Début prévu", application.starts_on and paris_date(application.starts_on)),
        _row("Fin prévue", application.ends_on and paris_date(application.ends_on)),
        {
            "term": "Premier acte juridique",
            "description": paris_date(application.first_commitment_on)
            if application.first_commitment_on
            else "Aucun à ce jour",
        },
    ]
    return Group("calendrier", "Calendrier et indicateurs", rows)


def verdict_of(application: Application) -> dict[str, Any] | None:
    """The verdict kept at filing, as the component of the simulator shows it; None for a draft."""
    record = application.eligibility_records.order_by("evaluated_at", "id").last()
    return None if record is None else _shown(record, application)


def _shown(record: EligibilityRecord, application: Application) -> dict[str, Any]:
    rules = [
        RuleResult(rule["code"], RuleVerdict(rule["verdict"]), rule["message"], rule["source"], rule["figures"])
        for rule in record.rules
    ]
    verdict = Verdict(record.verdict)
    return {
        "axis": f"dossier-{application.axis_id}",
        "title": application.axis.title,
        "label": str(verdict.label).capitalize(),
        "tone": VERDICT_TONES[verdict],
        "rules": [(rule, figures_in_words(rule)) for rule in rules],
        "start_url": "",
    }


def timeline_of(application: Application, audience: str) -> list[dict[str, Any]]:
    """What happened, latest first. Applicants read who acted only on their own side."""
    rows = list(JournalEntry.objects.filter(chain=application.chain, action__in=ACTS).order_by("-number"))
    people = User.objects.in_bulk({row.actor_id for row in rows if row.actor_id})
    return [
        {
            "at": row.at,
            "title": ACTS[row.action],
            "by": _actor(row, people, audience),
            "detail": _detail(row, audience),
            "tone": TONES.get(State(row.to_state), "") if row.to_state else "",
        }
        for row in rows
    ]


def _detail(row: JournalEntry, audience: str) -> str:
    """Why, or what: the section that was corrected, the capacity in which the statement was sworn."""
    if row.reason:
        return "" if audience == APPLICANT and row.action in INTERNAL_REASONS else row.reason
    if row.action == "application.save_section" and (part := BY_SLUG.get(row.data.get("section", ""))):
        return part.title
    if row.action == "application.submit" and row.data.get("sworn_as") in SwornAs.values:
        return f"Attesté en qualité de {SwornAs(row.data['sworn_as']).label}"
    return ""


OWN_ACTS = {
    "application.start",
    "application.save_section",
    "application.submit",
    "application.answer_completion",
    "application.withdraw",
}


def _actor(row: JournalEntry, people: dict[int, User], audience: str) -> str:
    if row.actor_id is None:
        return "Automatique"
    if audience == APPLICANT and row.action not in OWN_ACTS:
        return "Le service instructeur"
    person = people.get(row.actor_id)
    return str(person) if person else f"Personne n°{NBSP}{row.actor_id}"


@dataclass(frozen=True)
class CompletionAnswer:
    """What the applicant sent back, while it waits to be read: the request, the documents joined since."""

    request: CompletionRequest
    attachments: list[Attachment]


def answer_of(application: Application) -> CompletionAnswer | None:
    """The last answer to a request for missing items, until the dossier is judged; None where there was none."""
    if application.state != State.SUBMITTED:
        return None
    request = application.completion_requests.filter(answered_at__isnull=False).order_by("-answered_at").first()
    if request is None:
        return None
    joined = [row for row in attachments_of(application) if row.added_at > request.requested_at]
    return CompletionAnswer(request, joined)


def exchanges_of(application: Application, audience: str) -> list[dict[str, Any]]:
    """Messages of both sides, latest first; the applicant does not read the names of agents."""
    rows = application.exchanges.select_related("author").order_by("-sent_at", "-id")
    return [
        {
            "at": row.sent_at,
            "kind": row.get_kind_display(),
            "by": str(row.author) if row.is_from_applicant or audience == SERVICE else "Le service instructeur",
            "body": row.body,
            "is_from_applicant": row.is_from_applicant,
        }
        for row in rows
    ]
