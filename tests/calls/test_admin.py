"""The site's administration: who may, what a mandate lets one do, and what nobody rewrites."""

from datetime import timedelta

import psycopg
import pytest
from django.contrib import admin
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.hooks import may_approve_recovery
from accounts.models import User
from calls.enums import MandateRole
from calls.models import AxisTerms, Criterion, EligibilityRule, Mandate, Question, RulesVersion, ScoringGrid
from calls.services import end_mandate, grant_mandate
from core.models import JournalEntry
from territories.models import Organisation
from tests.factories.accounts import AgentFactory, UserFactory, sign_in
from tests.factories.calls import the_call

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
    client.post(reverse("admin:calls_mandate_changelist"), {"action": "end_now", "_selected_action": [str(mandate.pk)]})
    mandate.refresh_from_db()
    assert mandate.ends_at is not None
    assert JournalEntry.objects.filter(action="mandate.ended", data__mandate=mandate.pk).count() == 1


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
        "siren": "",
        "departement_code": "74",
    }
    page = client.get(reverse("admin:territories_organisation_add")).content.decode()
    prefix = page.partition("-TOTAL_FORMS")[0].rpartition('name="')[2]
    lines = {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    answer = client.post(reverse("admin:territories_organisation_add"), {**fields, **lines})
    assert answer.status_code == 302, answer.content.decode()[-2000:]
    assert Organisation.objects.get(search_name__contains="energie du leman").kind == "syndicat"
