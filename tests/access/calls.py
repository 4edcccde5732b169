"""Who may open the visitor's pages and the requests of affiliation."""

from typing import Any

from calls.models import Call
from tests.access.model import ADMINISTRATOR, EVERYONE, OFFICER, OTHER_SCREENER, SCREENER, Route
from tests.factories.territories import AffiliationFactory, OrganisationFactory

# The agents of the State of the territory, whatever their axis.
ANSWERING = frozenset({SCREENER, OTHER_SCREENER, OFFICER, ADMINISTRATOR})


def _call(world: Any) -> dict[str, Any]:
    return {"code": Call.objects.order_by("pk").values_list("code", flat=True)[0]}


def _pending(world: Any) -> dict[str, Any]:
    """A request in the département of the dossier of the test."""
    departement = world.application.organisation.departement_code
    organisation = OrganisationFactory(departement_code=departement)
    return {"affiliation_id": AffiliationFactory(pending=True, organisation=organisation).pk}


def _acting(world: Any) -> dict[str, Any]:
    """Somebody who acts for an authority of the département of the dossier of the test."""
    departement = world.application.organisation.departement_code
    return {"affiliation_id": AffiliationFactory(organisation__departement_code=departement).pk}


ROUTES: dict[str, Route] = {
    "home": Route(EVERYONE),
    "call_list": Route(EVERYONE),
    "call_detail": Route(EVERYONE, _call),
    "eligibility": Route(EVERYONE),
    "eligibility_search": Route(EVERYONE),
    "affiliation_requests": Route(ANSWERING),
    "affiliation_validate": Route(ANSWERING, _pending, method="post"),
    "affiliation_refuse": Route(ANSWERING, _pending, method="post"),
    "affiliation_list": Route(ANSWERING),
    "affiliation_terminate": Route(ANSWERING, _acting, method="post"),
}
