"""Which convention a page is about: found among those visible to the person, or 404, never another answer."""

from typing import Any

from django.http import Http404, HttpRequest
from django.utils import timezone

from conventions.models import Batch, Convention, Repayment
from conventions.permissions import agent_conventions, visible_batches
from conventions.presentation import APPLICANT, SERVICE
from conventions.roles import is_beneficiary, is_officer

RELATED = ("application__organisation", "application__axis", "application__call", "batch", "template")


def visible_convention(request: HttpRequest, number: str) -> Convention:
    """A convention that the person may see, in any capacity."""
    found = Convention.objects.visible_to(request.user).select_related(*RELATED).filter(number=number).first()
    if found is None:
        raise Http404
    return found


def officer_convention(request: HttpRequest, number: str) -> Convention:
    """A convention that the person manages for the ministry."""
    convention = visible_convention(request, number)
    if not is_officer(request.user, convention, timezone.now()):
        raise Http404
    return convention


def own_convention(request: HttpRequest, number: str) -> Convention:
    """A convention of the person's own organisation."""
    convention = visible_convention(request, number)
    if not is_beneficiary(request.user, convention, timezone.now()):
        raise Http404
    return convention


def repayment_of(convention: Convention, pk: Any) -> Repayment:
    """A procedure of repayment of this convention."""
    found = convention.repayments.filter(pk=pk).first()
    if found is None:
        raise Http404
    found.convention = convention
    return found


def visible_batch(request: HttpRequest, pk: Any) -> Batch:
    """A batch with conventions of the agent's axes and territory."""
    found = (
        visible_batches(request.user)
        .select_related("decision_list__deliberation__jury__session__axis__call")
        .filter(pk=pk)
        .first()
    )
    if found is None:
        raise Http404
    return found


def audience_of(request: HttpRequest, convention: Convention) -> str:
    """Whom the sentences of the page speak to: an agent of the State, or the beneficiary."""
    is_agent = agent_conventions(request.user).filter(pk=convention.pk).exists()
    return SERVICE if is_agent else APPLICANT
