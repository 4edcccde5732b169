"""What this room does when an identity provider vouches for a person."""

from datetime import datetime
from typing import Any

from accounts.models import User
from territories.services import attach_by_siret


def attach_identity(user: User, claims: dict[str, Any], at: datetime) -> None:
    """Attach the person to the authority whose SIRET the provider states, if it states one."""
    siret = claims.get("siret")
    if isinstance(siret, str) and siret:
        attach_by_siret(user=user, siret=siret, at=at)
