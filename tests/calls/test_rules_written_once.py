"""What enters the rules of a call is understood by every page: once written, it never changes."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole
from calls.models import Axis, AxisTerms, Criterion, EligibilityRule, Question, ScoringGrid, Session
from calls.services import copy_questions, copy_rules, current_call, grant_mandate, open_sessions
from core.models import JournalEntry
from tests.calls.test_admin import fields_shown
from tests.factories.accounts import AgentFactory, sign_in
from tests.factories.budget import make_axis, make_call
from tests.factories.calls import the_call


@pytest.fixture
def call(db):
    return the_call(timezone.now())


@pytest.fixture
def administrator(client, call):
    user = AgentFactory()
    grant_mandate(
        user=user, call=call, role=MandateRole.ADMINISTRATOR, at=timezone.now() - timedelta(days=1), appointed_by=None
    )
    sign_in(client, user)
    return user


@pytest.mark.parametrize("codes", [["staffs"], "staff", {"staff": 1}, ["staff", "staff"], [["staff"]], [1]])
def test_excluded_categories_that_no_page_could_name_are_refused(call, codes):
    terms = AxisTerms.objects.first()
    with pytest.raises(ValidationError, match="Choisissez parmi les catégories"):
        AxisTerms(rules_version=terms.rules_version, axis=terms.axis, excluded_categories=codes).clean()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "choice", "choices": []}, "choices"),
        ({"kind": "choice", "choices": 5}, "choices"),
        ({"kind": "choice", "choices": ["oui", "oui"]}, "choices"),
        ({"kind": "choice", "choices": ["oui", " "]}, "choices"),
        ({"kind": "choice", "choices": [["oui"]]}, "choices"),
        ({"kind": "choice", "choices": ["oui", "non\x00"]}, "choices"),
        ({"kind": "text", "choices": ["oui"]}, "choices"),
        ({"code": "version"}, "code"),
        ({"code": "stay"}, "code"),
    ],
)
def test_question_that_no_page_could_ask_is_refused(call, fields, field):
    known = Question.objects.first()
    common = {"rules_version": known.rules_version, "axis": known.axis, "code": "neuve", "position": 9}
    Question(**common, kind="choice", choices=["oui", "non"]).clean()
    with pytest.raises(ValidationError) as refused:
        Question(**{**common, **fields}).clean()
    assert list(refused.value.message_dict) == [field]


@pytest.mark.parametrize(
    ("amounts", "constraint"),
    [
        ({"amount_min": 0}, "calls_axisterms_amounts_positive"),
        ({"amount_max": -1}, "calls_axisterms_amounts_positive"),
        ({"flat_amount": 0}, "calls_axisterms_amounts_positive"),
        ({"amount_min": 20, "amount_max": 10}, "calls_axisterms_amounts_in_order"),
    ],
)
def test_terms_with_impossible_amounts_are_refused_by_the_database(call, amounts, constraint):
    axis = call.axes.first()
    version = call.rules_versions.create(
        number=99, effective_at=timezone.now() + timedelta(days=9), vintage=call.rules_versions.first().vintage
    )
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        AxisTerms.objects.create(rules_version=version, axis=axis, aid_rate="0.5", source="X", **amounts)
    AxisTerms.objects.create(rules_version=version, axis=axis, aid_rate="0.5", source="X", amount_min=10, amount_max=10)


def new_version(call, **fields):
    values = {"number": 99, "effective_at": timezone.now() + timedelta(days=9)}
    return call.rules_versions.create(**{**values, "vintage": call.rules_versions.first().vintage, **fields})


@pytest.mark.parametrize(
    ("model", "fields", "constraint"),
    [
        (AxisTerms, {"excluded_categories": ["staffs"]}, "calls_axisterms_exclusions_known"),
        (AxisTerms, {"excluded_categories": "staff"}, "calls_axisterms_exclusions_known"),
        (AxisTerms, {"excluded_categories": [["staff"]]}, "calls_axisterms_exclusions_known"),
        (AxisTerms, {"aid_rate": "1.5"}, "calls_axisterms_rate_between_0_and_1"),
        (Question, {"kind": "choice", "choices": 5}, "calls_question_choices_of_a_choice"),
        (Question, {"kind": "choice", "choices": []}, "calls_question_choices_of_a_choice"),
        (Question, {"kind": "text", "choices": ["oui"]}, "calls_question_choices_of_a_choice"),
        (Question, {"kind": "text", "choices": 5}, "calls_question_choices_of_a_choice"),
        (Question, {"max_length": 0}, "calls_question_max_length_positive"),
        (ScoringGrid, {"maximum": 0}, "calls_scoringgrid_figures_positive"),
        (ScoringGrid, {"jurors_per_dossier": 0}, "calls_scoringgrid_figures_positive"),
        (ScoringGrid, {"quorum_share": "1.5"}, "calls_scoringgrid_figures_in_range"),
        (ScoringGrid, {"third_juror_gap": "20.5"}, "calls_scoringgrid_figures_in_range"),
        (Criterion, {"descriptors": 5}, "calls_criterion_descriptors_list"),
    ],
)
def test_database_itself_refuses_what_no_page_could_read(call, model, fields, constraint):
    axis = call.axes.first()
    ruled = {"rules_version": new_version(call), "axis": axis}
    common = {
        AxisTerms: {**ruled, "aid_rate": "0.5", "excluded_categories": ["staff", "hardware"], "source": "X"},
        Question: {**ruled, "position": 1, "code": "q"},
        ScoringGrid: {"axis": axis, "version": 9},
        Criterion: {"grid": axis.grids.first(), "code": "c", "position": 90, "weight": 1},
    }[model]
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        model.objects.create(**{**common, **fields})
    model.objects.create(**common)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"descriptors": 5}, "descriptors"),
        ({"descriptors": [1]}, "descriptors"),
        ({"descriptors": ["0", "1", "2", "3"]}, "descriptors"),
        ({"eliminatory_below": 3}, "eliminatory_below"),
    ],
)
def test_criterion_that_no_juror_could_mark_is_refused(call, fields, field):
    grid = ScoringGrid(axis=call.axes.first(), version=9, maximum=2)
    common = {"grid": grid, "descriptors": ["Rien", "Peu", "Beaucoup"], "eliminatory_below": 1}
    Criterion(**common).clean()
    with pytest.raises(ValidationError) as refused:
        Criterion(**{**common, **fields}).clean()
    assert list(refused.value.message_dict) == [field]


def test_parameter_that_no_column_holds_is_refused(call):
    rule = EligibilityRule(kind="prior_authorisation", parameters={"label": "une habilitation"})
    rule.clean()
    rule.parameters = {"label": "une\x00habilitation"}
    with pytest.raises(ValidationError) as refused:
        rule.clean()
    assert list(refused.value.message_dict) == ["parameters"]


def test_new_version_takes_up_the_questions_of_the_one_before(call, administrator):
    before = call.rules_versions.order_by("-effective_at").first()
    kept, dropped = list(call.axes.order_by("position"))[:2]
    version = call.rules_versions.create(
        number=99, effective_at=before.effective_at + timedelta(days=9000), vintage=before.vintage
    )
    AxisTerms.objects.create(rules_version=version, axis=kept, aid_rate="0.5", source="X")
    asked = list(before.questions.filter(axis=kept).values_list("code", "label", "position", "choices"))
    assert asked and before.questions.filter(axis=dropped).exists()
    assert copy_questions(version=version, at=timezone.now(), actor=administrator) == len(asked)
    assert list(version.questions.values_list("code", "label", "position", "choices")) == asked
    assert before.questions.filter(axis=kept).count() == len(asked)
    assert JournalEntry.objects.get(action="call.questions_copied").data["count"] == len(asked)


def test_new_version_takes_up_the_rules_of_the_axes_for_which_it_has_none(call, administrator):
    before = call.rules_versions.order_by("-effective_at").first()
    taken, given = list(call.axes.order_by("position"))[:2]
    version = new_version(call)
    for axis in (taken, given):
        AxisTerms.objects.create(rules_version=version, axis=axis, aid_rate="0.5", source="X")
    EligibilityRule.objects.create(
        rules_version=version, axis=given, position=1, kind="one_per_organisation", source="X"
    )
    columns = ("position", "kind", "parameters", "source")
    old = list(before.eligibility_rules.filter(axis=taken).values_list(*columns))
    assert old
    assert copy_rules(version=version, at=timezone.now(), actor=administrator) == len(old)
    assert list(version.eligibility_rules.filter(axis=taken).values_list(*columns)) == old
    assert version.eligibility_rules.filter(axis=given).count() == 1
    assert JournalEntry.objects.get(action="call.rules_copied").data["count"] == len(old)
    assert copy_rules(version=version, at=timezone.now(), actor=administrator) == 0
    assert JournalEntry.objects.filter(action="call.rules_copied").count() == 1


def test_version_added_in_the_administration_keeps_the_questions_unless_told_otherwise(client, call, administrator):
    page = client.get(reverse("admin:calls_rulesversion_add"))
    assert page.context["adminform"].form["keeps_questions"].value() is True
    seen = client.get(reverse("admin:calls_rulesversion_change", args=[call.rules_versions.first().pk]))
    assert seen.status_code == 200
    assert "Reprendre les questions" not in seen.content.decode()


def test_session_of_an_axis_on_which_the_rules_are_silent_is_refused_and_never_offered(call):
    now = timezone.now()
    bare = Axis.objects.create(call=call, code="neuf", position=9, title="Neuf", rhythm="sessions", steward="X")
    session = Session(
        axis=bare, code="r", title="R", opens_at=now - timedelta(days=1), closes_at=now + timedelta(days=9)
    )
    with pytest.raises(ValidationError, match="ne dit rien de cet axe"):
        session.clean()
    with pytest.raises(ValidationError, match="ne dit rien de cet axe"):
        Session(axis=bare, code="avant", opens_at=call.opens_at - timedelta(days=900), closes_at=now).clean()
    session.save()
    session.clean()
    session.opens_at -= timedelta(hours=1)
    with pytest.raises(ValidationError, match="ne dit rien de cet axe"):
        session.clean()
    offered = list(open_sessions(call, now))
    assert offered and session not in offered
    Session(axis=call.axes.first(), code="s", title="S", opens_at=now, closes_at=now + timedelta(days=9)).clean()


def test_call_to_come_never_hides_the_one_that_runs(call):
    now = timezone.now()
    later = make_call(opens_at=now + timedelta(days=90), published_at=now - timedelta(days=1))
    assert current_call(now) == call
    assert current_call(now, later.code) == later
    assert current_call(now, "inconnu") == current_call(now, "\x00") == call
    Session.objects.filter(axis__call=call).update(opens_at=now - timedelta(days=9), closes_at=now - timedelta(days=8))
    assert current_call(now) == call, "its rules are in force"
    opened = Session(axis=make_axis(later), code="r", title="R")
    opened.opens_at, opened.closes_at = now - timedelta(days=1), now + timedelta(days=1)
    opened.save()
    assert current_call(now) == call, "nobody may file on an axis without terms"
    version = later.rules_versions.create(
        number=1, effective_at=now - timedelta(days=1), vintage=call.rules_versions.first().vintage
    )
    AxisTerms.objects.create(rules_version=version, axis=opened.axis, aid_rate="0.5", source="X")
    assert current_call(now) == later


def test_home_and_simulator_show_the_call_that_runs_and_let_one_choose_the_other(client, call):
    now = timezone.now()
    page = client.get(reverse("eligibility"))
    assert "Choisir cet appel" not in page.content.decode()
    later = make_call(opens_at=now + timedelta(days=90), published_at=now - timedelta(days=1), title="L’appel suivant")
    assert call.title in client.get(reverse("home")).content.decode()
    page = client.get(reverse("eligibility"), {"qui": "commune:35238"})
    text = page.content.decode()
    assert page.context["call"] == call and "Choisir cet appel" in text
    assert f"/dossiers/nouveau/?appel={call.code}" in text
    assert '<input type="hidden" name="qui" value="commune:35238">' in text.partition("Choisir cet appel")[0]
    other = client.get(reverse("eligibility"), {"qui": "commune:35238", "appel": later.code})
    assert other.context["call"] == later
    assert "Aucune règle n’est en vigueur" in other.content.decode()
    assert f'<input type="hidden" name="appel" value="{later.code}">' in other.content.decode()


def test_axis_keeps_its_code_on_the_page_of_its_call(client, call, administrator):
    url = reverse("admin:calls_call_change", args=[call.pk])
    sent = fields_shown(client.get(url))
    name = next(key for key in sent if key.startswith("axes-0-code"))
    assert client.post(url, {**sent, name: "renomme", "axes-0-title": "Nouveau titre"}).status_code == 302
    axis = call.axes.get(pk=sent["axes-0-id"])
    assert (axis.title, axis.code) == ("Nouveau titre", sent[name])
    added = {"position": 9, "code": "neuf", "title": "Neuf", "rhythm": "sessions", "id": "", "call": call.pk}
    count = int(sent["axes-TOTAL_FORMS"])
    more = {f"axes-{count}-{field}": value for field, value in added.items()}
    assert client.post(url, {**fields_shown(client.get(url)), **more, "axes-TOTAL_FORMS": count + 1}).status_code == 302
    assert call.axes.filter(code="neuf").exists()
