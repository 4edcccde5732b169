"""What every page knows: the service's name, its menu, and what the operator says of itself."""

from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from core import navigation

SERVICE_NAME = "Guichet"
TAGLINE = "Les appels à projets de l’État pour les collectivités"


@cache
def partner_logos() -> dict[str, str]:
    """Official logos the operator has put into its folder, by name; the site ships none (ADR 0020)."""
    folder = settings.LOGOS_DIR
    if not folder:
        return {}
    files = {path.stem: path.name for path in sorted(Path(folder).glob("*.*")) if path.suffix in {".svg", ".png"}}
    return {stem.replace("-", "_"): static(f"logos/{name}") for stem, name in files.items()}


def _first_url(*names: str) -> str:
    for name in names:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return ""


def site(request: HttpRequest) -> dict[str, Any]:
    """``site`` for templates; the menu is computed only by pages that show it."""
    return {
        "site": {
            "name": SERVICE_NAME,
            "tagline": TAGLINE,
            "demonstration": settings.DEMONSTRATION,
            "notice": settings.PUBLIC_NOTICE,
            "logos": partner_logos(),
            "account_url": _first_url("account_home", "usersessions_list", "account_email"),
            "sections": SimpleLazyObject(lambda: navigation.sections(request)),
        }
    }
