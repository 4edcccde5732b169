"""A convention as people read it: where it stands, what comes next, its history, and what a verification says."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.urls import reverse

from accounts.models import User
from applications.bank import shown_iban
from conventions.act_dates import dates_explained
from conventions.document import verification_address
from conventions.enums import BatchState, RevisionKind
from conventions.enums import ConventionState as State
from conventions.models import Convention
from conventions.services.verification import DocumentVerdict
from conventions.workflow import CONVENTION
from core.components import states
from core.models import JournalEntry
from core.money import NBSP, euros
from core.signing.report import SignatureKind, SignatureReport, Verdict
from core.templatetags.guichet import paris_date, paris_datetime

APPLICANT = "applicant"
SERVICE = "service"
states.register(
    {
        State.PENDING.value: "new",
        State.SEALED.value: "info",
        State.BENEFICIARY_SIGNED.value: "info",
        State.SIGNED.value: "success",
        State.PAID.value: "success",
        BatchState.RUNNING.value: "info",
        BatchState.DONE.value: "success",
    }
)
STEPS = (
    "Rédaction et cachet de l’État",
    "Signature de la collectivité",
    "Signature de l’État",
    "Versement",
    "Comptes rendus",
)
STEP_OF = {State.PENDING: 1, State.SEALED: 2, State.BENEFICIARY_SIGNED: 3, State.SIGNED: 4, State.PAID: 5}
ACTS = {
    "convention.open": "Convention numérotée, crédits réservés",
    "convention.seal": "Document rédigé et revêtu du cachet de l’État",
    "convention.sign_for_beneficiary": "Signée par le représentant légal",
    "convention.sign_for_state": "Signée pour l’État, crédits engagés, convention notifiée",
    "convention.signing_failed": "Signature abandonnée",
    "convention.pay": "Subvention versée",
    "convention.report": "Compte rendu envoyé",
    "convention.repayment_notified": "Reversement envisagé, observations demandées",
    "convention.repayment_answered": "Observations de la collectivité reçues",
    "convention.repayment_decided": "Décision prise sur le reversement",
    "convention.repayment_received": "Reversement encaissé",
}
OWN_ACTS = {
    "convention.sign_for_beneficiary",
    "convention.sign_for_state",
    "convention.signing_failed",
    "convention.report",
    "convention.repayment_answered",
}
# What a person does by signing, for one party or the other.
SIGNING_ACTS = {"sign_for_beneficiary", "sign_for_state"}
_TONES = {"convention.sign_for_state": "success", "convention.pay": "success", "convention.signing_failed": "error"}


@dataclass(frozen=True)
class Step:
    """Arguments of the component « stepper »."""

    current: int
    total: int
    title: str
    next_title: str
    next_action: str


def next_step_of(convention: Convention, audience: str, *, is_mine_to_sign: bool) -> str:
    """What follows and who acts, said to the reader when it is up to them."""
    if not is_mine_to_sign:
        return CONVENTION.next_step(convention.state, audience)
    if convention.state == State.BENEFICIARY_SIGNED:
        return f"Lisez la convention, puis signez-la{NBSP}: votre signature engage les crédits."
    return "Lisez la convention, puis signez-la. L’État signera ensuite."


def step_of(convention: Convention, audience: str, *, is_mine_to_sign: bool = False) -> Step:
    """Where the convention stands, what follows and who acts."""
    current = STEP_OF[State(convention.state)]
    return Step(
        current=current,
        total=len(STEPS),
        title=STEPS[current - 1],
        next_title=STEPS[current] if current < len(STEPS) else "",
        next_action=next_step_of(convention, audience, is_mine_to_sign=is_mine_to_sign),
    )


def summary_of(convention: Convention, audience: str) -> list[dict[str, Any]]:
    """What the convention says, as the component « summary_list » takes it; agents read the account masked."""
    data = convention.data
    beneficiary, project = data["beneficiary"], data["project"]
    bank = shown_iban(data["bank"]["iban"], masked=audience != APPLICANT)
    siret = f"{data['siret']} (fictif)" if beneficiary["siret_is_fictitious"] else data["siret"]
    rows = [
        ("Projet", project["title"]),
        ("Bénéficiaire", f"{beneficiary['name']}, SIRET {siret}"),
        (
            "Représentant légal",
            ", ".join(filter(None, [beneficiary["representative"], beneficiary["representative_title"]])),
        ),
        ("Axe", data["axis_title"]),
        ("Subvention", f"{euros(convention.amount)} ({data['amount_in_words']})"),
        ("Coût éligible", f"{_amount(data['costs']['eligible'])}, {data['costs']['basis']}"),
        ("Calendrier du projet", f"du {_day(project['starts_on'])} au {_day(project['ends_on'])}"),
        ("Compte à créditer", bank),
    ]
    if len(data["beneficiaries"]) > 1:
        parts = " ; ".join(f"{row['name']}{NBSP}: {_amount(row['amount'])}" for row in data["beneficiaries"])
        rows.insert(5, ("Répartition", parts))
    if convention.commitment_number:
        rows.append(("Engagement juridique (EJ)", convention.commitment_number))
    return [{"term": term, "description": description or "Non renseigné"} for term, description in rows]


def _amount(text: str) -> str:
    return euros(Decimal(text))


def _day(text: str | None) -> str:
    return paris_date(date.fromisoformat(text)) if text else "—"


def revisions_of(convention: Convention) -> list[dict[str, Any]]:
    """Each version of the document with its evidence, oldest first; every one begins with the bytes before it."""
    rows = convention.revisions.exclude(kind=RevisionKind.RENDERED).select_related("signed_by").order_by("id")
    return [
        {
            "label": str(RevisionKind(row.kind).label),
            "who": str(row.signed_by) if row.signed_by else convention.data["call"]["steward"],
            "sha256": row.sha256,
            "size": row.size,
            "level": row.level,
            "at": row.timestamped_at,
        }
        for row in rows
    ]


def timeline_of(convention: Convention, audience: str) -> list[dict[str, Any]]:
    """What happened, latest first. Beneficiaries read the names of those who signed, and of their own side."""
    rows = list(JournalEntry.objects.filter(chain=convention.chain(), action__in=ACTS).order_by("-number"))
    people = User.objects.in_bulk({row.actor_id for row in rows if row.actor_id})
    return [
        {
            "at": row.at,
            "title": ACTS[row.action],
            "by": _actor(row, people, audience),
            "detail": _detail(row, audience),
            "tone": _TONES.get(row.action, ""),
        }
        for row in rows
    ]


def _actor(row: JournalEntry, people: dict[int, User], audience: str) -> str:
    if row.actor_id is None:
        return "Automatique"
    if audience == APPLICANT and (row.action not in OWN_ACTS or _is_failure_of_the_state(row)):
        return "Le ministère"
    return str(people.get(row.actor_id, f"Personne n°{NBSP}{row.actor_id}"))


def _is_failure_of_the_state(row: JournalEntry) -> bool:
    """The signature of the ministry that did not succeed: who tried, and what the ledger answered, are its own."""
    return row.action == "convention.signing_failed" and row.data.get("kind") == RevisionKind.STATE


def _detail(row: JournalEntry, audience: str) -> str:
    if audience == APPLICANT and _is_failure_of_the_state(row):
        return ""
    if row.action == "convention.pay":
        return f"{_amount(row.data['amount'])}, référence {row.data['reference']}"
    return row.reason


def verification_of(convention: Convention) -> dict[str, str]:
    """Where anyone verifies this document, and the code that opens the page."""
    return {"url": verification_address(convention), "code": convention.verification_code}


# ---------------------------------------------------------------- verification

TITLES = {
    Verdict.PASSED: ("success", "Document authentique"),
    Verdict.INDETERMINATE: ("warning", "Nous ne pouvons pas nous prononcer"),
    Verdict.FAILED: ("error", "Document refusé"),
}
CONCLUSIONS = {
    Verdict.PASSED: "Ce fichier est bien celui que ce site a établi. Il n’a pas été modifié.",
    Verdict.INDETERMINATE: "Rien ne prouve que ce fichier soit faux, mais rien n’établit qu’on puisse s’y fier.",
    Verdict.FAILED: "Ne vous fiez pas à ce fichier. Demandez-en un autre à la personne qui vous l’a remis, ou à l’administration.",
}
LABELS = {
    Verdict.PASSED: "Valide",
    Verdict.INDETERMINATE: "À confirmer",
    Verdict.FAILED: "Non valable",
}
KINDS = {
    SignatureKind.SEAL: "Cachet électronique",
    SignatureKind.SIGNATURE: "Signature électronique",
    SignatureKind.DOCUMENT_TIMESTAMP: "Horodatage du document",
}
LEVELS = {
    "B-B": "PAdES B-B (signature seule)",
    "B-T": "PAdES B-T (signature horodatée)",
    "B-LT": "PAdES B-LT (horodatée, avec de quoi vérifier plus tard)",
    "B-LTA": "PAdES B-LTA (horodatée, archivable)",
}


def verdict_shown(verdict: DocumentVerdict) -> dict[str, Any]:
    """Context of the page of a verdict. Facts of the convention are shown only where the file, or the code, proves
    that the reader has the document."""
    tone, title = TITLES[verdict.verdict]
    if verdict.is_superseded and verdict.verdict != Verdict.FAILED:
        title = "Version antérieure d’un document authentique"
    conclusion = CONCLUSIONS[verdict.verdict]
    if verdict.is_ours_unsigned:
        tone, title, conclusion = "info", "Document de ce site, sans cachet", CONCLUSIONS[Verdict.PASSED]
    known = verdict.convention if verdict.verdict != Verdict.FAILED else None
    sentences = [text for text in verdict.sentences if text != verdict.stage]
    return {
        "tone": tone,
        "title": title,
        "conclusion": conclusion,
        "stage": verdict.stage,
        "sentences": sentences,
        "is_superseded": verdict.is_superseded,
        "is_upload": verdict.is_upload,
        "sha256": verdict.sha256,
        "rows": _proved_facts(known) if known else [],
        "dates": dates_explained(known, sha256=verdict.sha256) if known else [],
        "signatures": [_signature(item) for item in (verdict.report.signatures if verdict.report else ())],
        "empty": _still_to_sign(verdict),
    }


def _proved_facts(convention: Convention) -> list[dict[str, str]]:
    data = convention.data
    rows = [
        ("Numéro", convention.number),
        ("Bénéficiaire", data["beneficiary"]["name"]),
        ("Projet", data["project"]["title"]),
        ("Subvention", euros(convention.amount)),
        ("Attribuée par", data["call"]["steward"]),
    ]
    return [{"term": term, "description": description} for term, description in rows]


def _still_to_sign(verdict: DocumentVerdict) -> list[str]:
    names = {"beneficiary": "le bénéficiaire", "state": "l’État"}
    empty = verdict.report.empty_fields if verdict.report else ()
    return [names[name] for name in empty if name in names]


def _signature(item: SignatureReport) -> dict[str, Any]:
    tone = {Verdict.PASSED: "success", Verdict.INDETERMINATE: "warning", Verdict.FAILED: "error"}[item.verdict]
    who = ", ".join(dict.fromkeys(filter(None, [item.signer_name, item.unit or item.organisation])))
    if item.signed_at is None:
        when = "Date non indiquée"
    elif not item.is_intact:
        when = f"{paris_datetime(item.signed_at)}, ce qui ne prouve rien d’un contenu modifié"
    elif item.is_time_proved:
        when = f"{paris_datetime(item.signed_at)}, date prouvée par l’horodatage de {item.time_authority}"
    else:
        when = f"{paris_datetime(item.signed_at)}, date seulement déclarée par le signataire"
    level = LEVELS.get(item.level if item.is_intact else "", "Aucun niveau établi")
    rows = [
        ("Par" if item.kind != SignatureKind.SEAL else "Au nom de", who or "Inconnu"),
        ("Le", when),
        ("Niveau", f"{level}. {item.level_evidence}".strip() if item.level and item.is_intact else level),
        ("Contenu", _content(item)),
        (
            "Certificat",
            f"délivré par {item.issuer or 'une autorité inconnue'}, {'reconnu' if item.is_trusted else 'non reconnu'}",
        ),
    ]
    return {
        "title": KINDS[item.kind],
        "tone": tone,
        "label": LABELS[item.verdict],
        "sentences": [found.sentence for found in item.findings],
        "rows": [{"term": term, "description": description} for term, description in rows],
    }


def _content(item: SignatureReport) -> str:
    if not item.is_intact:
        return "modifié depuis la signature"
    if {found.code for found in item.findings} & {"partial_coverage", "changed_after"}:
        return "ce qui a été signé est intact, mais le fichier a été changé autour"
    return "inchangé depuis cette date"


def document_url(convention: Convention) -> str:
    """Address of the bytes that both parties keep."""
    return reverse("convention_document", args=[convention.number])
