"""Who may open the pages of affiliation."""

from typing import Any

from tests.access.model import EVERYONE_SIGNED_IN, Route
from tests.factories.territories import AffiliationFactory


def _of_somebody(world: Any) -> dict[str, Any]:
    return {"affiliation_id": AffiliationFactory().pk}


ROUTES: dict[str, Route] = {
    "affiliation_home": Route(EVERYONE_SIGNED_IN),
    "affiliation_search": Route(EVERYONE_SIGNED_IN),
    "affiliation_request": Route(EVERYONE_SIGNED_IN),
    # One's own affiliations only: somebody else's does not exist.
    "affiliation_end": Route(frozenset(), _of_somebody, method="post"),
}
