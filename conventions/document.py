"""From a convention's frozen facts and its template's articles to the HTML that is laid out."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from conventions.data.transformation_numerique import ANNEXES
from conventions.merge import fill
from conventions.models import Convention
from core.money import NBSP, euros
from core.pdf.qr import qr_data_uri

FIELD_SEAL = "seal"
FIELD_BENEFICIARY = "beneficiary"
FIELD_STATE = "state"
A_MONTH = timedelta(days=31)
# Règlement (UE) n° 260/2012, art. 5: the IBAN suffices for a credit transfer in euros.
NO_BIC = "non nécessaire pour ce virement"


def verification_address(convention: Convention) -> str:
    """Public page that verifies this document; the code goes along so that a telephone needs no typing."""
    path = reverse("document_verify_number", args=[convention.number])
    return f"{settings.SITE_URL}{path}?code={convention.verification_code}"


def convention_html(convention: Convention) -> str:
    """The whole document, from the frozen facts alone (a demonstration also says that its call is played again)."""
    values = field_values(convention)
    template = convention.template
    return render_to_string(
        "conventions/document/convention.html",
        {
            "number": convention.number,
            "code": convention.verification_code,
            "title": template.title,
            "preamble": fill(template.preamble, values),
            "articles": [
                {"number": article.number, "title": article.title, "body": fill(article.body, values)}
                for article in template.articles.order_by("number")
            ],
            "annexes": [{"number": number, "title": title, "part": part} for number, title, part in ANNEXES],
            "data": shown(convention.data),
            "qr": qr_data_uri(verification_address(convention)),
            "address": verification_address(convention),
            "site": settings.SITE_URL,
            "demonstration": settings.DEMONSTRATION_PKI,
            "replayed_year": replayed_year(convention),
        },
    )


def replayed_year(convention: Convention) -> str:
    """The year that the demonstration plays again, when the award is dated before the month that runs."""
    released_on = date.fromisoformat(convention.data["decision"]["released_at"][:10])
    is_past = timezone.localdate() - released_on > A_MONTH
    return str(released_on.year) if settings.DEMONSTRATION and is_past else ""


def _day(text: str | None) -> str:
    """« 1er septembre 2022 »; an instant is read in Paris, as it was frozen."""
    if not text:
        return "—"
    day = date.fromisoformat(text[:10])
    return f"{'1er' if day.day == 1 else day.day}{NBSP}{date_format(day, 'F Y')}"


def _rate(text: str | None) -> str:
    if text is None:
        return "—"
    number = f"{Decimal(text) * 100:.2f}".rstrip("0").rstrip(".").replace(".", ",")
    return f"{number}{NBSP}%"


def _amount(text: str) -> str:
    return euros(Decimal(text))


def shown(data: dict[str, Any]) -> dict[str, Any]:
    """The facts as they are printed: amounts, dates and rates in French."""
    costs, project = data["costs"], data["project"]
    return {
        **data,
        "amount": _amount(data["amount"]),
        "project": {
            **project,
            "starts_on": _day(project["starts_on"]),
            "ends_on": _day(project["ends_on"]),
            "received_at": _day(project["received_at"]),
            "milestones": [{**row, "due_on": _day(row["due_on"])} for row in project["milestones"]],
        },
        "costs": {
            **costs,
            "total": _amount(costs["total"]),
            "eligible": _amount(costs["eligible"]),
            "lines": [{**row, "amount": _amount(row["amount"])} for row in costs["lines"]],
        },
        "funding": [{**row, "amount": _amount(row["amount"])} for row in data["funding"]],
        "still_to_fund": _still_to_fund(data),
        "beneficiaries": [{**row, "amount": _amount(row["amount"])} for row in data["beneficiaries"]],
        "aid": {
            **data["aid"],
            "is_flat": bool(data["aid"].get("is_flat")),
            "rate": _rate(data["aid"]["rate"]),
            "rate_ceiling": _rate(data["aid"]["rate_ceiling"]),
        },
        "bank": {**data["bank"], "iban": _grouped(data["bank"]["iban"])},
    }


def _still_to_fund(data: dict[str, Any]) -> str:
    """What the beneficiary adds when less was granted than asked for; empty when nothing is missing."""
    found = sum((Decimal(row["amount"]) for row in data["funding"]), Decimal(data["amount"]))
    left = Decimal(data["costs"]["total"]) - found
    return euros(left) if left > 0 else ""


def _grouped(iban: str) -> str:
    compact = iban.replace(" ", "")
    return NBSP.join(compact[start : start + 4] for start in range(0, len(compact), 4))


def field_values(convention: Convention) -> dict[str, str]:
    """A text for each field of ``conventions.merge.FIELDS``."""
    data = convention.data
    call, project, beneficiary, decision = data["call"], data["project"], data["beneficiary"], data["decision"]
    representative = ", ".join(filter(None, [beneficiary["representative"], beneficiary["representative_title"]]))
    effective = _day(data["rules_effective_at"])
    return {
        "numero": data["number"],
        "appel": call["title"],
        "programme": call["programme"] or "crédits de l’appel à projets",
        "service": call["steward"],
        "service_contact": f"{call['contact_name']}, {call['contact_address']}, {call['contact_email']}",
        "tribunal": call["appeal_court"][:1].lower() + call["appeal_court"][1:],
        "axe": data["axis_title"],
        "version_reglement": f"version {data['rules_version']}, en vigueur depuis le {effective}",
        "source_reglement": data["rules_source"],
        "dossier": data["application"],
        "date_reception": _day(project["received_at"]),
        "deliberation": _deliberation_phrase(data.get("deliberation")),
        "proces_verbal": f"n° {decision['minutes']} du {_day(decision['deliberated_at'])}",
        "liste": f"n° {decision['list']} du {_day(decision['released_at'])}",
        "beneficiaire": beneficiary["name"],
        "siret": data["siret"],
        "adresse": beneficiary["address"],
        "representant": representative,
        "mandat_groupement": _grouping_sentence(data),
        "repartition": _split_sentence(data),
        "projet": project["title"],
        "lieu": project["place"] or "territoire du bénéficiaire",
        "debut": _day(project["starts_on"]),
        "fin": _day(project["ends_on"]),
        "cout_total": _amount(data["costs"]["total"]),
        "cout_eligible": _amount(data["costs"]["eligible"]),
        "base_montants": data["costs"]["basis"] or "—",
        "montant": _amount(data["amount"]),
        "montant_en_lettres": data["amount_in_words"],
        "taux": _rate(data["aid"]["rate"]),
        "taux_plafond": _rate(data["aid"]["rate_ceiling"]),
        "mode_de_calcul": _computation_sentences(data["aid"]),
        "titulaire": data["bank"]["holder"] or beneficiary["name"],
        "iban": _grouped(data["bank"]["iban"]),
        "bic": data["bank"]["bic"] or NO_BIC,
        "centre_cout": call["cost_centre"] or "à préciser à l’engagement",
        "domaine_fonctionnel": call["functional_domain"] or "à préciser à l’engagement",
        "referentiel": call["programming_reference"] or "à préciser à l’engagement",
        "site": settings.SITE_URL,
    }


def _computation_sentences(aid: dict[str, Any]) -> str:
    """How the amount is computed (décret 2018-514, art. 8). Facts frozen before the flat rate was one of them are
    those of a rate."""
    if aid.get("is_flat"):
        return (
            "Ce montant est un forfait, fixé par le règlement de l’appel pour cet axe : il n’est pas calculé en "
            "appliquant un taux aux dépenses et ne peut pas être dépassé, même si le projet coûte plus cher que prévu. "
            "Si les dépenses éligibles réellement exposées lui sont inférieures, la subvention est ramenée à leur "
            "montant."
        )
    return (
        f"Ce montant représente {_rate(aid['rate'])} du coût éligible ; le taux maximal de l’axe est de "
        f"{_rate(aid['rate_ceiling'])}. Il est calculé en appliquant ce taux aux dépenses éligibles réellement exposées "
        "et ne peut pas être dépassé, même si le projet coûte plus cher que prévu. Si les dépenses éligibles sont "
        "inférieures à la prévision, la subvention est réduite dans la même proportion."
    )


def _deliberation_phrase(known: dict[str, str] | None) -> str:
    """What follows « Vu »: the document of the dossier that gives the representative the power to sign."""
    phrase = "la délibération du bénéficiaire, ou la délégation donnée à son représentant légal, jointe au dossier"
    if not known:
        return phrase
    return f"{phrase} le {_day(known['joined_at'])} (« {' '.join(known['name'].split())} »)"


def _grouping_sentence(data: dict[str, Any]) -> str:
    grouping = data["beneficiary"]["grouping"]
    if not grouping:
        return "Il agit seul, pour son propre compte."
    return (
        f"Il est le chef de file du groupement « {grouping} », agit au nom des autres membres en vertu du mandat "
        "joint au dossier, et reçoit les correspondances de l’État pour eux."
    )


def _split_sentence(data: dict[str, Any]) -> str:
    rows = data["beneficiaries"]
    if len(rows) < 2:
        return "La subvention lui est attribuée en totalité."
    parts = " ; ".join(f"{row['name']} : {_amount(row['amount'])}" for row in rows)
    return f"La subvention est répartie ainsi : {parts}."
