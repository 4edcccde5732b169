"""Is this document genuine? Open to everyone; answers the same for what does not exist and what is not proved."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts import throttle
from accounts.adapters import client_address, network_of
from conventions.forms import CodeForm, NumberForm, UploadForm
from conventions.presentation import verdict_shown
from conventions.services.verification import find_by_number, verify_stored, verify_upload

NO_MATCH = (
    "Aucun document ne correspond à ce numéro et à ce code. Vérifiez-les au bas d’une page du document : "
    "le code compte douze lettres ou chiffres, en trois groupes de quatre."
)
TOO_MANY = "Trop de vérifications depuis votre réseau en peu de temps. Attendez dix minutes, puis recommencez."
# Per address; a verification that succeeds by number costs nothing, an upload always counts: it is work to judge.
WRONG_CODES, UPLOADS, SECONDS = 30, 60, 600


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def document_verify(request: HttpRequest) -> HttpResponse:
    """Two ways in: the number and the printed code, or the file itself. Nothing that is sent is kept."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    status = 200
    if request.method == "POST" and form.is_valid():
        if throttle.take_try(name=f"verify.file:{network_of(client_address(request))}", limit=UPLOADS, seconds=SECONDS):
            verdict = verify_upload(form.cleaned_data["file"].read())
            return render(request, "conventions/verify_result.html", verdict_shown(verdict))
        form.add_error(None, TOO_MANY)
        status = 429
    return render(request, "conventions/verify.html", {"form": form, "number_form": NumberForm()}, status=status)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("code")
def document_verify_typed(request: HttpRequest) -> HttpResponse:
    """The number and the code, typed: sent in the body, they stay in no address, history or log."""
    if request.method != "POST":
        return redirect("document_verify")
    number = NumberForm(request.POST)
    page, empty = "conventions/verify.html", {"form": UploadForm(), "number_form": NumberForm()}
    if not number.is_valid():
        return render(request, page, {**empty, "number_form": number})
    return _answer(request, number.cleaned_data["numero"], number.cleaned_data["code"], page, empty)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("code")
@sensitive_post_parameters("code")
def document_verify_number(request: HttpRequest, number: str) -> HttpResponse:
    """The document kept under this number. The printed QR code leads here with its code; typed, the code is posted."""
    code = (request.POST if request.method == "POST" else request.GET).get("code", "")
    page, empty = "conventions/verify_code.html", {"form": CodeForm()}
    if not code:
        return render(request, page, empty)
    return _answer(request, number, code, page, empty)


@sensitive_variables("code")
def _answer(request: HttpRequest, number: str, code: str, page: str, empty: dict[str, Any]) -> HttpResponse:
    """The verdict, for whoever holds the code of this number. A wrong number and a wrong code are one answer, byte for
    byte: nothing that was typed is shown again."""
    taken = throttle.take_try(
        name=f"verify.code:{network_of(client_address(request))}", limit=WRONG_CODES, seconds=SECONDS
    )
    if taken is None:
        return render(request, page, {**empty, "refusal": TOO_MANY}, status=429)
    convention = find_by_number(number, code)
    if convention is None:
        return render(request, page, {**empty, "refusal": NO_MATCH}, status=404)
    throttle.give_back(taken)
    return render(request, "conventions/verify_result.html", verdict_shown(verify_stored(convention)))
