"""Time limits of a dossier: months counted on the calendar of Paris, suspended while items are awaited."""

from datetime import datetime

from dateutil.relativedelta import relativedelta
from django.utils import timezone


def add_months(moment: datetime, months: int) -> datetime:
    """The same day and hour ``months`` later in Paris (the last day of the month when there is no such day)."""
    naive = timezone.localtime(moment).replace(tzinfo=None) + relativedelta(months=months)
    return timezone.make_aware(naive)


def postponed(due: datetime | None, *, suspended_at: datetime, resumed_at: datetime) -> datetime | None:
    """A limit moved by the time during which its clock stood still (CRPA L114-5); back, by what was counted too much,
    when it ``resumed_at`` an instant before ``suspended_at``."""
    if due is None:
        return None
    return due + (resumed_at - suspended_at)
