"""What the administration says is French, a rule of eligibility is written by questions, a mandate reaches what exists."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole, RuleKind
from calls.models import Axis, EligibilityRule, Mandate, Question, RulesVersion, ScoringGrid
from calls.rule_forms import ASKED, EligibilityRuleForm
from calls.services import grant_mandate
from tests.factories.accounts import AgentFactory, UserFactory, sign_in
from tests.factories.calls import the_call

# Words that French spells as the code does.
SAME = {"code", "source", "licence", "population", "programme", "version", "question", "structure"}


@pytest.fixture
def call(db):
    return the_call(timezone.now())


@pytest.fixture
def administrator(client, call):
    user = AgentFactory()
    yesterday = timezone.now() - timedelta(days=1)
    grant_mandate(user=user, call=call, role=MandateRole.ADMINISTRATOR, at=yesterday, appointed_by=None)
    sign_in(client, user)
    return user


def test_no_field_of_the_administration_is_named_by_its_column():
    shown = {field for model in admin.site._registry for field in model._meta.concrete_fields if not field.auto_created}
    inlines = {inline.model for each in admin.site._registry.values() for inline in each.inlines}
    shown |= {field for model in inlines for field in model._meta.concrete_fields if not field.auto_created}
    raw = {
        str(field)
        for field in shown
        if str(field.verbose_name) == field.name.replace("_", " ") and field.name not in {*SAME, "id"}
    }
    assert raw == set()


def test_pages_read_show_no_list_of_codes_and_say_each_rule_in_a_sentence(client, call, administrator):
    rows = [RulesVersion.objects.earliest("pk"), ScoringGrid.objects.earliest("pk")]
    rows += [Question.objects.exclude(choices=[]).earliest("pk")] if Question.objects.exclude(choices=[]) else []
    for row in rows:
        url = reverse(f"admin:calls_{row._meta.model_name}_change", args=[row.pk])
        content = client.get(url).content.decode()
        lists = [opening for opening in ("[&quot;", "[&#x27;", '["', "['") if opening in content.partition("<main")[2]]
        assert lists == [], url
        assert not any(f"{kind}<" in content for kind in RuleKind.values), url
    page = client.get(reverse("admin:calls_rulesversion_change", args=[rows[0].pk])).content.decode()
    assert "habitants" in page and "threshold" not in page and "Ce que dit la règle" in page


@pytest.mark.parametrize(
    ("kind", "answers", "made"),
    [
        ("organisation_kinds", {"kinds": ["commune", "epci"]}, {"kinds": ["commune", "epci"], "groupings": False}),
        ("population_at_least", {"threshold": "100\u00a0000"}, {"threshold": 100_000}),
        ("population_at_least", {"threshold": "3 500"}, {"threshold": 3_500}),
        (
            "population_below",
            {"threshold": "9", "exempt_kinds": ["region"]},
            {"threshold": 9, "exempt_kinds": ["region"]},
        ),
        ("one_per_organisation", {}, {}),
        ("one_per_organisation", {"maximum": "2"}, {"maximum": 2}),
        ("prior_authorisation", {"label": "une habilitation"}, {"label": "une habilitation"}),
        ("in_territory", {"departements": "48, 2a 48"}, {"departements": ["48", "2A"]}),
    ],
)
def test_rule_is_made_of_what_was_answered(call, kind, answers, made):
    form = rule_form(call, kind, answers)
    assert form.is_valid(), form.errors
    assert form.instance.parameters == made


@pytest.mark.parametrize(
    ("kind", "answers", "field", "told"),
    [
        ("organisation_kinds", {}, "kinds", "au moins une catégorie"),
        ("population_at_least", {}, "threshold", "Donnez le seuil"),
        ("population_below", {"threshold": "5", "label": "x"}, "label", "ne lit pas ce champ"),
        ("prior_authorisation", {}, "label", "Nommez l’habilitation"),
        ("in_territory", {}, "departements", "au moins un département"),
        ("in_territory", {"departements": "48 999"}, "departements", "ne connaît pas ce code\u00a0: 999"),
    ],
)
def test_rule_that_lacks_its_answer_is_told_at_the_field(call, kind, answers, field, told):
    form = rule_form(call, kind, answers)
    assert not form.is_valid()
    assert set(form.errors) == {field}
    assert told in form.errors[field][0]


def rule_form(call, kind, answers):
    rule = EligibilityRule(rules_version=call.rules_versions.earliest("number"))
    data = {"axis": call.axes.earliest("pk").pk, "position": 99, "kind": kind, "source": "Règlement", **answers}
    return EligibilityRuleForm(data, instance=rule)


def test_every_rule_has_its_questions():
    assert set(ASKED) == set(RuleKind.values)
    assert {name for names in ASKED.values() for name in names} == set(EligibilityRuleForm.declared_fields)


def send_mandate(client, call, **fields):
    person = UserFactory()
    names = ("axis", "departement_code", "region_code", "organisation_name", "ends_at_0", "ends_at_1")
    today = {"starts_at_0": timezone.localdate().isoformat(), "starts_at_1": "00:00"}
    sent = {**dict.fromkeys(names, ""), **today, "call": call.pk, "role": "screener", "email": person.email, **fields}
    answer = client.post(reverse("admin:calls_mandate_add"), sent)
    errors = answer.context["adminform"].form.errors if answer.status_code == 200 else {}
    return Mandate.objects.filter(user=person).first(), errors


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"departement_code": "99"}, "departement_code", "ne connaît pas de département 99"),
        ({"region_code": "00"}, "region_code", "ne connaît pas de région 00"),
        ({"departement_code": "48", "region_code": "94"}, "region_code", "un département ou pour une région"),
        ({"role": "chair", "departement_code": "48"}, "departement_code", "siège pour tout l’axe"),
        ({"role": "juror", "region_code": "94"}, "region_code", "siège pour tout l’axe"),
    ],
)
def test_mandate_that_no_page_could_read_is_refused_at_its_field(client, call, administrator, fields, field, told):
    mandate, errors = send_mandate(client, call, **fields)
    assert mandate is None
    assert set(errors) == {field}
    assert told in errors[field][0]


def test_mandate_of_a_known_territory_is_kept_as_the_referential_writes_it(client, call, administrator):
    mandate, errors = send_mandate(client, call, departement_code=" 2a ")
    assert not errors
    assert (mandate.departement_code, mandate.region_code) == ("2A", "")
    everywhere, errors = send_mandate(client, call, role="chair", axis=Axis.objects.filter(call=call).earliest("pk").pk)
    assert not errors and everywhere.departement_code == ""
