"""What the crispy pack ``dsfr`` asks of Python: the kind of a field, its frame's classes, its wiring for readers."""

from typing import Any

from django import forms, template
from django.conf import settings
from django.forms import BaseForm, BoundField
from django.forms.formsets import BaseFormSet
from django.utils.safestring import SafeString

from core.money import NBSP, MoneyFormField
from core.widgets import DateInput, DateTimeInput, MoneyInput

register = template.Library()

# The first class that fits names the kind; each kind has one template of the pack.
KINDS: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxSelectMultiple, "checkboxes"),
    (forms.RadioSelect, "radios"),
    (forms.CheckboxInput, "checkbox"),
    (forms.Select, "select"),
    (forms.FileInput, "file"),
    (forms.Textarea, "textarea"),
    (forms.PasswordInput, "password"),
    (MoneyInput, "money"),
)
INCOMPLETE_PAGE = "La page est arrivée incomplète. Actualisez-la, puis recommencez."
CLASSES = {
    "checkbox": "",
    "checkboxes": "",
    "radios": "",
    "select": "fr-select",
    "file": "fr-upload",
    "password": "fr-input fr-password__input",
}


@register.filter
def field_kind(field: BoundField) -> str:
    """checkbox, checkboxes, radios, select, file, textarea, password, money or input."""
    if isinstance(field.field, MoneyFormField):
        return "money"
    return next((kind for widget, kind in KINDS if isinstance(field.field.widget, widget)), "input")


@register.filter
def hint_id(field: BoundField) -> str:
    """Identifier of the hint, the one Django itself points at."""
    return f"{field.auto_id}_helptext"


@register.filter
def error_id(field: BoundField) -> str:
    """Identifier of the messages, the one Django itself points at."""
    return f"{field.auto_id}_error"


@register.filter
def focus_id(field: BoundField) -> str:
    """Identifier of what receives the focus when a message about the field is followed."""
    if field_kind(field) in {"radios", "checkboxes"}:
        return f"{field.auto_id}_0"
    return field.id_for_label or field.auto_id


@register.filter
def text_limit(field: BoundField) -> int | None:
    """Longest text the field accepts, in characters."""
    return getattr(field.field, "max_length", None)


@register.filter
def file_limits(field: BoundField) -> str:
    """« Taille maximale : 10 Mo. Formats acceptés : PDF, PNG. »"""
    largest = getattr(field.field, "max_bytes", None) or settings.ATTACHMENT_MAX_BYTES
    sentence = f"Taille maximale{NBSP}: {largest // (1024 * 1024)}{NBSP}Mo."
    accepted = str(field.field.widget.attrs.get("accept", ""))
    names = [part.strip().rsplit("/", 1)[-1].lstrip(".") for part in accepted.split(",") if part.strip()]
    if names:
        label = "Formats acceptés" if len(names) > 1 else "Format accepté"
        sentence += f" {label}{NBSP}: {', '.join(name.upper() for name in names)}."
    return sentence


def _described_by(field: BoundField) -> str:
    kind = field_kind(field)
    ids = []
    if field.help_text or kind == "file":
        ids.append(hint_id(field))
    if kind == "textarea" and text_limit(field):
        ids.append(f"{field.auto_id}_limit")
    if field.errors:
        ids.append(error_id(field))
    return " ".join(ids)


def _dated(widget: forms.Widget) -> forms.Widget:
    # Django's own date widgets are plain texts: the pack gives them the browser's calendar.
    if type(widget) is forms.DateInput:
        return DateInput(widget.attrs)
    if type(widget) is forms.DateTimeInput:
        return DateTimeInput(widget.attrs)
    return widget


@register.filter
def wired(field: BoundField) -> SafeString:
    """The widget with the classes of the design system, its hint and its messages attached."""
    kind = field_kind(field)
    widget = _dated(field.field.widget)
    own = str(widget.attrs.get("class", ""))
    attrs: dict[str, Any] = {"class": f"{CLASSES.get(kind, 'fr-input')} {own}".strip()}
    described_by = _described_by(field)
    if described_by:
        attrs["aria-describedby"] = described_by
    if kind == "textarea":
        # A text pasted too long must stay whole until its author shortens it: the server refuses, no browser cuts.
        widget.attrs.pop("maxlength", None)
    return field.as_widget(widget=widget, attrs={name: value for name, value in attrs.items() if value})


@register.filter
def group_class(field: BoundField) -> str:
    """Class of the frame of the field, before its state is added."""
    groups = {"select": "fr-select-group", "file": "fr-upload-group", "checkbox": "fr-checkbox-group"}
    return groups.get(field_kind(field), "fr-input-group")


@register.filter
def kept(form: BaseForm | BaseFormSet) -> str:
    """What a refused form says of what was typed: kept, but for what no page gives back.

    Empty for a form that says of itself that it records nothing (``keeps_nothing = True``): a search, a sign-in. A field
    with ``serves_once = True`` is emptied after each try. A form that was recorded all the same says so itself, in
    ``says_kept``.
    """
    if told := getattr(form, "says_kept", ""):
        return str(told)
    if getattr(form, "keeps_nothing", False):
        return ""
    fields = form.visible_fields() if isinstance(form, BaseForm) else []
    lost = [name for field in fields if (name := _lost(field))]
    if lost and len(lost) == len(fields):
        return "Rien n’a été enregistré."
    but = f", sauf {' et '.join(dict.fromkeys(lost))}" if lost else ""
    return f"Ce que vous avez saisi est conservé ci-dessous{but}. Rien n’a été enregistré."


def _lost(field: BoundField) -> str:
    """Name of what a page shown again does not carry, or nothing."""
    widget = field.field.widget
    if getattr(field.field, "serves_once", False):
        return "le code"
    if isinstance(widget, forms.PasswordInput) and not widget.render_value:
        return "le mot de passe"
    return "le fichier, à choisir de nouveau" if isinstance(widget, forms.FileInput) else ""


@register.filter
def button_classes(classes: str) -> str:
    """Classes of a button without those of another design system that crispy-forms gives by default."""
    foreign = {"btn", "btn-primary", "btn-inverse", "btn-secondary"}
    return " ".join(["fr-btn", *(name for name in classes.split() if name not in foreign)])


def _form_problems(form: BaseForm) -> list[dict[str, str]]:
    problems = [{"text": str(text), "target": "", "label": ""} for text in form.non_field_errors()]
    for field in form:
        for text in field.errors:
            target = "" if field.is_hidden else focus_id(field)
            problems.append({"text": str(text), "target": target, "label": str(field.label)})
    return problems


@register.filter
def problems(form: BaseForm | BaseFormSet) -> list[dict[str, str]]:
    """Every message of a form or formset: its text, its field's label, and where the correction is made."""
    if not form.is_bound:
        return []
    if isinstance(form, BaseFormSet):
        # A page whose rows cannot be counted was cut short on its way: Django's own sentence names its internals.
        broken = any(error.code == "missing_management_form" for error in form.non_form_errors().as_data())
        texts = [INCOMPLETE_PAGE] if broken else [str(text) for text in form.non_form_errors()]
        found = [{"text": text, "target": "", "label": ""} for text in texts]
        for number, row in enumerate(form.forms, start=1):
            row_problems = _form_problems(row)
            name = getattr(row, "legend", "") or f"{getattr(form, 'row_label', '') or 'Ligne'} {number}"
            found += [{**problem, "label": f"{name}, {problem['label']}"} for problem in row_problems]
        return found
    return _form_problems(form)
