"""What a person’s mandates let them do, told to the agent who closes their account."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F, Q

from accounts.hooks import Right
from accounts.models import User
from calls.backends import administered_calls
from calls.models import Mandate


def mandates_told(user: User, by: User, at: datetime) -> Iterator[Right]:
    """One sentence for each mandate in force or to come; reached by whoever administers its whole call."""
    rows = Mandate.objects.filter(user=user).filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))
    reached = administered_calls(by)
    for row in rows.exclude(ends_at=F("starts_at")).select_related("call", "axis"):
        limits = [row.call.title, *([row.axis.title] if row.axis else [])]
        limits += [f"département {row.departement_code}"] if row.departement_code else []
        limits += [f"région {row.region_code}"] if row.region_code else []
        text = f"{row.get_role_display()}\u00a0: {', '.join(limits)}"
        yield Right(text, is_reached=by.is_superuser or row.call_id in reached)
