"""What the site's administration lets a person do: asked of their mandate at each request, kept nowhere else."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.utils import timezone

from calls.enums import MandateRole
from calls.permissions import territory_scope
from core.navigation import once

# The rooms whose pages of administration exist; each page says itself what it lets one do.
ROOMS = frozenset({"calls", "territories", "budget"})


class MandateBackend(BaseBackend):
    """An administrator's mandate over a whole call opens the administration; it ends with the mandate."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return self.has_module_perms(user_obj, perm.partition(".")[0])

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return app_label in ROOMS and user_obj.is_active and user_obj.is_staff and _administers(user_obj)


def _administers(user: Any) -> bool:
    def whole_call() -> bool:
        scope = territory_scope(user, [MandateRole.ADMINISTRATOR], timezone.now())
        return any(reach.axis_id is None and reach.departements is None for reach in scope.reaches)

    return once(user, "calls.administers", whole_call)
