"""What the site's administration lets a person do: asked of their mandate at each request, kept nowhere else."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.utils import timezone

from calls.enums import MandateRole
from calls.models import Call, Mandate
from calls.permissions import territory_scope
from core.navigation import once
from territories.models import Affiliation

# The rooms whose pages of administration exist; each page says itself what it lets one do.
SEATS = (MandateRole.JUROR, MandateRole.CHAIR)
ROOMS = frozenset({"calls", "territories", "budget"})


class MandateBackend(BaseBackend):
    """An administrator's mandate over a whole call opens the administration; it ends with the mandate."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if perm == "core.view_journalentry":
            return user_obj.is_active and once(user_obj, "calls.reads_journal", lambda: _reads_journal(user_obj))
        return self.has_module_perms(user_obj, perm.partition(".")[0])

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return app_label in ROOMS and user_obj.is_active and user_obj.is_staff and bool(administered_calls(user_obj))


def administered_calls(user: Any) -> frozenset[int]:
    """The ids of the calls that a person administers whole, now."""
    return once(user, "calls.administers", lambda: _whole_calls(user, MandateRole.ADMINISTRATOR))


def approves_recoveries(user: Any) -> bool:
    """Whether the agreement of this person counts when a second factor is lost."""
    return user.is_active and (user.is_superuser or bool(_whole_calls(user, MandateRole.ADMINISTRATOR)))


def _reads_journal(user: Any) -> bool:
    """Auditors and administrators of every call. Whoever sits in a jury, or acts for an organisation that may apply,
    would read there what is hidden from them elsewhere."""
    whole = _whole_calls(user, MandateRole.AUDITOR, MandateRole.ADMINISTRATOR)
    if not whole or Call.objects.exclude(pk__in=whole).exists():
        return False
    is_seated = Mandate.objects.filter(user=user, role__in=SEATS).exists()
    return not is_seated and not Affiliation.objects.filter(user=user).exists()


def _whole_calls(user: Any, *roles: MandateRole) -> frozenset[int]:
    scope = territory_scope(user, roles, timezone.now())
    return frozenset(reach.call_id for reach in scope.reaches if reach.axis_id is None and reach.departements is None)
