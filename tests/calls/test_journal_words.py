"""What the journal says of a version of the rules: the words of its form, and never the names that the code gives them."""

import re
from datetime import timedelta

import pytest
from django import forms
from django.urls import reverse
from django.utils import timezone

from calls.admin import RulesVersionForm
from calls.enums import MandateRole
from calls.models import EligibilityRule, RulesVersion
from calls.rule_forms import EligibilityRuleForm
from calls.services import grant_mandate
from core.journal_changes import label_of
from core.journal_words import data_in_words
from core.models import JournalEntry
from tests.factories.accounts import AgentFactory, sign_in
from tests.factories.calls import the_call


@pytest.fixture
def call(db):
    return the_call(timezone.now())


def told(entry):
    words, proofs = data_in_words(entry.data, {}, action=entry.action)
    assert proofs == []
    return {label.replace("\u00a0", " "): text.replace("\u00a0", " ") for label, text in words}


def test_rules_added_in_the_administration_are_told_by_the_questions_of_their_form(client, call):
    administrator = AgentFactory()
    yesterday = timezone.now() - timedelta(days=1)
    grant_mandate(user=administrator, call=call, role=MandateRole.ADMINISTRATOR, at=yesterday, appointed_by=None)
    sign_in(client, administrator)
    url = reverse("admin:calls_rulesversion_add")
    sent = {"call": call.pk, "number": 9, "vintage": call.rules_versions.earliest("number").vintage_id}
    sent |= {"effective_at_0": (timezone.localdate() + timedelta(days=30)).isoformat(), "effective_at_1": "00:00"}
    for inline in client.get(url).context["inline_admin_formsets"]:
        sent |= {bound.html_name: bound.value() for bound in inline.formset.management_form}
    axes = list(call.axes.order_by("position"))
    rules = [
        {"kind": "organisation_kinds", "kinds": ["commune"]},
        {"kind": "population_at_least", "threshold": 500, "groupings": "on"},
    ]
    for name, rows in (
        ("terms", [{"aid_rate": "0.50", "amount_max": "100000"}] * len(axes)),
        ("eligibility_rules", rules),
    ):
        sent[f"{name}-TOTAL_FORMS"] = len(rows)
        for index, row in enumerate(rows):
            axis = axes[index] if name == "terms" else axes[0]
            row = {"axis": axis.pk, "position": index + 1, "source": "Règlement", **row}
            sent |= {f"{name}-{index}-{field}": value for field, value in row.items()}
    answer = client.post(url, sent)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    words = told(JournalEntry.objects.get(action="rulesversion.added"))
    assert words["version"] == "9"
    assert words["reprendre les questions de la version précédente"] == "non"
    terms = [text for label, text in words.items() if label.startswith("conditions de l’axe")]
    assert len(terms) == len(axes)
    assert "taux maximal d’aide : 0,5 ; aide maximale : 100 000,00 €" in terms[0].replace("\u202f", " ")
    assert "participation minimale de 20 % : non" in terms[0]
    of_kinds, of_people = [text for label, text in words.items() if label.startswith("règle d’éligibilité")]
    assert "ordre : 1" in of_kinds
    assert "catégories qui peuvent demander : écrit" in of_kinds
    assert "un groupement de ces collectivités peut demander aussi : non" in of_kinds
    assert "seuil, en habitants : 500" in of_people
    whole = " ".join([*words, *words.values()])
    assert "→" not in whole and "vide" not in whole
    assert (
        re.findall(r"[a-z]+_[a-z_]+|\b(?:kinds|groupings|threshold|label|maximum|departements|regions)\b", whole) == []
    )


@pytest.mark.parametrize(("model", "form"), [(EligibilityRule, EligibilityRuleForm), (RulesVersion, RulesVersionForm)])
def test_each_question_of_a_form_has_its_words(model, form):
    questions: dict[str, forms.Field] = form.declared_fields
    assert questions
    for name, question in questions.items():
        words = label_of(model, name)
        assert words.casefold() == str(question.label).casefold() and words[:1].islower()


def test_change_of_a_row_already_there_is_told_from_what_to_what():
    changed = {"fields": {"announced_amount": [None, "5.00"], "position": [1, 2]}}
    words, _ = data_in_words(changed, {}, action="axis.changed")
    assert [text.replace("\u00a0", " ") for _, text in words] == ["vide → 5,00 €", "1 → 2"]
    words, _ = data_in_words({"fields": {"quorum_share": ["0.50", "0.6600"]}}, {}, action="scoringgrid.changed")
    assert words == [("quorum (part des membres)", "0,5 → 0,66")]


def test_line_added_to_a_call_already_there_is_told_without_what_was_before():
    line = {
        "model": "axis",
        "id": 7,
        "fields": {"position": [None, 2], "title": [None, "…"], "announced_amount": [None, "5.00"]},
    }
    words, _ = data_in_words({"id": 1, "fields": {}, "lines": [line]}, {}, action="call.changed")
    ((_, text),) = words
    assert text.replace("\u00a0", " ") == "ordre : 2 ; titre : écrit ; montant annoncé : 5,00 €"


def test_question_of_no_form_keeps_the_name_that_the_journal_has():
    words, _ = data_in_words(
        {"fields": {"forgotten_question": [None, 3], "person": [None, 4]}}, {}, action="call.changed"
    )
    assert words == [("forgotten_question", "3"), ("personne", "4")]
