"""For whom a person acts, told to the agent who closes their account."""

from collections.abc import Iterator
from datetime import datetime

from accounts.hooks import Right
from accounts.models import User
from territories.models import Affiliation


def affiliations_told(user: User, by: User, at: datetime) -> Iterator[Right]:
    """One sentence for each affiliation in force."""
    for row in Affiliation.objects.filter(user=user).current(at).select_related("organisation"):
        yield Right(f"{row.organisation.name}\u00a0: {row.get_role_display()}")
