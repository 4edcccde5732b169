"""Which mandates are in force."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from calls.models import Mandate  # noqa: F401 – named in a text below


class MandateQuerySet(models.QuerySet["Mandate"]):
    def current(self, at: object) -> "MandateQuerySet":
        """Mandates in force at the instant ``at``."""
        return self.filter(starts_at__lte=at).filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))
