"""How rooms declare who may open what; ``tests/access/test_access.py`` walks it all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# The cast. « visitor » is not signed in; every other role is one person with one mandate or affiliation.
VISITOR = "visitor"
APPLICANT = "applicant"  # affiliated to the organisation of the dossier, prepares dossiers
REPRESENTATIVE = "representative"  # legal representative of that organisation
STRANGER = "stranger"  # affiliated to another organisation
SCREENER = "screener"  # of the dossier's axis and territory
OTHER_SCREENER = "other_screener"  # of another axis
JUROR = "juror"  # assigned to the dossier
RECUSED = "recused"  # juror of the same jury, recused from the dossier
CHAIR = "chair"
OFFICER = "officer"
RELEASER = "releaser"
SIGNATORY = "signatory"
AUDITOR = "auditor"
ADMINISTRATOR = "administrator"  # of the call, and staff of the site

EVERYONE_SIGNED_IN = frozenset(
    {
        APPLICANT,
        REPRESENTATIVE,
        STRANGER,
        SCREENER,
        OTHER_SCREENER,
        JUROR,
        RECUSED,
        CHAIR,
        OFFICER,
        RELEASER,
        SIGNATORY,
        AUDITOR,
        ADMINISTRATOR,
    }
)
EVERYONE = EVERYONE_SIGNED_IN | {VISITOR}


@dataclass(frozen=True)
class Route:
    """``allowed``: roles that get a page (any status below 400 that is not the sign-in page).

    Everyone else gets 404 when signed in, the sign-in page when not. ``kwargs`` receives the world of the test
    (``tests/access/world.py``) and returns the URL's arguments; ``method`` is "get" or "post" (a POST without data:
    allowed means anything but 404 and 403).
    """

    allowed: frozenset[str]
    kwargs: Callable[[Any], dict[str, Any]] = field(default=lambda world: {})
    method: str = "get"
