"""Signing: the document, what the signature means, a fresh code."""

import logging
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from conventions.enums import ConventionState, SigningState
from conventions.forms import SignForm
from conventions.models import Convention, Signing
from conventions.presentation import document_url, summary_of
from conventions.services.signing import (
    CHANGED,
    NAMELESS,
    POSTPONED,
    SIGN_ACT,
    bears_name,
    both_parties,
    complete_signing,
    start_signing,
    what_is_signed,
)
from conventions.views.access import audience_of, visible_convention
from conventions.workflow import CONVENTION
from core.errors import Refused
from territories.people import person

logger = logging.getLogger("guichet.signing")

SIGN_TRANSITIONS = ("sign_for_beneficiary", "sign_for_state")
IN_PROGRESS = (
    "Votre signature est en cours. Elle sera terminée dans quelques minutes sans que vous ayez rien à faire ; "
    "vous pouvez quitter cette page."
)
DONE = "Votre signature est enregistrée. Vous pouvez télécharger le document signé."


@require_http_methods(["GET", "HEAD", "POST"])
def convention_sign(request: HttpRequest, number: str) -> HttpResponse:
    """The page of the person whose turn it is. The code is bound to the bytes shown."""
    convention, at = visible_convention(request, number), timezone.now()
    roles = [name for name in SIGN_TRANSITIONS if CONVENTION.holds(request.user, convention, name, at)]
    if not roles:
        raise Http404
    names = {row.name for row in CONVENTION.available(request.user, convention, at)}
    if not names.intersection(SIGN_TRANSITIONS):
        messages.info(request, _why_not(convention, roles[0]))
        return redirect("convention_detail", number=convention.number)
    if obstacle := both_parties(convention, person(request)):
        messages.info(request, obstacle)
        return redirect("convention_detail", number=convention.number)
    shown = what_is_signed(convention)
    if request.method == "POST" and request.POST.get("shown", "") != shown:
        # Before the code is spent on bytes that are no longer there.
        messages.error(request, CHANGED)
        return redirect("convention_sign", number=convention.number)
    form = SignForm(
        request.POST or None,
        user=person(request),
        act=SIGN_ACT,
        content_sha256=shown,
        initial={"shown": shown},
    )
    if request.method == "POST" and form.is_valid():
        try:
            signing = start_signing(
                convention=convention,
                user=person(request),
                at=timezone.now(),
                key=form.cleaned_data["key"],
                shown_sha256=form.cleaned_data["shown"],
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            return _finish(request, convention, signing)
    return render(request, "conventions/convention_sign.html", _context(request, convention, form, shown))


def _context(request: HttpRequest, convention: Convention, form: SignForm, shown: str) -> dict[str, Any]:
    return {
        "convention": convention,
        "form": form,
        "nameless": "" if bears_name(person(request)) else NAMELESS,
        "sha256": shown,
        "for_state": convention.state == ConventionState.BENEFICIARY_SIGNED,
        "document_url": f"{document_url(convention)}?lecture",
        "current": convention.current_revision(),
        "rows": summary_of(convention, audience_of(request, convention)),
    }


def _why_not(convention: Convention, name: str) -> str:
    """Why the person whose role this is cannot sign now: too early, in progress, or done."""
    if convention.state == ConventionState.PENDING:
        return "La convention est en cours de rédaction : elle se signera ensuite."
    if name == "sign_for_state" and convention.state == ConventionState.SEALED:
        return "La collectivité doit signer d’abord. La convention paraîtra alors dans « À signer pour l’État »."
    return CONVENTION.obstacle(convention, name, timezone.now())


def _finish(request: HttpRequest, convention: Convention, signing: Signing) -> HttpResponse:
    """Signed at once where key and timestamp answer; else the worker finishes."""
    try:
        state = complete_signing(signing_id=str(signing.pk))
    except POSTPONED as error:
        logger.warning("signing_postponed", extra={"signing_id": str(signing.pk), "error": type(error).__name__})
        state = None
    if state == SigningState.STORED:
        messages.success(request, DONE)
    elif state == SigningState.FAILED:
        signing.refresh_from_db()
        messages.error(request, f"La signature n’a pas été enregistrée. {signing.error}")
    else:
        messages.info(request, IN_PROGRESS)
    return redirect("convention_detail", number=convention.number)
