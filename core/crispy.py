"""Layout objects for the crispy pack ``dsfr``: buttons and rows as the State's design asks.

``{% crispy form %}`` and ``{{ form|crispy }}`` need nothing of this; a form that orders its fields uses::

    helper.layout = Layout(Columns("postal_code", "city"), Actions(Submit("Enregistrer"), CancelLink(url)))
"""

from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import ButtonHolder, Column, Row
from crispy_forms.layout import Submit as CrispySubmit
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString


class Submit(CrispySubmit):
    """The main button of a form. ``name`` is sent only when given."""

    field_classes = ""

    def __init__(self, label: str, *, name: str = "", css_class: str = "", **attrs: Any) -> None:
        super().__init__(name, label, css_class=css_class, **attrs)
        if not name:
            self.id = ""


class SecondarySubmit(Submit):
    """A second button: save as a draft, go back a step."""

    field_classes = "fr-btn--secondary"


class CancelLink:
    """A way out that sends nothing; stands among the buttons of a layout or of a helper."""

    def __init__(self, url: str, label: str = "Annuler") -> None:
        self.url = url
        self.label = label

    def render(self, form: Any, context: Context, template_pack: str = "dsfr", **kwargs: Any) -> SafeString:
        return format_html('<li><a class="fr-btn fr-btn--tertiary" href="{}">{}</a></li>', self.url, self.label)


class Actions(ButtonHolder):
    """The row of buttons that ends a form."""


class Columns(Row):
    """Fields side by side on a wide screen, one under the other on a phone."""

    def __init__(self, *fields: Any, **kwargs: Any) -> None:
        super().__init__(*(item if isinstance(item, Column) else Column(item) for item in fields), **kwargs)


def form_helper(*buttons: Any, action: str = "", method: str = "post", form_id: str = "") -> FormHelper:
    """A helper with these buttons at the end; a text becomes the main button."""
    helper = FormHelper()
    helper.form_action = action
    helper.form_method = method
    helper.form_id = form_id
    for button in buttons or ("Enregistrer",):
        helper.add_input(Submit(button) if isinstance(button, str) else button)
    return helper
