"""What the journal says of a call and its mandates, in French."""

from typing import Any

from django.db.models import Model

from calls.enums import MandateRole
from calls.models import Axis, Call, RulesVersion, Session, Theme
from core import journal_words
from core.journal_names import Lookup, names_in


def calls_by_code(reader: Any, codes: set[str]) -> dict[str, str]:
    """The chain of a call bears its code."""
    return dict(Call.objects.filter(code__in=codes).values_list("code", "title"))


def titles(model: type[Model]) -> Lookup:
    """What the public pages of a call, or the pages of its rules, name to anybody."""
    return lambda reader, ids: names_in(model._default_manager.all(), ids)


journal_words.register(
    acts={
        "call.installed": "Appel installé",
        "call.questions_copied": "Questions reprises de la version précédente",
        "call.rules_copied": "Règles d’éligibilité reprises de la version précédente",
        "mandate.granted": "Mandat donné",
        "mandate.ended": "Mandat terminé",
        "mandate.cancelled": "Mandat à venir annulé",
    },
    data={
        "from_version": "de la version",
        "to_version": "à la version",
        "count": "nombre",
        "call": "appel",
        "axis": "axe",
        "mandate": "mandat",
        "departement": "département",
        "region": "région",
    },
    chains={"call": "Appel"},
    names={
        "call:": calls_by_code,
        "call": titles(Call),
        "axis": titles(Axis),
        "theme": titles(Theme),
        "session": titles(Session),
        **dict.fromkeys(("rules_version", "rulesversion"), titles(RulesVersion)),
    },
    values={"role": MandateRole},
)
