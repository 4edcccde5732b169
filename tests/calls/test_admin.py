"""The site's administration: who may, what a mandate lets one do, and what nobody rewrites."""

from datetime import timedelta

import psycopg
import pytest
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.hooks import may_approve_recovery
from accounts.models import User
from calls.enums import MandateRole
from calls.models import (
    Axis,
    AxisTerms,
    Criterion,
    EligibilityRule,
    Mandate,
    Question,
    RulesVersion,
    ScoringGrid,
)
from calls.services import end_mandate, grant_mandate
from core.models import JournalEntry
from territories.models import Organisation, StructureMember
from territories.services import organisation_by_siret
from territories.sirets import fictitious_siren, fictitious_siret
from tests.factories.accounts import AgentFactory, UserFactory, enrol, sign_in
from tests.factories.budget import make_call
from tests.factories.calls import the_call
from tests.factories.territories import OrganisationFactory, StructureMemberFactory

WRITTEN_ONCE = [RulesVersion, AxisTerms, EligibilityRule, Question, ScoringGrid, Criterion]


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


def test_first_person_is_made_by_a_command_and_names_the_administrators(client, call):
    call_command("createsuperuser", email="Exploitant@example.fr", interactive=False, verbosity=0)
    first = User.objects.get(email="exploitant@example.fr")
    assert first.requires_second_factor
    person = UserFactory(email="agente@example.fr")
    enrol(first)
    sign_in(client, first)
    url = reverse("admin:calls_mandate_add")
    assert client.post(url, mandate_of(call, email=person.email, role="administrator")).status_code == 302
    assert Mandate.objects.get(user=person).role == MandateRole.ADMINISTRATOR
    refused = client.post(url, mandate_of(call, email=first.email, role="administrator"))
    assert "Nul ne se donne un mandat" in refused.content.decode()


def mandate_of(call, **fields):
    today = timezone.localdate().isoformat()
    empty = {
        "axis": "",
        "departement_code": "",
        "region_code": "",
        "organisation_name": "",
        "ends_at_0": "",
        "ends_at_1": "",
    }
    return {**empty, "call": call.pk, "role": "screener", "starts_at_0": today, "starts_at_1": "00:00", **fields}


def test_administrator_grants_a_mandate_which_is_journaled_then_ends_it(client, call, administrator):
    person = UserFactory(email="agente@example.fr")
    assert client.get(reverse("admin:index")).status_code == 200
    url = reverse("admin:calls_mandate_add")
    unknown = client.post(url, mandate_of(call, email="personne@example.fr"))
    assert "Aucun compte n’a cette adresse" in unknown.content.decode()
    assert Mandate.objects.filter(user=person).count() == 0
    done = client.post(url, mandate_of(call, email=" AGENTE@example.fr "))
    assert done.status_code == 302
    mandate = Mandate.objects.get(user=person)
    assert (mandate.role, mandate.appointed_by) == ("screener", administrator)
    person.refresh_from_db()
    assert person.requires_second_factor
    assert not person.is_staff
    entry = JournalEntry.objects.get(action="mandate.granted", data__mandate=mandate.pk)
    assert entry.actor_id == administrator.pk
    assert client.get(reverse("admin:calls_mandate_change", args=[mandate.pk])).status_code == 200
    ending = {"action": "end_now", "_selected_action": [str(mandate.pk)]}
    asked = client.post(reverse("admin:calls_mandate_changelist"), ending).content.decode()
    assert "Mettre fin à ces mandats\u00a0?" in asked and "agente@example.fr" in asked and "instructeur" in asked
    assert f'name="_selected_action" value="{mandate.pk}"' in asked and 'name="confirmed"' in asked
    mandate.refresh_from_db()
    assert mandate.ends_at is None
    client.post(reverse("admin:calls_mandate_changelist"), {**ending, "confirmed": "yes"})
    mandate.refresh_from_db()
    assert mandate.ends_at is not None
    assert JournalEntry.objects.filter(action="mandate.ended", data__mandate=mandate.pk).count() == 1


def test_action_ends_what_runs_cancels_what_is_to_come_and_says_what_it_left(client, call, administrator):
    def mandate(**fields):
        return grant_mandate(
            user=UserFactory(), call=call, role=MandateRole.SCREENER, at=timezone.now(), appointed_by=None, **fields
        )

    now = timezone.now()
    running = [mandate(starts_at=now - timedelta(days=9)) for _ in range(2)]
    coming = mandate(starts_at=now + timedelta(days=9))
    over = mandate(starts_at=now - timedelta(days=9), ends_at=now - timedelta(days=1))
    chosen = [str(row.pk) for row in (*running, coming, over)]
    url = reverse("admin:calls_mandate_changelist")

    def said():
        answer = client.post(url, {"action": "end_now", "confirmed": "yes", "_selected_action": chosen}, follow=True)
        return [str(message) for message in answer.context["messages"]]

    assert said() == ["2 mandats terminés.", "1 mandat à venir annulé.", "1 mandat était déjà terminé."]
    for row in (*running, coming, over):
        row.refresh_from_db()
    assert all(row.ends_at > row.starts_at for row in (*running, over))
    assert coming.ends_at == coming.starts_at
    assert over.ends_at == now - timedelta(days=1)
    assert said() == ["4 mandats étaient déjà terminés."]
    assert JournalEntry.objects.filter(action__in=["mandate.ended", "mandate.cancelled"]).count() == 3


def test_mandate_that_ends_when_it_starts_is_refused_in_the_form(client, call, administrator):
    person = UserFactory(email="agente@example.fr")
    today = timezone.localdate().isoformat()
    sent = mandate_of(call, email=person.email, ends_at_0=today, ends_at_1="00:00")
    answer = client.post(reverse("admin:calls_mandate_add"), sent)
    assert "doit suivre son début" in answer.content.decode()
    assert not Mandate.objects.filter(user=person).exists()


def test_administration_closes_with_the_mandate_and_opens_to_no_other_role(client, call, administrator):
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in admin.site._registry
    ]
    assert {client.get(url).status_code for url in lists} == {200}
    mandate = Mandate.objects.get(user=administrator)
    end_mandate(mandate_id=mandate.pk, by=None, at=timezone.now())
    assert {client.get(url).status_code for url in lists} == {403}
    local = AgentFactory(is_staff=True)
    for fields in ({"axis": call.axes.earliest("pk")}, {"departement_code": "35"}):
        grant_mandate(
            user=local, call=call, role=MandateRole.ADMINISTRATOR, at=timezone.now(), appointed_by=None, **fields
        )
    sign_in(client, local)
    assert {client.get(url).status_code for url in lists} == {403}


def test_agreement_to_a_lost_factor_ends_with_the_mandate_and_is_not_local(client, call, administrator):
    assert may_approve_recovery(administrator)
    end_mandate(mandate_id=Mandate.objects.get(user=administrator).pk, by=None, at=timezone.now())
    assert not may_approve_recovery(User.objects.get(pk=administrator.pk))
    local = AgentFactory()
    grant_mandate(
        user=local,
        call=call,
        role=MandateRole.ADMINISTRATOR,
        at=timezone.now(),
        appointed_by=None,
        departement_code="35",
    )
    assert local.is_staff
    assert not may_approve_recovery(local)


def test_no_library_shows_its_tables_in_the_administration(db):
    assert {model._meta.app_label for model in admin.site._registry} == {"budget", "calls", "territories"}


def test_version_of_the_rules_is_added_whole_journaled_and_never_changed(client, call, administrator):
    version = call.rules_versions.earliest("number")
    page = reverse("admin:calls_rulesversion_change", args=[version.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"note": "Autre"}).status_code == 403
    assert (
        client.post(reverse("admin:calls_rulesversion_delete", args=[version.pk]), {"post": "yes"}).status_code == 403
    )
    grid = {"axis": call.axes.earliest("pk").pk, "version": 2, "maximum": 5, "jurors_per_dossier": 2}
    rows = {"criteria-TOTAL_FORMS": 0, "criteria-INITIAL_FORMS": 0}
    fields = {name: 1 for name in ("third_juror_gap", "quorum_share")}
    bare = client.post(reverse("admin:calls_scoringgrid_add"), {**grid, **rows, **fields})
    assert "Ajoutez au moins un critère" in bare.content.decode()
    criterion = {"code": "sens", "label": "Sens", "weight": 1, "position": 1, "descriptors": "0\n1\n2\n3\n4\n5"}
    rows = {"criteria-TOTAL_FORMS": 1, "criteria-INITIAL_FORMS": 0}
    rows |= {f"criteria-0-{name}": value for name, value in criterion.items()}
    ahead = client.post(reverse("admin:calls_scoringgrid_add"), {**grid, **rows, **fields, "version": 9})
    assert "La prochaine version de cet axe est la n°\u00a02." in ahead.content.decode()
    assert not ScoringGrid.objects.filter(version__gt=1).exists()
    answer = client.post(reverse("admin:calls_scoringgrid_add"), {**grid, **rows, **fields})
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    assert JournalEntry.objects.filter(chain=f"call:{call.code}", action="scoringgrid.added").count() == 1


@pytest.mark.parametrize("model", WRITTEN_ONCE)
def test_database_refuses_to_rewrite_what_dossiers_are_judged_by(call, model):
    before = model.objects.count()
    assert before
    table = model._meta.db_table
    for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)
    assert model.objects.count() == before


@pytest.mark.parametrize("statement", ["UPDATE {0} SET id = id", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
@pytest.mark.parametrize("model", WRITTEN_ONCE)
def test_not_even_a_superuser_rewrites_them_by_accident(superuser_connection, model, statement):
    the_call(timezone.now())
    with pytest.raises(psycopg.errors.RestrictViolation, match="never changed nor removed"):
        superuser_connection.execute(statement.format(model._meta.db_table))


def test_organisation_added_by_hand_is_found_by_its_name(client, administrator):
    fields = {
        "kind": "syndicat",
        "name": "Syndicat d’Énergie du Léman",
        "siret": "",
        "siren": fictitious_siren("syndicat"),
        "departement_code": "2A",
        "region_code": "94",
        "postal_code": "20000",
    }
    page = client.get(reverse("admin:territories_organisation_add")).content.decode()
    prefix = page.partition("-TOTAL_FORMS")[0].rpartition('name="')[2]
    lines = {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    for field, wrong, told in (
        ("departement_code", "99", "pas de département 99"),
        ("region_code", "77", "pas de région 77"),
        ("departement_code", "48", "n’est pas dans cette région"),
        ("postal_code", "ABC", "5 chiffres"),
        ("siren", "", "Indiquez le SIREN ou le SIRET"),
    ):
        answer = client.post(reverse("admin:territories_organisation_add"), {**fields, **lines, field: wrong})
        assert told in str(answer.context["adminform"].form.errors)
    assert not Organisation.objects.filter(search_name__contains="leman").exists()
    answer = client.post(reverse("admin:territories_organisation_add"), {**fields, **lines})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    added = Organisation.objects.get(search_name__contains="energie du leman")
    assert added.kind == "syndicat"
    assert JournalEntry.objects.filter(chain=f"organisation:{added.pk}", action="organisation.added").count() == 1


def test_number_entered_by_an_administrator_is_checked_and_vouches_but_one_merely_stated_does_not(
    client, administrator
):
    stated = OrganisationFactory(
        siren="", siret=fictitious_siret(fictitious_siren("déclaré")), siret_is_fictitious=False
    )
    taken = OrganisationFactory()
    url = reverse("admin:territories_organisation_change", args=[stated.pk])
    sent = fields_shown(client.get(url))
    assert client.post(url, {**sent, "city": "Mende"}).status_code == 302
    stated.refresh_from_db()
    assert (stated.city, stated.siren) == ("Mende", "")
    for siret, told in (("12345678901234", "clé de contrôle"), (fictitious_siret(taken.siren, 2), taken.name)):
        answer = client.post(url, {**sent, "siret": siret})
        assert told in " ".join(answer.context["adminform"].form.errors["siret"])
    answer = client.post(url, {**sent, "siren": taken.siren})
    assert "ne commence pas par" in str(answer.context["adminform"].form.errors["siren"])
    siret = fictitious_siret(fictitious_siren("vérifié"))
    assert client.post(url, {**sent, "siret": siret}).status_code == 302
    stated.refresh_from_db()
    assert (stated.siret, stated.siren) == (siret, siret[:9])
    assert organisation_by_siret(siret) == stated


def test_siren_typed_alone_is_checked(client, administrator):
    organisation = OrganisationFactory(siren="", siret="")
    url = reverse("admin:territories_organisation_change", args=[organisation.pk])
    sent = fields_shown(client.get(url))
    for siren, told in (("12345678", "9 chiffres"), ("123456789", "clé de contrôle"), ("abcdefghi", "9 chiffres")):
        answer = client.post(url, {**sent, "siren": siren})
        assert told in str(answer.context["adminform"].form.errors["siren"])
    right = fictitious_siren("tapé seul")
    assert client.post(url, {**sent, "siren": right}).status_code == 302
    organisation.refresh_from_db()
    assert organisation.siren == right


def test_line_taken_away_is_written_to_the_journal(client, administrator):
    member = StructureMemberFactory()
    url = reverse("admin:territories_organisation_change", args=[member.structure_id])
    page = client.get(url)
    (formset,) = [row.formset for row in page.context["inline_admin_formsets"]]
    prefix = formset.prefix
    sent = fields_shown(page) | {
        f"{prefix}-TOTAL_FORMS": 1,
        f"{prefix}-INITIAL_FORMS": 1,
        f"{prefix}-0-id": member.pk,
        f"{prefix}-0-structure": member.structure_id,
        f"{prefix}-0-territory_kind": member.territory_kind,
        f"{prefix}-0-territory_code": member.territory_code,
        f"{prefix}-0-DELETE": "on",
    }
    assert client.post(url, sent).status_code == 302
    assert not StructureMember.objects.exists()
    entry = JournalEntry.objects.get(chain=f"organisation:{member.structure_id}", action="organisation.changed")
    (line,) = entry.data["lines"]
    assert (line["model"], line["id"], line["deleted"]) == ("structuremember", member.pk, True)


def fields_shown(answer):
    """What the form of an administration page would send back unchanged."""
    form = answer.context["adminform"].form
    sent = {}
    for each in [form, *(row for inline in answer.context["inline_admin_formsets"] for row in inline.formset.forms)]:
        for bound in each:
            value = bound.value()
            if hasattr(bound.field.widget, "widgets"):
                for index, part in enumerate(bound.field.widget.decompress(value)):
                    sent[f"{bound.html_name}_{index}"] = "" if part is None else str(part)
            elif value not in (None, False):
                sent[bound.html_name] = str(getattr(value, "pk", value))
    for inline in answer.context["inline_admin_formsets"]:
        management = inline.formset.management_form
        sent.update({bound.html_name: bound.value() for bound in management})
    return sent


def test_administrator_of_one_call_sees_and_chooses_nothing_of_another(client, call, administrator):
    other = make_call()
    axis = Axis.objects.create(
        call=other, code="ailleurs", position=1, title="Axe d’ailleurs", rhythm="sessions", steward="X"
    )
    for model, row in (("call", other), ("axis", axis)):
        url = reverse(f"admin:calls_{model}_change", args=[row.pk])
        assert client.get(url).status_code == 302
        assert str(row) not in client.get(reverse(f"admin:calls_{model}_changelist")).content.decode()
    person = UserFactory(email="agente@example.fr")
    page = client.get(reverse("admin:calls_mandate_add"))
    assert "Axe d’ailleurs" not in page.content.decode()
    for fields in ({"call": other.pk}, {"axis": axis.pk}):
        answer = client.post(reverse("admin:calls_mandate_add"), {**mandate_of(call, email=person.email), **fields})
        assert answer.status_code == 200
    assert not Mandate.objects.filter(user=person).exists()
    grant_mandate(user=person, call=other, role=MandateRole.AUDITOR, at=timezone.now(), appointed_by=None)
    theirs = Mandate.objects.get(user=person)
    ending = {"action": "end_now", "confirmed": "yes", "_selected_action": [str(theirs.pk)]}
    client.post(reverse("admin:calls_mandate_changelist"), ending)
    theirs.refresh_from_db()
    assert theirs.ends_at is None
    assert client.get(reverse("admin:calls_call_add")).status_code == 403


def test_nobody_gives_themselves_a_mandate(client, call, administrator):
    fields = mandate_of(call, email=administrator.email, role="officer")
    answer = client.post(reverse("admin:calls_mandate_add"), fields)
    assert "Nul ne se donne un mandat" in answer.content.decode()
    assert Mandate.objects.filter(user=administrator).count() == 1


def test_change_of_a_session_is_journaled_and_a_published_call_keeps_its_threshold(client, call, administrator):
    axis = call.axes.filter(sessions__isnull=False).earliest("pk")
    now = timezone.now()
    axis.sessions.update(opens_at=now - timedelta(days=9), closes_at=now + timedelta(days=9))
    url = reverse("admin:calls_axis_change", args=[axis.pk])
    sent = fields_shown(client.get(url))
    name = next(key for key in sent if key.startswith("sessions-0-closes_at_0"))
    later = (timezone.localdate() + timedelta(days=900)).isoformat()
    assert client.post(url, {**sent, name: later}).status_code == 302
    entry = JournalEntry.objects.get(chain=f"call:{call.code}", action="axis.changed")
    assert entry.actor_id == administrator.pk
    (line,) = entry.data["lines"]
    assert line["model"] == "session"
    assert line["fields"]["closes_at"][1].startswith(later)
    assert set(line["fields"]) == {"closes_at"}
    client.post(url, fields_shown(client.get(url)))
    assert JournalEntry.objects.filter(action="axis.changed").count() == 1

    url = reverse("admin:calls_call_change", args=[call.pk])
    before = (call.two_person_threshold, call.published_at, call.code)
    sent = {
        **fields_shown(client.get(url)),
        "two_person_threshold": "99999999",
        "code": "autre",
        "summary": "Autre texte",
    }
    assert client.post(url, {**sent, "published_at_0": "", "published_at_1": ""}).status_code == 302
    call.refresh_from_db()
    assert (call.two_person_threshold, call.published_at, call.code) == before
    entry = JournalEntry.objects.get(chain=f"call:{call.code}", action="call.changed")
    assert entry.data["fields"] == {"summary": ["…", "…"]}
    assert client.post(reverse("admin:calls_call_delete", args=[call.pk]), {"post": "yes"}).status_code == 403


def test_rules_are_added_for_the_days_to_come_alone(client, call, administrator):
    version = call.rules_versions.earliest("number")
    axis = call.axes.earliest("pk")
    question = {
        "rules_version": version.pk,
        "axis": axis.pk,
        "position": 99,
        "code": "de-plus",
        "label": "Une question de plus ?",
        "kind": "text",
        "choices": "",
        "max_length": 500,
    }
    answer = client.post(reverse("admin:calls_question_add"), question)
    assert "Cette version est déjà en vigueur" in answer.content.decode()
    lines = {}
    for inline in client.get(reverse("admin:calls_rulesversion_add")).context["inline_admin_formsets"]:
        lines.update({bound.html_name: bound.value() for bound in inline.formset.management_form})
    new = {"call": call.pk, "number": 9, "vintage": version.vintage_id, "effective_at_1": "00:00", **lines}
    url = reverse("admin:calls_rulesversion_add")
    answer = client.post(url, {**new, "effective_at_0": "2021-01-01"})
    assert "jamais rétroactivement" in answer.content.decode()
    assert not Question.objects.filter(code="de-plus").exists()
    assert not RulesVersion.objects.filter(number=9).exists()
    later = (timezone.localdate() + timedelta(days=30)).isoformat()
    bare = client.post(url, {**new, "effective_at_0": later})
    assert "_addanother" in bare.content.decode()
    assert "_continue" not in bare.content.decode()
    assert "Ajoutez les conditions de chaque axe" in bare.content.decode()
    assert not RulesVersion.objects.filter(number=9).exists()
    axes = list(call.axes.order_by("position"))
    terms = {"terms-TOTAL_FORMS": len(axes)}
    for index, each in enumerate(axes):
        row = {"axis": each.pk, "aid_rate": "0,5", "amount_max": "1\u00a0000,50", "source": "Règlement"}
        row["excluded_categories"] = ["staff"]
        terms |= {f"terms-{index}-{name}": value for name, value in row.items()}
    added = Axis.objects.create(call=call, code="neuf", position=9, title="Axe neuf", rhythm="sessions", steward="X")
    terms["terms-TOTAL_FORMS"] += 1
    terms |= {f"terms-{len(axes)}-{name}": value for name, value in {**row, "axis": added.pk}.items()}
    without = client.post(url, {**new, **terms, "effective_at_0": later})
    assert "Ajoutez les règles de chaque axe. Il manque\u00a0: Axe neuf." in without.content.decode()
    assert not RulesVersion.objects.filter(number=9).exists()
    rule = {"axis": added.pk, "position": 1, "kind": "one_per_organisation", "source": "Règlement"}
    terms["eligibility_rules-TOTAL_FORMS"] = 1
    terms |= {f"eligibility_rules-0-{name}": value for name, value in rule.items()}
    kept = {**new, **terms, "effective_at_0": later}
    last = call.rules_versions.order_by("-effective_at").first()
    answer = client.post(url, {**kept, "keeps_questions": "on"}, follow=True)
    rules, questions = last.eligibility_rules.count(), last.questions.count()
    told = f"Repris de la version précédente\u00a0: {rules} règles d’éligibilité et {questions} questions."
    assert told in [str(message) for message in answer.context["messages"]]
    whole = RulesVersion.objects.get(number=9)
    assert (whole.eligibility_rules.count(), whole.questions.count()) == (rules + 1, questions)
    later = (timezone.localdate() + timedelta(days=60)).isoformat()
    assert client.post(url, {**kept, "number": 10, "effective_at_0": later}).status_code == 302
    coming = RulesVersion.objects.get(number=10)
    read = {(str(row.aid_rate), str(row.amount_max), *row.excluded_categories) for row in coming.terms.all()}
    assert (read, coming.terms.count()) == ({("0.5000", "1000.50", "staff")}, len(axes) + 1)
    assert not coming.questions.exists()
    other = Axis.objects.create(call=make_call(), code="x", position=1, title="X", rhythm="sessions", steward="X")
    wrong = client.post(reverse("admin:calls_question_add"), {**question, "rules_version": coming.pk, "axis": other.pk})
    assert wrong.status_code == 200
    right = client.post(reverse("admin:calls_question_add"), {**question, "rules_version": coming.pk})
    assert right.status_code == 302
    assert JournalEntry.objects.filter(action__in=["rulesversion.added", "question.added"]).count() == 3


def test_axis_of_another_call_is_refused_by_the_rows_of_a_version(call):
    other = Axis.objects.create(call=make_call(), code="x", position=1, title="X", rhythm="sessions", steward="X")
    version = call.rules_versions.earliest("number")
    for model in (AxisTerms, Question):
        with pytest.raises(ValidationError, match="Cet axe n’est pas celui"):
            model(rules_version=version, axis=other).clean()


def test_axis_keeps_its_code_and_its_call(client, call, administrator):
    axis = call.axes.first()
    url = reverse("admin:calls_axis_change", args=[axis.pk])
    sent = fields_shown(client.get(url))
    assert not {"code", "call"} & sent.keys()
    assert client.post(url, {**sent, "code": "renomme", "title": "Nouveau titre"}).status_code == 302
    axis.refresh_from_db()
    assert (axis.title, axis.code) == ("Nouveau titre", call.axes.first().code)
    assert axis.code != "renomme"
