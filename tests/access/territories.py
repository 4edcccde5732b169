"""Who may open the pages of affiliation."""

from typing import Any

from tests.access.model import EVERYONE_SIGNED_IN, REPRESENTATIVE, Route
from tests.factories.territories import AffiliationFactory


def _of_somebody(world: Any) -> dict[str, Any]:
    return {"affiliation_id": AffiliationFactory().pk}


def _of_a_colleague(world: Any) -> dict[str, Any]:
    """Somebody else who prepares the dossiers of the authority of the test."""
    return {"affiliation_id": AffiliationFactory(organisation=world.organisation).pk}


def _of_who_asks(world: Any) -> dict[str, Any]:
    """Somebody who asks to prepare the dossiers of the authority of the test."""
    return {"affiliation_id": AffiliationFactory(organisation=world.organisation, pending=True).pk}


ROUTES: dict[str, Route] = {
    "affiliation_home": Route(EVERYONE_SIGNED_IN),
    "affiliation_search": Route(EVERYONE_SIGNED_IN),
    "affiliation_request": Route(EVERYONE_SIGNED_IN),
    # One's own affiliations only: somebody else's does not exist.
    "affiliation_end": Route(frozenset(), _of_somebody, method="post"),
    "affiliation_accept": Route(frozenset({REPRESENTATIVE}), _of_who_asks, method="post"),
    "affiliation_decline": Route(frozenset({REPRESENTATIVE}), _of_who_asks, method="post"),
    "affiliation_remove": Route(frozenset({REPRESENTATIVE}), _of_a_colleague, method="post"),
}
