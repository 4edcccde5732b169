"""The call in the site's administration: what a version of the rules holds is shown with it."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from calls.axis_forms import (
    HELD_BY_DOSSIERS,
    AxesFormSet,
    AxisForm,
    CriteriaFormSet,
    ScoringGridForm,
    SessionForm,
    has_dossiers,
)
from calls.eligibility.rules import build
from calls.enums import CostCategory, MandateRole
from calls.mandate_forms import MandateForm
from calls.models import (
    Axis,
    AxisTerms,
    Call,
    Criterion,
    EligibilityRule,
    Mandate,
    Question,
    RulesVersion,
    ScoringGrid,
    Session,
    Theme,
)
from calls.rule_forms import EligibilityRuleForm
from calls.scoped_admin import CallScopedAdmin, OwnChoices
from calls.services import copy_questions, copy_rules, end_mandate, grant_mandate, previous_version
from core.errors import Refused
from core.journaled_admin import JournaledAdmin
from territories.sirets import compact

OWN_CALLS = ("call", admin.RelatedOnlyFieldListFilter)
# Who prepares a list of awards and who releases it.
BOTH_HANDS: dict[str, str] = {MandateRole.OFFICER: MandateRole.RELEASER, MandateRole.RELEASER: MandateRole.OFFICER}
TWO_HANDS = (
    "a désormais les deux mandats de gestionnaire et d’ordonnateur sur cet appel. Au-dessus du seuil à deux personnes, "
    "une liste de décisions que cette personne propose est libérée par une autre."
)
HEAPED = (
    "{person} avait déjà d’autres mandats sur cet appel\u00a0: {held}. Vérifiez que la même personne peut tenir ces rôles "
    "ensemble\u00a0; sinon, mettez fin à l’un d’eux."
)
IN_FORCE = "Cette version est déjà en vigueur : ses questions ne changent plus. Ajoutez une version à venir."


class LinesField(forms.CharField):
    """A list of texts, one per line."""

    widget = forms.Textarea(attrs={"rows": 5})

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in str(super().clean(value)).splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def in_words(fields: Any, **shown: str) -> list[str]:
    """The fields of a page that one only reads, those that hold a list replaced by what shows it."""
    return [shown.get(name, name) for name in fields]


def one_per_line(texts: list[str]) -> str:
    return format_html_join(mark_safe("<br>"), "{}", ((text,) for text in texts)) if texts else "aucune"


class NeverDeleted:
    """What papers and dossiers name is not removed."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class WrittenOnceAdmin(NeverDeleted, JournaledAdmin, CallScopedAdmin):
    """Added whole, then read: what a dossier was judged by never changes, a change is a new version."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        """No button promises to go on changing it."""
        return super().render_change_form(request, {**context, "show_save_and_continue": False}, *args, **options)

    def journal_chain(self, obj: Any) -> str:
        """That of the call, found through the axis where the row has no call of its own."""
        call = getattr(obj, "call", None) or obj.axis.call
        return f"call:{call.code}"


class NamedAxisForm(ModelForm):
    """An axis already there keeps its code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].disabled = self.instance.pk is not None
        self.fields["rhythm"].disabled = self.instance.pk is not None and has_dossiers(self.instance)


class AxisInline(NeverDeleted, admin.TabularInline):
    model = Axis
    form = NamedAxisForm
    formset = AxesFormSet
    fields = ["position", "code", "title", "rhythm", "announced_amount"]
    extra = 0
    show_change_link = True


class CallForm(ModelForm):
    """A SIRET is understood with its spaces, as papers write it."""

    steward_siret = forms.CharField(label="SIRET de l’attribuant", max_length=20, required=False)

    def clean_steward_siret(self) -> str:
        return compact(self.cleaned_data["steward_siret"])


@admin.register(Call)
class CallAdmin(NeverDeleted, JournaledAdmin, CallScopedAdmin):
    """A call is opened by the superuser; its administrators settle it, the publication and what it promised excepted."""

    call_path = "pk"
    form = CallForm
    list_display = ["title", "code", "opens_at", "published_at", "announced_amount"]
    search_fields = ["title", "code"]
    inlines = [AxisInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: Call | None = None) -> list[str]:
        """Once published: neither taken back nor renamed, and two persons stay two persons. Once open, dossiers may have
        been filed: the opening stays too."""
        if obj is None or not obj.published_at:
            return []
        opened = ["opens_at"] if obj.opens_at <= timezone.now() else []
        return ["code", "published_at", "two_person_threshold", *opened]

    def journal_chain(self, obj: Call) -> str:
        return f"call:{obj.code}"


class ThemeInline(NeverDeleted, admin.TabularInline):
    model = Theme
    extra = 0


class SessionInline(NeverDeleted, admin.TabularInline):
    model = Session
    form = SessionForm
    extra = 0


@admin.register(Axis)
class AxisAdmin(NeverDeleted, JournaledAdmin, CallScopedAdmin):
    call_path = "call"
    form = AxisForm
    list_display = ["title", "code", "call", "rhythm", "announced_amount"]
    list_filter = [OWN_CALLS]
    list_select_related = ["call"]
    inlines = [ThemeInline, SessionInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Axis | None = None) -> list[str]:
        """Dossiers and addresses name the axis by them; once there are dossiers, what pays them and when stays too."""
        if obj is None:
            return []
        return ["call", "code", *(HELD_BY_DOSSIERS if has_dossiers(obj) else ())]

    def journal_chain(self, obj: Axis) -> str:
        return f"call:{obj.call.code}"


class EachAxisFormSet(BaseInlineFormSet):
    """At least one line for each axis of the call; ``asked`` says of what."""

    asked = ""

    def clean(self) -> None:
        super().clean()
        if self.instance.call_id is None:
            return
        given = {form.cleaned_data["axis"].pk for form in self.forms if form.cleaned_data.get("axis")} | self.taken_up()
        lacking = [axis.title for axis in self.instance.call.axes.order_by("position") if axis.pk not in given]
        if lacking:
            raise forms.ValidationError(f"Ajoutez {self.asked} de chaque axe. Il manque\u00a0: {', '.join(lacking)}.")

    def taken_up(self) -> set[int]:
        """The axes whose lines the version before gives."""
        return set()


class TermsFormSet(EachAxisFormSet):
    """A version without the terms of an axis would close the pages of its dossiers the day it takes effect."""

    asked = "les conditions"


class RulesFormSet(EachAxisFormSet):
    """Without any rule nobody could be told whether they are eligible, nor be refused. An axis for which none is given
    keeps those of the version before."""

    asked = "les règles"

    def taken_up(self) -> set[int]:
        previous = previous_version(self.instance) if self.instance.effective_at else None
        return set(previous.eligibility_rules.values_list("axis", flat=True)) if previous else set()


class AxisTermsForm(ModelForm):
    excluded_categories = forms.MultipleChoiceField(
        label="Dépenses exclues", choices=CostCategory.choices, widget=forms.CheckboxSelectMultiple, required=False
    )


class AxisTermsInline(OwnChoices, admin.StackedInline):
    model = AxisTerms
    form = AxisTermsForm
    formset = TermsFormSet
    readonly_fields = ["excluded"]
    extra = 0

    def get_fields(self, request: HttpRequest, obj: RulesVersion | None = None) -> Any:
        fields = [name for name in super().get_fields(request, obj) if name != "excluded"]
        return fields if obj is None else in_words(fields, excluded_categories="excluded")

    @admin.display(description="dépenses exclues")
    def excluded(self, terms: AxisTerms) -> str:
        return ", ".join(terms.excluded_labels()) or "aucune"


class EligibilityRuleInline(OwnChoices, admin.StackedInline):
    """Written by questions, read as the sentence that the page of the call shows."""

    model = EligibilityRule
    form = EligibilityRuleForm
    formset = RulesFormSet
    readonly_fields = ["sentence"]
    extra = 0

    def get_fields(self, request: HttpRequest, obj: RulesVersion | None = None) -> Any:
        if obj is not None:
            return ["axis", "position", "kind", "sentence", "source"]
        return ["axis", "position", "kind", *EligibilityRuleForm.declared_fields, "source"]

    @admin.display(description="ce que dit la règle")
    def sentence(self, rule: EligibilityRule) -> str:
        return build(rule.kind, rule.parameters).describe()


class RulesVersionForm(ModelForm):
    """A version applies from an instant to come: no dossier already filed falls under it."""

    keeps_questions = forms.BooleanField(
        label="Reprendre les questions de la version précédente",
        help_text="Sans cela, cette version n’a que les questions que vous lui ajoutez avant son entrée en vigueur.",
        initial=True,
        required=False,
    )

    def clean_effective_at(self) -> datetime:
        effective_at: datetime = self.cleaned_data["effective_at"]
        if effective_at <= timezone.now():
            raise forms.ValidationError("Une version entre en vigueur à une date à venir, jamais rétroactivement.")
        return effective_at


@admin.register(RulesVersion)
class RulesVersionAdmin(WrittenOnceAdmin):
    call_path = "call"
    form = RulesVersionForm
    list_display = ["call", "number", "effective_at", "vintage"]
    list_filter = [OWN_CALLS]
    list_select_related = ["call", "vintage"]
    inlines = [AxisTermsInline, EligibilityRuleInline]

    def get_fields(self, request: HttpRequest, obj: RulesVersion | None = None) -> Any:
        fields = super().get_fields(request, obj)
        return fields if obj is None else [name for name in fields if name != "keeps_questions"]

    def save_related(self, request: HttpRequest, form: ModelForm, formsets: Any, change: bool) -> None:
        """What was not given again is taken up from the version before, and said."""
        super().save_related(request, form, formsets, change)
        taken: dict[str, Any] = {"version": form.instance, "at": timezone.now(), "actor": request.user}
        rules = copy_rules(**taken)
        questions = copy_questions(**taken) if form.cleaned_data["keeps_questions"] else 0
        counted = [
            f"{count} {one}" if count == 1 else f"{count} {many}"
            for count, one, many in (
                (rules, "règle d’éligibilité", "règles d’éligibilité"),
                (questions, "question", "questions"),
            )
            if count
        ]
        if counted:
            self.message_user(request, f"Repris de la version précédente\u00a0: {' et '.join(counted)}.")


class QuestionForm(ModelForm):
    choices = LinesField(label="Choix", help_text="Un par ligne, pour un choix unique.", required=False)

    def clean_rules_version(self) -> RulesVersion:
        version: RulesVersion = self.cleaned_data["rules_version"]
        if version.effective_at <= timezone.now():
            raise forms.ValidationError(IN_FORCE)
        return version


@admin.register(Question)
class QuestionAdmin(WrittenOnceAdmin):
    call_path = "axis__call"
    form = QuestionForm
    list_display = ["label", "axis", "rules_version", "position", "kind", "is_required"]
    list_filter = [("axis", admin.RelatedOnlyFieldListFilter), ("rules_version", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["axis", "rules_version"]
    search_fields = ["label", "code"]
    readonly_fields = ["answers"]

    def get_fields(self, request: HttpRequest, obj: Question | None = None) -> Any:
        fields = [name for name in super().get_fields(request, obj) if name != "answers"]
        return fields if obj is None else in_words(fields, choices="answers")

    @admin.display(description="choix")
    def answers(self, question: Question) -> str:
        return one_per_line(question.choices)


class CriterionForm(ModelForm):
    descriptors = LinesField(
        label="Description de chaque note", help_text="Une par ligne, de la note 0 à la note maximale."
    )


class CriterionInline(admin.StackedInline):
    model = Criterion
    form = CriterionForm
    formset = CriteriaFormSet
    readonly_fields = ["marks"]
    extra = 0

    def get_fields(self, request: HttpRequest, obj: ScoringGrid | None = None) -> Any:
        fields = [name for name in super().get_fields(request, obj) if name != "marks"]
        return fields if obj is None else in_words(fields, descriptors="marks")

    @admin.display(description="description de chaque note")
    def marks(self, criterion: Criterion) -> str:
        return one_per_line([f"{mark}\u00a0: {text}" for mark, text in enumerate(criterion.descriptors)])


@admin.register(ScoringGrid)
class ScoringGridAdmin(WrittenOnceAdmin):
    call_path = "axis__call"
    form = ScoringGridForm
    list_display = ["axis", "version", "maximum", "jurors_per_dossier", "third_juror_gap"]
    list_select_related = ["axis"]
    inlines = [CriterionInline]


@admin.register(Mandate)
class MandateAdmin(NeverDeleted, CallScopedAdmin):
    """Mandates are granted and ended by the services, which write the journal; never edited nor deleted."""

    call_path = "call"
    list_display = ["user", "role", "axis", "departement_code", "region_code", "starts_at", "ends_at", "call"]
    list_filter = ["role", OWN_CALLS]
    list_select_related = ["user", "call", "axis"]
    search_fields = ["user__email", "user__first_name", "user__last_name"]
    form = MandateForm
    fields = ["email", *MandateForm.Meta.fields]
    actions = ["end_now"]

    def has_change_permission(self, request: HttpRequest, obj: Mandate | None = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Mandate | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"granted_by": request.user})

    def get_fields(self, request: HttpRequest, obj: Mandate | None = None) -> Any:
        """The address is typed once; afterwards the person is shown."""
        return self.fields if obj is None else ["user", *MandateForm.Meta.fields, "appointed_by"]

    def save_model(self, request: HttpRequest, obj: Mandate, form: ModelForm, change: bool) -> None:
        granted = grant_mandate(
            user=obj.user,
            call=obj.call,
            role=obj.role,  # type: ignore[arg-type]
            at=timezone.now(),
            appointed_by=request.user,  # type: ignore[arg-type]
            axis=obj.axis,
            departement_code=obj.departement_code,
            region_code=obj.region_code,
            organisation_name=obj.organisation_name,
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
        )
        obj.pk = granted.pk
        held = Mandate.objects.filter(user=obj.user, call=obj.call).exclude(pk=granted.pk).current(timezone.now())
        # The same role elsewhere heaps nothing: a screener of two départements.
        roles = {row.role: row.get_role_display() for row in held if row.role != granted.role}
        if BOTH_HANDS.get(granted.role) in roles:
            self.message_user(request, f"{obj.user} {TWO_HANDS}", messages.WARNING)
            del roles[BOTH_HANDS[granted.role]]
        if roles:
            # Allowed, for small services do it; not unseen when it is done here.
            said = HEAPED.format(person=obj.user, held=", ".join(sorted(roles.values())))
            self.message_user(request, said, messages.WARNING)

    @admin.action(description="Mettre fin aux mandats choisis", permissions=["add"])
    def end_now(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Asked first: a right is lost at the next request, and an ended mandate is not opened again."""
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": "Mettre fin à ces mandats\u00a0?",
                "opts": self.model._meta,
                "mandates": queryset.order_by("pk"),
                "now": timezone.now(),
            }
            return TemplateResponse(request, "calls/administration_end_mandates.html", context)
        self._end(request, queryset)
        return None

    def _end(self, request: HttpRequest, queryset: Any) -> None:
        """Those in force end now, those to come are cancelled; says how many, and how many were over already."""
        ended, cancelled, left = 0, 0, 0
        for mandate_id in queryset.order_by("pk").values_list("pk", flat=True):
            try:
                mandate = end_mandate(mandate_id=mandate_id, by=request.user, at=timezone.now())  # type: ignore[arg-type]
            except Refused:
                left += 1
            else:
                cancelled, ended = cancelled + mandate.is_cancelled, ended + (not mandate.is_cancelled)
        if ended:
            self.message_user(request, f"{ended} mandat terminé." if ended == 1 else f"{ended} mandats terminés.")
        if cancelled:
            one, many = "1 mandat à venir annulé.", f"{cancelled} mandats à venir annulés."
            self.message_user(request, one if cancelled == 1 else many)
        if left:
            one, many = "1 mandat était déjà terminé.", f"{left} mandats étaient déjà terminés."
            self.message_user(request, one if left == 1 else many, messages.WARNING)
