"""Filling the articles: a closed list of fields in braces, never a template language."""

import re
from collections.abc import Mapping

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.money import NBSP

FIELD = re.compile(r"\{([a-z_]+)\}")

# What an article may name, with what it stands for, in the words of the agent who edits the text.
FIELDS: dict[str, str] = {
    "numero": "numéro de la convention",
    "appel": "titre de l’appel à projets",
    "programme": "programme budgétaire",
    "service": "service responsable de l’appel",
    "service_contact": "service à contacter, adresse et courriel",
    "tribunal": "tribunal compétent",
    "axe": "titre de l’axe",
    "version_reglement": "version du règlement et date d’effet",
    "source_reglement": "référence des conditions de l’axe",
    "dossier": "numéro du dossier",
    "deliberation": "délibération du bénéficiaire, avec son fichier et la date à laquelle elle a été jointe",
    "date_reception": "date de réception du dossier",
    "proces_verbal": "numéro et date du procès-verbal du jury",
    "liste": "numéro et date de la liste de décisions",
    "beneficiaire": "nom du bénéficiaire",
    "siret": "SIRET du bénéficiaire",
    "adresse": "adresse du bénéficiaire",
    "representant": "nom et qualité du représentant légal",
    "mandat_groupement": "phrase sur le groupement, vide pour un porteur seul",
    "repartition": "phrase sur la répartition entre bénéficiaires",
    "projet": "intitulé du projet",
    "lieu": "lieu de réalisation",
    "debut": "date de début du projet",
    "fin": "date de fin prévue du projet",
    "cout_total": "coût total du projet",
    "cout_eligible": "coût éligible",
    "base_montants": "HT ou TTC",
    "montant": "montant de l’aide en chiffres",
    "montant_en_lettres": "montant de l’aide en lettres",
    "taux": "taux de l’aide sur le coût éligible",
    "taux_plafond": "taux maximal de l’axe",
    "mode_de_calcul": "comment l’aide est calculée : en proportion des dépenses, ou au forfait",
    "titulaire": "titulaire du compte bancaire",
    "iban": "IBAN",
    "bic": "BIC",
    "centre_cout": "centre de coût",
    "domaine_fonctionnel": "domaine fonctionnel",
    "referentiel": "référentiel de programmation",
    "site": "adresse du site",
}


class UnknownField(ValueError):
    """The text names a field outside the closed list; the message is in French."""


def check(text: str) -> None:
    """Raises UnknownField naming what the closed list does not hold, or a brace left open."""
    unknown = sorted({name for name in FIELD.findall(text) if name not in FIELDS})
    if unknown:
        raise UnknownField(f"Champ inconnu : {', '.join(f'{{{name}}}' for name in unknown)}.")
    if re.search(r"[{}]", FIELD.sub("", text)):
        raise UnknownField("Une accolade n’entoure aucun champ connu.")


def typeset(text: str) -> str:
    """French typography: the spaces that no line may break."""
    text = re.sub(r"« ", f"«{NBSP}", text)
    text = re.sub(r"(?<=\bn°) | (?=[»;:?!%€])", NBSP, text)
    # A reference and its number are read together: « article 14 », « annexe 2 », « du 1er août ».
    return re.sub(r"\b([Aa]rticles?|[Aa]nnexes?) (?=[LRD]?\.? ?\d)", rf"\1{NBSP}", text)


def fill(text: str, values: Mapping[str, str]) -> SafeString:
    """The text as HTML: fields replaced, everything escaped, blank lines separate paragraphs, lines that begin
    with « - » become a list. Raises UnknownField, and KeyError when a value is missing."""
    check(text)
    filled = typeset(FIELD.sub(lambda match: values[match.group(1)], text))
    blocks = [block.strip() for block in re.split(r"\n\s*\n", filled) if block.strip()]
    return format_html_join("\n", "{}", ((_block(block),) for block in blocks))


def _block(block: str) -> SafeString:
    lines = [line.strip() for line in block.splitlines()]
    if all(line.startswith("- ") for line in lines):
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((line[2:],) for line in lines)))
    return format_html("<p>{}</p>", " ".join(lines))
