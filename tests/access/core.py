"""Public duties: open to all. Health checks too: they tell nothing but alive or not."""

from tests.access.model import ADMINISTRATOR, AUDITOR, EVERYONE, Route

ROUTES = {
    "legal_notice": Route(EVERYONE),
    "privacy": Route(EVERYONE),
    "accessibility_statement": Route(EVERYONE),
    "security_contact": Route(EVERYONE),
    "security_txt": Route(EVERYONE),
    "robots_txt": Route(EVERYONE),
    "favicon": Route(EVERYONE),
    "help": Route(EVERYONE),
    "site_map": Route(EVERYONE),
    "journal_export": Route(frozenset({AUDITOR, ADMINISTRATOR})),
    "journal": Route(frozenset({AUDITOR, ADMINISTRATOR})),
}
