"""The minutes of a closed deliberation, as a PDF/A: what was decided, by whom, with what quorum; no juror's mark.

Members recused from an item are absent from it: from its quorum, its votes and its lines.
"""

from dataclasses import dataclass

from django.template.loader import render_to_string

from core.pdf.render import Metadata, render_pdf
from jury.enums import Attendance
from jury.meeting import Quorum
from jury.models import AttendanceRow, Deliberation, Opinion
from jury.queries import criteria_of
from jury.ranking import tie_rule
from jury.selection import RULES
from jury.services.deliberation import quorums, set_apart

KIND = "jury.minutes"


@dataclass(frozen=True)
class MinutesItem:
    """One dossier of the minutes: the opinion, its quorum, and the members who took no part."""

    opinion: Opinion
    quorum: Quorum
    recused: list[str]
    # What the jury had said of it in an earlier meeting, which this one replaces.
    before: Opinion | None = None


def items_of(deliberation: Deliberation) -> list[MinutesItem]:
    """The dossiers in their final order. A fixed number of queries."""
    opinions = list(
        deliberation.opinions.select_related("application__organisation", "redirected_to").order_by("rank", "pk")
    )
    keys = [opinion.application_id for opinion in opinions]
    found = quorums(deliberation, keys)
    apart = set_apart(deliberation, keys)
    earlier = Opinion.objects.filter(application__in=keys, deliberation__number__lt=deliberation.number)
    before = {
        row.application_id: row for row in earlier.select_related("deliberation").order_by("deliberation__number", "pk")
    }
    members = list(deliberation.jury.jurors.select_related("user").order_by("user__last_name", "pk"))
    return [
        MinutesItem(
            opinion,
            found[opinion.application_id],
            [str(member.user) for member in members if member.pk in apart[str(opinion.application_id)]],
            before.get(opinion.application_id),
        )
        for opinion in opinions
    ]


def attendance_of(deliberation: Deliberation) -> list[AttendanceRow]:
    """Every member's attendance, the chair first."""
    rows = deliberation.attendance.select_related("juror__user", "proxy__user")
    return sorted(rows, key=lambda row: (not row.juror.is_chair, row.juror.user.last_name, row.juror_id))


def render_minutes(deliberation: Deliberation) -> bytes:
    """The bytes of the minutes; the same deliberation gives the same bytes."""
    jury = deliberation.jury
    html = render_to_string(
        "jury/minutes.html",
        {
            "deliberation": deliberation,
            "jury": jury,
            "axis": jury.session.axis,
            "call": jury.session.axis.call,
            "attendance": attendance_of(deliberation),
            "absent": Attendance.ABSENT,
            "items": items_of(deliberation),
            "tie_rule": tie_rule(criteria_of(jury.grid)),
            "selection_rule": RULES[jury.selection_rule],
        },
    )
    title = f"Procès-verbal {deliberation.minutes_number} – {jury.name}"
    assert deliberation.closed_at is not None
    return render_pdf(html, metadata=Metadata(title=title, at=deliberation.closed_at, author=jury.session.axis.steward))
