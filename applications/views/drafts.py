"""Filling the draft, one section per page."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from applications.completeness import Missing, assessment_of, missing_items
from applications.financing import Assessment, Cost, Plan, Resource, assess, plan_of
from applications.forms.filing import AttachmentForm
from applications.forms.page import LINES, SectionPage, section_page
from applications.models import Application
from applications.permissions import may_edit
from applications.presentation import attachments_of, missing_kinds, other_members
from applications.rules import rules_of, terms_of
from applications.sections import BY_SLUG, SECTIONS, section_after
from applications.services import save_section
from applications.views.access import own_application
from applications.workflow import guard_session_open
from core.errors import Refused
from core.http import posts_only
from core.money import AmountError, parse_euros

CLOSED = "Ce dossier est déposé\u00a0: ses rubriques ne peuvent plus être modifiées."


@require_http_methods(["GET", "HEAD", "POST"])
def application_section(request: HttpRequest, pk: Any, section: str) -> HttpResponse:
    """One section: shown, then saved as a whole."""
    if section not in BY_SLUG:
        raise Http404
    application, at = own_application(request, pk), timezone.now()
    if section == "depot":
        return redirect("application_submit", pk)
    if not may_edit(request.user, application, at):
        messages.info(request, CLOSED)
        return redirect("application_detail", pk)
    if section == "pieces":
        return render_documents(request, application, AttachmentForm())
    page = section_page(application, section, at, request.POST if request.method == "POST" else None)
    if request.method == "POST" and page.is_valid():
        try:
            save_section(application=application, section=section, user=request.user, at=at, **page.contents())  # type: ignore[arg-type]
        except Refused as refusal:
            page.show(refusal, at)
        else:
            return _saved(request, application, section, at)
    return _render_section(request, application, page, at)


def _saved(request: HttpRequest, application: Application, section: str, at: datetime) -> HttpResponse:
    """On to the next section; or back to this one, when the plan as saved could not be filed."""
    application = own_application(request, application.pk)
    faults = [gap for gap in missing_items(application, at) if gap.is_wrong and gap.section == section]
    if faults:
        messages.warning(request, "C’est enregistré, mais à corriger avant de déposer\u00a0: voyez ci-dessous.")
    else:
        messages.success(request, "C’est enregistré. Vous pouvez continuer, ou fermer la page et revenir plus tard.")
    following = section_after(section)
    if faults or "stay" in request.POST or following is None:
        return redirect("application_section", application.pk, section)
    return redirect("application_section", application.pk, following.slug)


def _render_section(request: HttpRequest, application: Application, page: SectionPage, at: datetime) -> HttpResponse:
    refused = request.method == "POST"
    if refused:
        # A model form writes what was typed onto its instance: the menu tells what is stored.
        application = own_application(request, application.pk)
    terms = terms_of(application, rules_of(application, at))
    excluded = ", ".join(terms.excluded_labels())
    menu = menu_of(application, page.section.slug, at)
    if not refused:
        page.mark(menu["gaps"])
    context = {
        **menu,
        "page": page,
        "plan": posted_assessment(application, request.POST, at) if refused else assessment_of(application, at),
        "terms": terms,
        "unreadable": unreadable_amounts(request.POST) if refused else [],
        "excluded": f"Cet axe ne finance pas les dépenses suivantes\u00a0: {excluded}." if excluded else "",
    }
    return render(request, "applications/section.html", context)


def menu_of(application: Application, current: str, at: datetime) -> dict[str, Any]:
    """The side menu: each section with what it lacks, and how far the dossier is."""
    missing = missing_items(application, at)
    gaps: dict[str, list[Missing]] = {}
    for gap in missing:
        gaps.setdefault(gap.section, []).append(gap)
    entries = [
        {
            "section": row,
            "missing": sum(not gap.is_wrong for gap in gaps.get(row.slug, [])),
            "wrong": sum(gap.is_wrong for gap in gaps.get(row.slug, [])),
            "current": row.slug == current,
        }
        for row in SECTIONS
    ]
    done = sum(1 for row in SECTIONS if row.slug != "depot" and row.slug not in gaps)
    return {
        "application": application,
        "others": other_members(application),
        "section": BY_SLUG[current],
        "entries": entries,
        "missing": missing,
        "gaps": _told_once(gaps.get(current, [])),
        "closed": guard_session_open(application, at),
        "pending": application.open_completion_request(),
        "done": done,
        "total": len(SECTIONS) - 1,
    }


def _told_once(gaps: list[Missing]) -> list[Missing]:
    """What is wrong is told in full at its field: here, each field is named once."""
    named = {(gap.field, gap.topic) if gap.is_wrong else (gap.field, gap.label): gap for gap in reversed(gaps)}
    return list(reversed(named.values()))


def render_documents(request: HttpRequest, application: Application, form: AttachmentForm) -> HttpResponse:
    """The section of the documents: those there, those missing, and the form to join one."""
    attachments = attachments_of(application)
    context = {
        **menu_of(application, "pieces", timezone.now()),
        "attachments": attachments,
        "missing_kinds": missing_kinds(application, attachments),
        "form": form,
    }
    return render(request, "applications/documents.html", context)


@require_safe
def application_missing(request: HttpRequest, pk: Any) -> HttpResponse:
    """Everything the dossier lacks, each gap a link."""
    application = own_application(request, pk)
    context = menu_of(application, "depot", timezone.now())
    return render(request, "applications/missing.html", context)


@posts_only
def application_totals(request: HttpRequest, pk: Any) -> HttpResponse:
    """Totals and rates of what is being typed; writes nothing."""
    application, at = own_application(request, pk), timezone.now()
    terms = terms_of(application, rules_of(application, at))
    context = {
        "plan": posted_assessment(application, request.POST, at),
        "terms": terms,
        "unreadable": unreadable_amounts(request.POST),
    }
    return render(request, "applications/totals.html", context)


def posted_assessment(application: Application, data: Any, at: datetime) -> Assessment:
    """The plan as typed; what is not on the page, or cannot be read yet, is taken from the dossier or left out."""
    stored = plan_of(application, terms_of(application, rules_of(application, at)))
    costs = _posted(data, "cost_lines")
    resources = _posted(data, "funding_lines")
    requested = stored.amount_requested
    if "amount_requested" in data:
        requested = _amount(data["amount_requested"])
    plan = Plan(
        costs=stored.costs
        if costs is None
        else tuple(Cost(row["amount"], row.get("category", ""), row.get("nature", "")) for row in costs),
        resources=stored.resources
        if resources is None
        else tuple(Resource(row["amount"], row.get("kind", "")) for row in resources),
        amount_requested=requested,
        terms=stored.terms,
        tax_basis=data.get("tax_basis", stored.tax_basis),
        is_overseas=stored.is_overseas,
        has_derogation=bool(data["own_share_derogation"].strip())
        if "own_share_derogation" in data
        else stored.has_derogation,
    )
    return assess(plan)


def unreadable_amounts(data: Any) -> list[str]:
    """Where an amount is typed that cannot count, in French: while there is one, no total is true."""
    found = []
    if _is_unreadable(data.get("amount_requested", "")):
        found.append("l’aide demandée")
    for name in ("cost_lines", "funding_lines"):
        for index in range(_shown_rows(data, name) or 0):
            if f"{name}-{index}-DELETE" not in data and _is_unreadable(data.get(f"{name}-{index}-amount", "")):
                found.append(f"{LINES[name][1].lower()} {index + 1}")
    return found


def _is_unreadable(text: str) -> bool:
    return bool(text.strip()) and _amount(text) is None


def _shown_rows(data: Any, name: str) -> int | None:
    """How many lines of a set the page shows, 200 at most; None when the set is not on the page."""
    total = data.get(f"{name}-TOTAL_FORMS", "")
    return min(int(total), 200) if total.isdecimal() and len(total) <= 4 else None


def _posted(data: Any, name: str) -> list[dict[str, Any]] | None:
    """Lines of a set with a readable amount; None when the set is not on the page."""
    shown = _shown_rows(data, name)
    if shown is None:
        return None
    columns = LINES[name][2]
    found = []
    for index in range(shown):
        row: dict[str, Any] = {column: data.get(f"{name}-{index}-{column}", "") for column in columns}
        row["amount"] = _amount(row["amount"])
        if row["amount"] is not None and f"{name}-{index}-DELETE" not in data:
            found.append(row)
    return found


def _amount(text: str) -> Any:
    try:
        amount = parse_euros(text)
    except AmountError:
        return None
    return amount if amount > 0 else None
