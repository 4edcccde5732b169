"""A page that shows every component and every kind of field: only the tests serve it."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from crispy_forms.layout import Fieldset, Layout
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from applications.enums import ApplicationState
from config import urls as site
from core.crispy import Actions, CancelLink, Columns, SecondarySubmit, Submit, form_helper
from core.forms import IdempotencyField
from core.money import MoneyFormField
from core.templatetags import components as components_module
from core.widgets import CodeInput, MoneyInput

TEMPLATE = Path(__file__).with_name("gallery.html")
KINDS = [("commune", "Commune"), ("epci", "Intercommunalité"), ("departement", "Département")]


class EveryFieldForm(forms.Form):
    """One field of each kind, most with a hint."""

    title = forms.CharField(label="Intitulé du projet", max_length=120, help_text="Une phrase, sans sigle.")
    summary = forms.CharField(
        label="Description", max_length=300, widget=forms.Textarea(attrs={"rows": 4}), help_text="Pour le jury."
    )
    email = forms.EmailField(label="Adresse électronique", required=False)
    amount = MoneyFormField(label="Aide demandée", help_text="Par exemple 12 500,00.")
    own_share = forms.DecimalField(label="Autofinancement", widget=MoneyInput, required=False, localize=True)
    starts_on = forms.DateField(label="Début prévu")
    convened_at = forms.DateTimeField(label="Réunion", required=False)
    kind = forms.ChoiceField(label="Nature", choices=[("", "Choisir"), *KINDS])
    basis = forms.ChoiceField(
        label="Base des dépenses",
        choices=[("ht", "Hors taxes"), ("ttc", "Toutes taxes comprises")],
        widget=forms.RadioSelect,
        help_text="Selon que vous récupérez la TVA.",
    )
    themes = forms.MultipleChoiceField(
        label="Thèmes", choices=[("a", "Services en ligne"), ("b", "Données")], widget=forms.CheckboxSelectMultiple
    )
    attachment = forms.FileField(label="Délibération", widget=forms.FileInput(attrs={"accept": ".pdf,.png"}))
    sworn = forms.BooleanField(label="J’atteste sur l’honneur l’exactitude de ces informations")
    password = forms.CharField(label="Mot de passe", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))
    key = IdempotencyField()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper = form_helper("Enregistrer", CancelLink("/"))


class LaidOutForm(forms.Form):
    """A form with its own order."""

    postal_code = forms.CharField(label="Code postal")
    city = forms.CharField(label="Commune")
    note = forms.CharField(label="Note", required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper = form_helper()
        self.helper.inputs = []
        self.helper.layout = Layout(
            Fieldset("Adresse", Columns("postal_code", "city"), "note"),
            Actions(Submit("Continuer"), SecondarySubmit("Garder en brouillon", name="draft")),
        )


class CostForm(forms.Form):
    label = forms.CharField(label="Dépense")
    amount = MoneyFormField(label="Montant")
    category = forms.ChoiceField(label="Nature", choices=KINDS)


class FilterForm(forms.Form):
    q = forms.CharField(label="Rechercher", required=False, widget=forms.TextInput(attrs={"type": "search"}))
    state = forms.ChoiceField(label="État", choices=[("", "Tous"), *ApplicationState.choices], required=False)


class CodeForm(forms.Form):
    code = forms.CharField(label="Code de votre application", widget=CodeInput, help_text="Six chiffres.")


CostFormSet = forms.formset_factory(CostForm, extra=1, min_num=1, max_num=5, can_delete=True)


def components() -> dict:
    """Arguments of each component."""
    return {
        "states": [*ApplicationState],
        "rows": [
            {"term": "Porteur", "description": "Commune de Saint-Étienne-lès-Remiremont"},
            {"term": "Montant demandé", "description": "12 345,67 €", "url": "/", "action": "Modifier"},
        ],
        "events": [
            {
                "at": datetime(2021, 9, 21, 12, 5, tzinfo=UTC),
                "title": "Dossier déposé",
                "by": "Camille Martin",
                "tone": "info",
            },
            {
                "at": datetime(2021, 10, 1, 7, 0, tzinfo=UTC),
                "title": "Retenu",
                "detail": "Décision n° 12",
                "tone": "success",
            },
        ],
        "series": ["Payé", "Engagé", "Réservé", "Disponible"],
        "envelopes": [
            (
                "Axe 1, co-construction",
                [Decimal("1200000"), Decimal("8000000"), Decimal("4100000"), Decimal("16700000")],
            ),
            ("Axe 2, appels nationaux", [Decimal("0"), Decimal("3000000.50"), None, Decimal("20999999.50")], "/"),
        ],
        "amount": Decimal("1234567.80"),
        "page": Paginator(range(300), 20).page(5),
        "filters": FilterForm(),
        "act": CodeForm(prefix="acte"),
        "file_size": 184_320,
    }


@login_not_required
def gallery(request: HttpRequest) -> HttpResponse:
    bound = request.method == "POST"
    form = EveryFieldForm(request.POST, request.FILES) if bound else EveryFieldForm()
    costs = CostFormSet(request.POST or None, prefix="costs") if bound else CostFormSet(prefix="costs")
    if bound:
        form.is_valid()
        costs.is_valid()
    elif "message" in request.GET:
        messages.success(request, "Le dossier est enregistré.")
        messages.error(request, "Le fichier est trop lourd.")
    context = {**components(), "form": form, "costs": costs, "laid_out": LaidOutForm(prefix="adresse")}
    template = engines["django"].from_string(TEMPLATE.read_text(encoding="utf-8"))
    return HttpResponse(template.render(context, request))


@login_not_required
def gallery_progress(request: HttpRequest) -> HttpResponse:
    context = components_module.progress(20, 20, "Préparation des conventions", finished_text="20 conventions prêtes")
    return HttpResponse(engines["django"].get_template("components/progress.html").render(context, request))


urlpatterns = [
    path("galerie/", gallery, name="gallery"),
    path("galerie/avancement/", gallery_progress, name="gallery_progress"),
    *site.urlpatterns,
]
handler400, handler403, handler404, handler500 = site.handler400, site.handler403, site.handler404, site.handler500
