"""The crispy pack ``dsfr``: labels, hints, errors and their wiring, as read by a machine."""

import re
from html.parser import HTMLParser

import pytest
from crispy_forms.utils import render_crispy_form
from django import forms
from django.template import engines
from django.utils.datastructures import MultiValueDict

from accounts.act_forms import ConfirmationCodeField
from core.widgets import AboutMyself, MoneyInput
from tests.core.gallery import CostFormSet, EveryFieldForm, LaidOutForm

VALID = {
    "title": "Guichet commun",
    "summary": "Un résumé",
    "amount": "12 500,00",
    "starts_on": "2021-09-21",
    "kind": "commune",
    "basis": "ht",
    "themes": ["a"],
    "sworn": "on",
    "password": "un long secret",
    "key": "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
}


class Page(HTMLParser):
    """Elements by id, labels by target, in a piece of HTML."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def by_id(self, identifier: str) -> dict:
        found = [attrs for _, attrs in self.elements if attrs.get("id") == identifier]
        assert len(found) == 1, f"{identifier}: {len(found)} elements"
        return found[0]

    def named(self, name: str) -> list[dict]:
        return [attrs for _, attrs in self.elements if attrs.get("name") == name]

    def labels(self) -> set[str]:
        return {attrs["for"] for tag, attrs in self.elements if tag == "label"}

    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.elements if "id" in attrs]


def bound(**changes) -> EveryFieldForm:
    data = MultiValueDict({name: value if isinstance(value, list) else [value] for name, value in VALID.items()})
    for name, value in changes.items():
        data.setlist(name, [value]) if value is not None else data.pop(name, None)
    return EveryFieldForm(data, {})


def test_every_visible_input_has_its_label():
    page = Page(render_crispy_form(EveryFieldForm()))
    inputs = [
        attrs
        for tag, attrs in page.elements
        if tag in {"input", "select", "textarea"} and attrs.get("type") != "hidden" and "aria-label" not in attrs
    ]
    assert len(inputs) == 15
    assert {attrs["id"] for attrs in inputs} <= page.labels()


def test_identifiers_are_unique_and_descriptions_exist():
    page = Page(render_crispy_form(bound(title="", basis=None, amount="abc")))
    assert len(page.ids()) == len(set(page.ids()))
    described = [attrs["aria-describedby"] for _, attrs in page.elements if "aria-describedby" in attrs]
    labelled = [attrs["aria-labelledby"] for _, attrs in page.elements if "aria-labelledby" in attrs]
    assert described
    assert {part for value in described + labelled for part in value.split()} <= set(page.ids())


def test_refused_field_points_at_hint_then_error_and_is_invalid():
    html = render_crispy_form(bound(title=""))
    field = Page(html).by_id("id_title")
    assert field["aria-describedby"] == "id_title_helptext id_title_error"
    assert field["aria-invalid"] == "true"
    assert "fr-input-group--error" in Page(html).by_id("div_id_title")["class"]
    assert Page(html).by_id("id_amount").get("aria-invalid") is None


def test_refused_choices_carry_their_error_in_the_fieldset():
    html = render_crispy_form(bound(basis=None))
    fieldset = Page(html).by_id("div_id_basis")
    assert fieldset["aria-labelledby"] == "id_basis_legend id_basis_error"
    assert "fr-fieldset--error" in fieldset["class"]


@pytest.mark.parametrize(
    ("field", "value", "target", "group"),
    [
        ("kind", "inconnue", "id_kind", "fr-select-group--error"),
        ("sworn", None, "id_sworn", "fr-checkbox-group--error"),
        ("password", "", "id_password", "fr-input-group--error"),
        ("starts_on", "31/02/2021", "id_starts_on", "fr-input-group--error"),
        ("attachment", None, "id_attachment", "fr-upload-group--error"),
        ("themes", None, "id_themes_0", "fr-fieldset--error"),
    ],
)
def test_summary_leads_to_each_kind_of_field(field, value, target, group):
    html = render_crispy_form(bound(**{field: value}))
    assert f'href="#{target}"' in html
    assert Page(html).by_id(target)
    assert group in Page(html).by_id(f"div_id_{field}")["class"]


def test_summary_stands_before_the_fields_and_counts():
    html = render_crispy_form(bound(title="", amount="-3"))
    assert html.index('role="alert"') < html.index("id_title")
    # The file is missing too: browsers never send it again.
    assert "3 corrections sont nécessaires" in html
    assert "Le montant doit être supérieur à zéro." in html


def test_summary_promises_to_keep_unless_the_form_keeps_nothing():
    form = bound(title="")
    assert "Rien n’a été enregistré." in render_crispy_form(form)
    form.keeps_nothing = True
    assert "est nécessaire" in render_crispy_form(form) or "sont nécessaires" in render_crispy_form(form)
    assert "Rien n’a été enregistré." not in render_crispy_form(form)


def test_summary_does_not_promise_what_no_page_gives_back():
    class Secret(forms.Form):
        password = forms.CharField(widget=forms.PasswordInput)

    class Signature(Secret):
        name = forms.CharField()
        code = ConfirmationCodeField(required=True)

    class Upload(forms.Form):
        name = forms.CharField()
        file = forms.FileField()

    promise = "est conservé ci-dessous"
    alone = render_crispy_form(Secret({}))
    assert promise not in alone and "Rien n’a été enregistré." in alone
    assert f"{promise}, sauf le mot de passe et le code. Rien" in render_crispy_form(Signature({}))
    assert f"{promise}, sauf le fichier, à choisir de nouveau. Rien" in render_crispy_form(Upload({}))


def test_what_was_typed_is_kept():
    html = render_crispy_form(bound(amount="12,345", title="", summary="<b>gras</b>"))
    page = Page(html)
    assert page.by_id("id_amount")["value"] == "12,345"
    assert "&lt;b&gt;gras&lt;/b&gt;" in html
    assert "checked" in page.by_id("id_basis_0")
    assert page.by_id("id_starts_on")["value"] == "2021-09-21"


def test_unsent_form_has_no_error_summary():
    assert "fr-alert--error" not in render_crispy_form(EveryFieldForm())


def test_error_of_the_whole_form_is_in_the_summary():
    form = bound()
    form.is_valid()
    form.add_error(None, "Les dépenses ne sont pas égales aux ressources.")
    html = render_crispy_form(form)
    assert html.count("Les dépenses ne sont pas égales aux ressources.") == 1


def test_required_is_said_in_words():
    html = render_crispy_form(EveryFieldForm())
    assert re.search(r"Intitulé du projet\s*<span class=\"guichet-required\">\(obligatoire\)", html)
    assert not re.search(r"Adresse électronique\s*<span class=\"guichet-required\">", html)
    assert "required" in Page(html).by_id("id_title")


def test_amount_is_typed_as_decimal_with_its_unit():
    html = render_crispy_form(EveryFieldForm(initial={"own_share": 1}))
    field = Page(html).by_id("id_amount")
    assert field["inputmode"] == "decimal"
    assert field["autocomplete"] == "off"
    assert '<span class="guichet-money__unit" aria-hidden="true">€</span>' in html
    assert "en euros" in html


def test_money_input_shows_numbers_in_french_and_texts_untouched():
    widget = MoneyInput()
    assert widget.format_value(1234567) == "1\u00a0234\u00a0567,00"
    assert widget.format_value("12,3x") == "12,3x"
    assert widget.format_value(None) is None


def test_long_text_is_limited_in_words_not_cut():
    html = render_crispy_form(EveryFieldForm())
    area = Page(html).by_id("id_summary")
    assert "maxlength" not in area
    assert area["aria-describedby"] == "id_summary_helptext id_summary_limit"
    assert "300 caractères au maximum." in html


def test_date_uses_the_calendar_of_the_browser():
    page = Page(render_crispy_form(EveryFieldForm()))
    assert page.by_id("id_starts_on")["type"] == "date"
    assert page.by_id("id_convened_at")["type"] == "datetime-local"


def test_file_states_its_limits(settings):
    settings.ATTACHMENT_MAX_BYTES = 4 * 1024 * 1024
    html = render_crispy_form(EveryFieldForm())
    assert "Taille maximale\u00a0: 4\u00a0Mo. Formats acceptés\u00a0: PDF, PNG." in html
    assert Page(html).by_id("id_attachment")["aria-describedby"] == "id_attachment_helptext"
    assert 'enctype="multipart/form-data"' in html


def test_password_is_shown_by_a_box_without_handler():
    html = render_crispy_form(EveryFieldForm())
    assert Page(html).by_id("id_password")["autocomplete"] == "new-password"
    assert "name" not in Page(html).by_id("id_password_show")
    assert "onclick" not in html


def test_rendering_twice_gives_the_same_html():
    form = bound(title="", summary="")
    assert render_crispy_form(form) == render_crispy_form(form)


def test_layout_gives_fieldset_columns_and_buttons():
    html = render_crispy_form(LaidOutForm())
    page = Page(html)
    assert "btn-primary" not in html
    buttons = [attrs for tag, attrs in page.elements if tag == "button"]
    assert [(attrs["type"], attrs.get("name")) for attrs in buttons] == [("submit", None), ("submit", "draft")]
    assert buttons[1]["class"].split() == ["fr-btn", "fr-btn--secondary"]
    assert '<legend class="fr-h5 guichet-fieldset__legend">Adresse</legend>' in html


def test_form_posts_with_its_token_and_get_without():
    form = EveryFieldForm()
    assert "csrfmiddlewaretoken" in render_crispy_form(form, context={"csrf_token": "abc"})
    form.helper.form_method = "get"
    assert "csrfmiddlewaretoken" not in render_crispy_form(form, context={"csrf_token": "abc"})


def formset(data=None):
    template = engines["django"].from_string("{% load crispy_forms_tags %}{{ costs|crispy }}")
    costs = CostFormSet(data, prefix="costs")
    if data:
        costs.is_valid()
    return template.render({"costs": costs})


def test_formset_rows_have_their_legend_and_a_model_row():
    html = formset()
    assert html.count('<fieldset class="guichet-row">') == 3
    assert 'name="costs-TOTAL_FORMS"' in html
    assert "costs-__prefix__-label" in html
    assert re.search(r"Ligne\s+2", html)


def test_formset_errors_name_their_row(monkeypatch):
    data = {
        "costs-TOTAL_FORMS": "2",
        "costs-INITIAL_FORMS": "0",
        "costs-0-label": "Étude",
        "costs-0-amount": "100",
        "costs-0-category": "commune",
        "costs-1-label": "Logiciel",
        "costs-1-amount": "1,234",
        "costs-1-category": "commune",
    }
    html = formset(data)
    assert "Ligne 2, Montant" in html
    monkeypatch.setattr(CostFormSet, "row_label", "Dépense", raising=False)
    assert "Dépense 2, Montant" in formset(data)
    assert 'href="#id_costs-1-amount"' in html
    assert 'value="1,234"' in html
    assert html.count('role="alert"') == 1


def test_fields_about_oneself_declare_their_purpose():
    class Profile(AboutMyself, forms.Form):
        first_name = forms.CharField()
        email = forms.EmailField()
        other = forms.CharField()

    page = Page(render_crispy_form(Profile()))
    assert page.by_id("id_first_name")["autocomplete"] == "given-name"
    assert page.by_id("id_email")["autocomplete"] == "email"
    assert "autocomplete" not in page.by_id("id_other")


def test_hidden_field_error_has_no_dead_link():
    html = render_crispy_form(bound(key="x"))
    assert 'href="#id_key"' not in html
    assert "corrections sont nécessaires" in html


def test_formset_cut_short_says_so_in_plain_words():
    html = formset({"costs-0-label": "Étude"})
    assert "La page est arrivée incomplète." in html
    assert "ManagementForm" not in html
    assert "champ masqué" not in html


def test_error_text_is_escaped():
    form = bound()
    form.is_valid()
    form.add_error("title", "<img src=x>")
    form.add_error(None, "<img src=y>")
    assert "<img" not in render_crispy_form(form)
