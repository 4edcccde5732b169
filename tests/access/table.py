"""The whole table: URL name → who may open it. Each room declares its own pages beside this file."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from tests.access import accounts, applications, budget, calls, conventions, core, jury, territories
from tests.access.model import ADMINISTRATOR, EVERYONE, Route

ROOMS = (core, accounts, territories, calls, applications, budget, jury, conventions)


def _merged() -> dict[str, Route]:
    merged: dict[str, Route] = {}
    for room in ROOMS:
        twice = merged.keys() & room.ROUTES.keys()
        if twice:
            raise ValueError(f"declared by two rooms: {sorted(twice)}")
        merged.update(room.ROUTES)
    return merged


# Alive or not, for the machine that watches: said to all, and nothing else said (503 is an answer).
HEALTH = frozenset({"health_web", "health_jobs"})
ROUTES: dict[str, Route] = {**_merged(), **{name: Route(EVERYONE) for name in HEALTH}}

# Their answer depends on what the person has just done (a code sent, a factor enrolled): walked by the tests of the
# room; here they are known, and never fail.
BY_THEIR_OWN_TESTS = accounts.WALKED_BY_THEIR_OWN_TESTS

# The administration of the site is one door, ``admin.site``: staff only, whatever the page behind it.
ADMIN = Route(frozenset({ADMINISTRATOR}))


def known_urls() -> dict[str, URLPattern]:
    """Every pattern of the site by qualified name; an unnamed one is known by its route."""
    return dict(_walk(get_resolver(settings.ROOT_URLCONF), ""))


def _walk(resolver: URLResolver, namespace: str) -> list[tuple[str, URLPattern]]:
    found: list[tuple[str, URLPattern]] = []
    for item in resolver.url_patterns:
        if isinstance(item, URLResolver):
            inner = f"{namespace}{item.namespace}:" if item.namespace else namespace
            found += _walk(item, inner)
        else:
            found.append((f"{namespace}{item.name or item.pattern}", item))
    return found
