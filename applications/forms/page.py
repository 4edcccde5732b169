"""A section as a page: its form, its sets of lines, what they hold and where a refusal is shown."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.forms.utils import ErrorDict
from django.http import QueryDict

from applications.completeness import Missing
from applications.forms import sections as parts
from applications.models import Application
from applications.rules import questions_of, rules_of
from applications.sections import BY_SLUG, Section
from core.errors import Refused
from core.money import AmountError, euros, parse_euros
from territories.models import Organisation

FORMS: dict[str, type[parts.SectionForm]] = {
    "collectivite": parts.OrganisationForm,
    "projet": parts.ProjectForm,
    "depenses": parts.CostsForm,
    "financement": parts.FundingForm,
    "calendrier": parts.CalendarForm,
    "questions": parts.QuestionsForm,
}
LINES: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "cost_lines": (parts.CostLines, "Dépense", ("label", "category", "nature", "amount")),
    "funding_lines": (parts.FundingLines, "Ressource", ("kind", "label", "status", "amount")),
    "milestones": (parts.Milestones, "Étape", ("label", "due_on")),
    "indicators": (parts.Indicators, "Indicateur", ("label", "baseline", "target")),
}


@dataclass
class Lines:
    """One set of lines with the word that names each of them."""

    name: str
    row_label: str
    formset: Any
    # What somebody else saved meanwhile, a text per line; None unless the form was stale.
    stored: list[str] | None = None


@dataclass
class SectionPage:
    """What the page of a section shows and receives."""

    application: Application
    section: Section
    form: parts.SectionForm
    sets: list[Lines] = field(default_factory=list)

    def is_valid(self) -> bool:
        valid = self.form.is_valid()
        return all([one.formset.is_valid() for one in self.sets]) and valid

    def contents(self) -> dict[str, Any]:
        """The arguments of ``save_section``; the page is valid."""
        rows = {one.name: one.formset.rows() for one in self.sets}
        if "beneficiaries" in rows:
            rows["beneficiaries"] = self._shares(rows["beneficiaries"])
        answers = self.form.answers() if isinstance(self.form, parts.QuestionsForm) else None
        return {
            "version": self.form.cleaned_data.get("version") or 0,
            "values": self.form.values(),
            "rows": rows,
            "answers": answers,
        }

    def _shares(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Shares are given to the members of the grouping, whatever the page sends."""
        given = {row["organisation"]: row["share"] for row in rows}
        return [
            {
                "organisation": member,
                "share": given.get(member.pk, Decimal(0)),
                "is_lead": member.pk == self.application.organisation_id,
            }
            for member in _members(self.application)
        ]

    def show(self, refusal: Refused, at: datetime) -> None:
        """Puts a refusal of the service at its field; a stale form receives the version it may be sent again with."""
        target, name = self._target(refusal.field)
        target.add_error(name, refusal.message)
        if "version" in refusal.data:
            taken = self._tell_what_is_stored(at)
            data = dict(self.form.data.items())
            self.form.data = {**data, **taken, "version": str(refusal.data["version"])}

    def mark(self, gaps: Iterable[Missing]) -> None:
        """Tells at its field what is stored and could not be filed, on a page where nothing was typed yet."""
        for gap in gaps:
            if gap.is_wrong and gap.field in self.form.fields:
                known = self.form.errors.get(gap.field, ())
                self.form.errors[gap.field] = self.form.error_class([*known, gap.label])

    def _tell_what_is_stored(self, at: datetime) -> dict[str, str]:
        """Beside each field that differs, what is stored: nobody overwrites a colleague without having read them.

        Returns what each field left empty on this page takes of it: saving again as the page asks would else erase it.
        """
        taken: dict[str, str] = {}
        stored = section_page(Application.objects.get(pk=self.application.pk), self.section.slug, at)
        for name, shown in self.form.fields.items():
            kept = stored.form[name].value()
            bound = self.form[name]
            if shown.widget.is_hidden or _bare(kept) == _bare(bound.value()):
                continue
            if not _bare(bound.value()) and isinstance(kept, str | int | Decimal):
                taken[self.form.add_prefix(name)] = str(shown.prepare_value(kept))
                bound.help_text = f"{bound.help_text} Repris de ce qui est déjà enregistré."
            else:
                bound.help_text = f"{bound.help_text} Déjà enregistré\u00a0: «\u00a0{kept or 'rien'}\u00a0»."
        for mine, theirs in zip(self.sets, stored.sets, strict=True):
            mine.stored = [_line_text(form) for form in theirs.formset.initial_forms]
        return taken

    def _target(self, name: str | None) -> tuple[Any, str | None]:
        if name in self.form.fields:
            return self.form, name
        for one in self.sets:
            prefix, _, rest = (name or "").partition("-")
            position, _, column = rest.partition("-")
            if prefix == one.name and position.isdigit():
                kept = [form for form in one.formset.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
                kept = [form for form in kept if form.has_content()]
                if int(position) < len(kept) and column in kept[int(position)].fields:
                    return kept[int(position)], column
        return self.form, None

    @property
    def errors(self) -> list[ErrorDict]:
        return [self.form.errors, *(form.errors for one in self.sets for form in one.formset.forms)]


def _bare(value: Any) -> str:
    """A value as typed, spaces apart; an amount typed « 1 000,5 » is the one stored as 1000.50."""
    text = "".join(str("" if value is None else value).split())
    try:
        return f"{parse_euros(text):.2f}"
    except AmountError:
        return text


def _line_text(form: Any) -> str:
    """« Logiciel, Investissement, 1 200,00 € », from a line that is stored."""
    words = []
    for bound in form.visible_fields():
        value = bound.value()
        if value in (None, "") or bound.name == "DELETE":
            continue
        choices = dict(getattr(bound.field, "choices", ()))
        words.append(euros(value) if isinstance(value, Decimal) else str(choices.get(value, value)))
    return ", ".join(words)


def section_page(application: Application, slug: str, at: datetime, data: QueryDict | None = None) -> SectionPage:
    """The page of a section, empty of what was typed or bound to ``data``."""
    rules = rules_of(application, at)
    options: dict[str, Any] = {"instance": application, "rules": rules}
    if slug == "questions":
        options["questions"] = questions_of(application, rules)
    form = FORMS[slug](data, **options)
    section = BY_SLUG[slug]
    sets = [_lines(application, name, data) for name in section.rows if name in LINES]
    if "beneficiaries" in section.rows and application.grouping_id:
        sets.append(_shares(application, data))
    return SectionPage(application, section, form, sets)


def _lines(application: Application, name: str, data: QueryDict | None) -> Lines:
    formset, row_label, columns = LINES[name]
    initial = list(getattr(application, name).values(*columns))
    if data is not None:
        # The lines shown when the page was: a colleague's, added since, would make a blank row look half typed.
        shown = data.get(f"{name}-INITIAL_FORMS", "")
        initial = initial[: int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 5 else 0]
    lines = formset(data, prefix=name, initial=initial)
    lines.row_label = row_label
    return Lines(name, row_label, lines)


def _members(application: Application) -> list[Organisation]:
    """The members of the grouping, its lead first."""
    assert application.grouping is not None
    members = application.grouping.members.order_by("search_name", "pk")
    return sorted(members, key=lambda member: member.pk != application.organisation_id)


def _shares(application: Application, data: QueryDict | None) -> Lines:
    known = dict(application.beneficiaries.values_list("organisation", "share"))
    members = _members(application)
    initial = [{"organisation": member.pk, "share": known.get(member.pk, Decimal(0))} for member in members]
    formset = parts.Shares(data, prefix="beneficiaries", initial=initial)
    for form, member in zip(formset.forms, members, strict=False):
        is_lead = member.pk == application.organisation_id
        form.legend = f"{member.name}, chef de file" if is_lead else member.name
        form.fields["share"].label = f"Part de l’aide pour {member.name}"
    return Lines("beneficiaries", "Bénéficiaire", formset)
