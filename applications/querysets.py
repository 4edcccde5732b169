"""Which dossiers a list begins with."""

from typing import Any

from django.db import models


class ApplicationQuerySet(models.QuerySet[Any]):
    """``visible_to`` lives in ``applications.permissions`` and is bound here (design §2.6)."""

    def visible_to(self, user: object) -> "ApplicationQuerySet":
        """Dossiers that this person may see, in lists, pages, files, exports and API alike."""
        from applications.permissions import visible_applications

        return visible_applications(self, user)

    def submitted(self) -> "ApplicationQuerySet":
        """Dossiers that were filed, whatever became of them (an abandoned draft never was)."""
        return self.filter(submitted_at__isnull=False)
