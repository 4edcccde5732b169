"""The facts of a convention, frozen when it is created: what the text shows and what ``convention.json`` carries.

Décret 2018-514, art. 8: no document is generated with one of its mandatory facts missing.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from num2words import num2words

from applications import financing
from applications.models import Application
from calls.models import AxisTerms
from core.money import amount_text
from jury.models import Decision

# What art. 8 of the décret asks for, with the words of the refusal.
MANDATORY = {
    "project.title": "l'intitulé du projet",
    "project.starts_on": "la date de début du projet",
    "project.ends_on": "la date de fin du projet",
    "beneficiary.name": "le nom du bénéficiaire",
    "beneficiary.siret": "le SIRET du bénéficiaire",
    "beneficiary.representative": "le représentant légal",
    "costs.total": "le coût du projet",
    "costs.eligible": "le coût éligible",
    "costs.basis": "la base des montants (HT ou TTC)",
    "aid.amount": "le montant de l'aide",
    "aid.rate": "le taux de l'aide",
    "bank.iban": "les coordonnées bancaires",
}


def amount_in_words(amount: Decimal) -> str:
    """« douze mille trois cents euros et cinquante centimes »"""
    euros = int(amount)
    cents = int((amount - euros) * 100)
    words = f"{num2words(euros, lang='fr')} {'euro' if euros < 2 else 'euros'}"
    if euros and euros % 1_000_000 == 0:
        # « un million d'euros »: after a round million French puts « de ».
        words = f"{num2words(euros, lang='fr')} d'euros"
    if cents:
        words += f" et {num2words(cents, lang='fr')} {'centime' if cents == 1 else 'centimes'}"
    return words


def missing_facts(data: dict[str, Any]) -> list[str]:
    """The mandatory facts that are absent or empty, in words."""
    return [label for path, label in MANDATORY.items() if _at(data, path) in (None, "", [])]


def _at(data: dict[str, Any], path: str) -> Any:
    value: Any = data
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _day(value: Any) -> str | None:
    return value.isoformat() if value else None


def _instant(value: datetime | None) -> str | None:
    return timezone.localtime(value).isoformat() if value else None


def collect(*, decision: Decision, number: str, reservation_id: str, at: datetime) -> dict[str, Any]:
    """Every fact of the convention as JSON: amounts in euros as text, dates as ISO 8601 in Europe/Paris."""
    application = decision.application
    amount = decision.amount_granted or Decimal(0)
    terms = AxisTerms.objects.get(rules_version=application.rules_version, axis=application.axis)
    money = financing.assess(financing.plan_of(application, terms))
    return {
        "number": number,
        "application": application.number,
        "beneficiary": _beneficiary(application),
        "siret": application.siret,
        "amount": amount_text(amount),
        "amount_in_words": amount_in_words(amount),
        "axis": application.axis.code,
        "axis_title": application.axis.title,
        "rules_version": application.rules_version.number if application.rules_version else None,
        "rules_effective_at": _instant(application.rules_version.effective_at if application.rules_version else None),
        "rules_source": terms.source,
        "reservation": reservation_id,
        "created_at": _instant(at),
        "call": _call(application),
        "project": _project(application),
        "beneficiaries": _shares(application, amount),
        "costs": _costs(application, money),
        "funding": [
            {"kind": line.get_kind_display(), "label": line.label, "amount": amount_text(line.amount)}
            for line in application.funding_lines.all()
        ],
        "aid": {
            "amount": amount_text(amount),
            "requested": amount_text(application.amount_requested or Decimal(0)),
            "rate": f"{(amount / money.eligible_cost):.4f}" if money.eligible_cost else None,
            "rate_ceiling": f"{terms.aid_rate:.4f}",
        },
        "bank": {"holder": application.bank_holder, "iban": application.iban, "bic": application.bic},
        "decision": _decision(decision),
        "population": {
            "vintage": application.vintage_id,
            "inhabitants": application.population,
        },
    }


def _beneficiary(application: Application) -> dict[str, Any]:
    organisation = application.organisation
    return {
        "name": organisation.name,
        "kind": organisation.get_kind_display(),
        "siret": application.siret,
        "siret_is_fictitious": organisation.siret_is_fictitious,
        "address": " ".join(filter(None, [organisation.address, organisation.postal_code, organisation.city])),
        "representative": application.representative_name,
        "representative_title": application.representative_title,
        "grouping": application.grouping.name if application.grouping else None,
    }


def _call(application: Application) -> dict[str, Any]:
    call = application.call
    return {
        "title": call.title,
        "programme": call.programme,
        "steward": call.steward,
        "contact_name": call.contact_name,
        "contact_address": call.contact_address,
        "contact_email": call.contact_email,
        "appeal_court": call.appeal_court,
        "cost_centre": call.cost_centre,
        "functional_domain": call.functional_domain,
        "programming_reference": call.programming_reference,
    }


def _project(application: Application) -> dict[str, Any]:
    return {
        "title": application.title,
        "summary": application.summary,
        "place": application.place,
        "theme": application.theme.label if application.theme else None,
        "starts_on": _day(application.starts_on),
        "ends_on": _day(application.ends_on),
        "received_at": _instant(application.submitted_at),
        "milestones": [
            {"label": milestone.label, "due_on": _day(milestone.due_on)} for milestone in application.milestones.all()
        ],
        "indicators": [
            {"label": indicator.label, "baseline": indicator.baseline, "target": indicator.target}
            for indicator in application.indicators.all()
        ],
    }


def _shares(application: Application, amount: Decimal) -> list[dict[str, Any]]:
    """The split between beneficiaries, scaled to the amount granted; the lead takes the cents left by rounding."""
    rows = list(application.beneficiaries.select_related("organisation").order_by("-is_lead", "id"))
    asked = sum((row.share for row in rows), Decimal(0))
    if not rows or not asked:
        return [{"name": application.organisation.name, "siret": application.siret, "amount": amount_text(amount)}]
    shares = [(row.share * amount / asked).quantize(Decimal("0.01"), rounding="ROUND_DOWN") for row in rows]
    shares[0] += amount - sum(shares, Decimal(0))
    return [
        {"name": row.organisation.name, "siret": row.organisation.siret, "amount": amount_text(share)}
        for row, share in zip(rows, shares, strict=True)
    ]


def _costs(application: Application, money: financing.Assessment) -> dict[str, Any]:
    return {
        "basis": application.get_tax_basis_display() if application.tax_basis else None,
        "total": amount_text(money.total_cost),
        "eligible": amount_text(money.eligible_cost),
        "lines": [
            {
                "label": line.label,
                "category": line.get_category_display(),
                "nature": line.get_nature_display(),
                "amount": amount_text(line.amount),
            }
            for line in application.cost_lines.all()
        ],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    deliberation = decision.decision_list.deliberation
    return {
        "list": decision.decision_list.number,
        "released_at": _instant(decision.decision_list.released_at),
        "minutes": deliberation.minutes_number,
        "deliberated_at": _instant(deliberation.held_at),
    }
