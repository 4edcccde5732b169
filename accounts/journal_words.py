"""What the journal says of accounts, in French."""

from typing import Any

from accounts.models import FactorRecovery, User
from core import journal_words
from core.journal_names import names_in


def people(reader: Any, ids: set[str]) -> dict[str, str]:
    """The page already names the authors of the acts to whoever reads the journal."""
    return names_in(User.objects.all(), ids)


journal_words.register(
    acts={
        "account_closed": "Compte fermé",
        "account_reopened": "Compte rouvert",
        "second_factor_recovery_requested": "Seconde vérification perdue\u00a0: nouvelle demandée",
        "second_factor_recovery_approved": "Perte de la seconde vérification\u00a0: accord d’un agent",
        "second_factor_recovery_cancelled": "Perte de la seconde vérification\u00a0: demande annulée",
        "second_factor_recovery_refused": "Perte de la seconde vérification\u00a0: demande refusée",
        "second_factor_recovery_lapsed": "Perte de la seconde vérification\u00a0: demande expirée",
        "second_factor_removed": "Seconde vérification retirée",
    },
    states={
        "second_factor_recovery_requested": FactorRecovery.State,
        "second_factor_recovery_approved": FactorRecovery.State,
        "second_factor_recovery_cancelled": FactorRecovery.State,
        "second_factor_recovery_refused": FactorRecovery.State,
        "second_factor_recovery_lapsed": FactorRecovery.State,
        "second_factor_removed": FactorRecovery.State,
    },
    chains={"person": "Personne"},
    names=dict.fromkeys(("person:", "person"), people),
    data={"recovery": "demande"},
)
