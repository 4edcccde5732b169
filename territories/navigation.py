"""Menu entries of this room."""

from typing import Any

from core.navigation import once, register, signed_in
from territories.models import Affiliation


def may_belong_to_an_authority(user: Any) -> bool:
    """Agents of the State and jurors, whose mandates require a second factor, see it only if they joined an authority."""
    if not signed_in(user) or not user.requires_second_factor:
        return bool(signed_in(user))
    return once(user, "territories.affiliated", lambda: Affiliation.objects.filter(user=user).exists())


register("Ma collectivité", "Ma collectivité", "affiliation_home", visible=may_belong_to_an_authority, order=20)
