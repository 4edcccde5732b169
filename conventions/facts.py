"""The facts of a convention, frozen when it is created: what the text shows and what ``convention.json`` carries.

Décret 2018-514, art. 8: no document is generated with one of its mandatory facts missing.
"""

from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.utils import timezone
from num2words import num2words

from applications import financing
from applications.enums import AttachmentKind
from applications.models import Application
from calls.models import AxisTerms
from core.errors import Refused
from core.money import CENT, NBSP, amount_text
from jury.models import Decision
from territories.models import Organisation

# What art. 8 of the décret asks for, with the words of the refusal.
MANDATORY = {
    "project.title": "l’intitulé du projet",
    "project.starts_on": "la date de début du projet",
    "project.ends_on": "la date de fin du projet",
    "beneficiary.name": "le nom du bénéficiaire",
    "beneficiary.siret": "le SIRET du bénéficiaire",
    "beneficiary.representative": "le représentant légal",
    "costs.total": "le coût du projet",
    "costs.eligible": "le coût éligible",
    "costs.basis": "la base des montants (HT ou TTC)",
    "aid.amount": "le montant de l’aide",
    "aid.rate": "le taux de l’aide",
    "aid.is_flat": "le mode de calcul de l’aide (taux ou forfait)",
    "bank.iban": "les coordonnées bancaires",
}


def amount_in_words(amount: Decimal) -> str:
    """« douze mille trois cents euros et cinquante centimes »"""
    euros, cents = divmod(int(amount * 100), 100)
    parts = []
    if euros or not cents:
        # « un million d’euros »: after a round million French puts « de ».
        joint = " d’euros" if euros and euros % 1_000_000 == 0 else " euro" if euros < 2 else " euros"
        parts.append(_in_words(euros) + joint)
    if cents:
        parts.append(f"{_in_words(cents)} {'centime' if cents == 1 else 'centimes'}")
    return " et ".join(parts)


def _in_words(number: int) -> str:
    return str(num2words(number, lang="fr"))


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
    terms = AxisTerms.objects.filter(rules_version=application.rules_version, axis=application.axis).first()
    if application.rules_version is None or terms is None:
        raise Refused(
            f"La convention du dossier {application.number} ne peut pas être rédigée{NBSP}: "
            "la version du règlement qui s’y applique n’est pas connue."
        )
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
        "rules_version": application.rules_version.number,
        "rules_effective_at": _instant(application.rules_version.effective_at),
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
            "is_flat": terms.flat_amount is not None,
        },
        "bank": {"holder": application.bank_holder, "iban": application.iban, "bic": application.bic},
        "decision": _decision(decision),
        "deliberation": _deliberation(application),
        "population": {
            "vintage": application.vintage_id,
            "inhabitants": application.population,
        },
    }


def _address(application: Application) -> str:
    """The seat as the dossier declares it, else that of the organisation with its postal code."""
    organisation = application.organisation
    town = " ".join(filter(None, [organisation.postal_code, organisation.city]))
    return application.seat_address or ", ".join(filter(None, [organisation.address, town]))


def _beneficiary(application: Application) -> dict[str, Any]:
    organisation = application.organisation
    return {
        "name": organisation.name,
        "kind": organisation.get_kind_display(),
        "siret": application.siret,
        "siret_is_fictitious": organisation.siret_is_fictitious,
        "address": _address(application),
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
    """The split between those who receive something, in the proportions of the dossier, whose sum is the amount to
    the cent: the first takes the cents left by rounding."""
    every = application.beneficiaries.select_related("organisation").order_by("-is_lead", "id")
    rows = [row for row in every if row.share > 0]
    if not rows:
        return [_share(application.organisation, application.siret, amount)]
    asked = sum((row.share for row in rows), Decimal(0))
    shares = [(row.share * amount / asked).quantize(CENT, ROUND_DOWN) for row in rows]
    shares[0] += amount - sum(shares, Decimal(0))
    return [_share(row.organisation, row.organisation.siret, share) for row, share in zip(rows, shares, strict=True)]


def _share(organisation: Organisation, siret: str, amount: Decimal) -> dict[str, Any]:
    return {
        "name": organisation.name,
        "siret": siret,
        "siret_is_fictitious": organisation.siret_is_fictitious,
        "amount": amount_text(amount),
    }


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


def _deliberation(application: Application) -> dict[str, Any] | None:
    """The document that gives the representative the power to sign: the last one joined to the dossier, if any."""
    rows = application.attachments.filter(kind=AttachmentKind.DELIBERATION, removed_at__isnull=True)
    last = rows.select_related("file").order_by("-added_at", "-id").first()
    return None if last is None else {"name": last.file.name, "joined_at": _instant(last.added_at)}


def _decision(decision: Decision) -> dict[str, Any]:
    deliberation = decision.decision_list.deliberation
    return {
        "list": decision.decision_list.number,
        "released_at": _instant(decision.decision_list.released_at),
        "minutes": deliberation.minutes_number,
        "deliberated_at": _instant(deliberation.held_at),
    }
