"""What the administration refuses at the field: amounts, delays, days, telephones, numbers and mandates of no sense."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole
from calls.models import Axis, Call, Mandate, Session
from calls.services import end_mandate, grant_mandate
from core.journal_words import data_in_words
from core.models import JournalEntry
from tests.calls.test_admin import fields_shown, mandate_of
from tests.factories.accounts import AgentFactory, UserFactory, sign_in
from tests.factories.applications import start
from tests.factories.budget import make_axis, make_call
from tests.factories.calls import axis_of, session_of, the_call

ABSURD = [
    ("announced_amount", "-5", "supérieur à zéro"),
    ("announced_amount", "0", "supérieur à zéro"),
    ("steward_siret", "123", "14 chiffres"),
    ("steward_siret", "20000000000001", "clé de contrôle"),
    ("contact_phone", "abc", "numéro de téléphone"),
    ("completeness_months", "0", "de 1 à 36 mois"),
    ("decision_months", "0", "de 1 à 36 mois"),
    ("decision_months", "400", "de 1 à 36 mois"),
    ("two_person_threshold", "-1", "zéro ou plus"),
    ("opens_at_0", "2199-01-01", "trop lointaine"),
    ("opens_at_0", "1950-01-01", "trop ancienne"),
    ("published_at_0", "2150-01-01", "trop lointaine"),
    ("axes-0-announced_amount", "-1", "supérieur à zéro"),
]


@pytest.fixture
def call(db):
    return the_call(timezone.now())


@pytest.fixture
def administrator(client, call):
    user = AgentFactory()
    grant(user, call, MandateRole.ADMINISTRATOR)
    sign_in(client, user)
    return user


def grant(user, call, role, **fields):
    at = timezone.now() - timedelta(days=1)
    return grant_mandate(user=user, call=call, role=role, at=at, appointed_by=None, **fields)


def errors_at(page, name):
    """The sentences at the field ``name``, of the form itself or of one of its lines."""
    prefix, _, line = name.rpartition("-")
    name = line.removesuffix("_0")
    if not prefix:
        return " ".join(page.context["adminform"].form.errors.get(name, []))
    formset = page.context["inline_admin_formsets"][0].formset
    return " ".join(formset.forms[int(prefix.rpartition("-")[2])].errors.get(name, []))


@pytest.mark.parametrize(("name", "typed", "sentence"), ABSURD)
def test_absurd_value_of_a_call_is_refused_at_its_field(client, call, administrator, name, typed, sentence):
    draft = make_call(published_at=None, opens_at=timezone.now())
    make_axis(draft)
    grant(administrator, draft, MandateRole.ADMINISTRATOR)
    url = reverse("admin:calls_call_change", args=[draft.pk])
    sent = fields_shown(client.get(url))
    if name == "published_at_0":
        sent["published_at_1"] = "08:00"
    before = Call.objects.filter(pk=draft.pk).values().get()
    page = client.post(url, {**sent, name: typed})
    assert page.status_code == 200
    assert sentence in errors_at(page, name)
    assert Call.objects.filter(pk=draft.pk).values().get() == before


def test_call_is_saved_with_the_usual_values_and_a_siret_with_spaces(client, call, administrator):
    url = reverse("admin:calls_call_change", args=[call.pk])
    sent = fields_shown(client.get(url))
    siret = call.steward_siret
    spaced = f"{siret[:3]} {siret[3:6]} {siret[6:9]} {siret[9:]}"
    answer = client.post(url, {**sent, "steward_siret": spaced, "contact_phone": "+33 (0)1 99 00-88.89"})
    assert answer.status_code == 302
    call.refresh_from_db()
    assert (call.steward_siret, call.contact_phone) == (siret, "+33 (0)1 99 00-88.89")


def test_opening_of_a_published_call_stays_once_it_is_past(client, call, administrator):
    url = reverse("admin:calls_call_change", args=[call.pk])
    page = client.get(url)
    assert "opens_at" not in page.context["adminform"].form.fields
    before = call.opens_at
    later = {"opens_at_0": "2027-01-01", "opens_at_1": "08:00"}
    assert client.post(url, {**fields_shown(page), **later}).status_code == 302
    call.refresh_from_db()
    assert call.opens_at == before
    Call.objects.filter(pk=call.pk).update(opens_at=timezone.now() + timedelta(days=1))
    assert "opens_at" in client.get(url).context["adminform"].form.fields


@pytest.mark.parametrize(
    ("name", "day", "sentence"),
    [
        ("opens_at", "2199-01-01", "trop lointaine"),
        ("opens_at", "1900-01-01", "trop ancienne"),
        ("closes_at", "2199-01-01", "est close\u00a0: sa clôture ne change plus"),
        ("opens_at", "2021-06-01", "son ouverture ne change plus"),
    ],
)
def test_session_keeps_an_opening_that_is_past_and_takes_no_absurd_day(
    client, call, administrator, name, day, sentence
):
    axis, session = axis_of(call), session_of(call)
    url = reverse("admin:calls_axis_change", args=[axis.pk])
    page = client.get(url)
    sent = fields_shown(page)
    index = next(
        key.split("-")[1]
        for key, value in sent.items()
        if key.endswith("-id") and value == str(session.pk) and key.startswith("sessions")
    )
    refused = client.post(url, {**sent, f"sessions-{index}-{name}_0": day})
    assert refused.status_code == 200
    (formset,) = [each.formset for each in refused.context["inline_admin_formsets"] if each.formset.model is Session]
    assert sentence in " ".join(formset.forms[int(index)].errors.get(name, []))
    kept = Session.objects.get(pk=session.pk)
    assert (kept.opens_at, kept.closes_at) == (session.opens_at, session.closes_at)


def opened_yesterday(axis):
    """A session typed with an opening that was past already."""
    now = timezone.now()
    return axis.sessions.create(
        code="hier", title="Hier", opens_at=now - timedelta(days=1), closes_at=now + timedelta(days=60)
    )


@pytest.mark.parametrize("published_at", [None, timedelta(days=5)])
def test_opening_typed_in_the_past_is_corrected_while_nobody_can_file(call, published_at):
    Call.objects.filter(pk=call.pk).update(published_at=published_at and timezone.now() + published_at)
    call.refresh_from_db()
    session = opened_yesterday(axis_of(call))
    session.opens_at += timedelta(days=9)
    session.clean()
    session.opens_at -= timedelta(days=20)
    session.clean()


def test_opening_in_the_past_stays_once_the_call_is_published(call):
    session = opened_yesterday(axis_of(call))
    session.opens_at += timedelta(days=9)
    with pytest.raises(ValidationError, match="son ouverture ne change plus"):
        session.clean()


def test_opening_stays_once_a_dossier_is_begun_even_on_a_call_taken_back(call):
    session = start().session
    Call.objects.update(published_at=None)
    session = Session.objects.get(pk=session.pk)
    session.opens_at += timedelta(hours=1)
    with pytest.raises(ValidationError, match="son ouverture ne change plus"):
        session.clean()


def test_opening_of_a_published_call_is_not_typed_on_a_day_that_is_past(call):
    axis, now = axis_of(call), timezone.now()
    new = Session(axis=axis, code="neuve", title="Neuve", opens_at=now, closes_at=now + timedelta(days=60))
    new.clean()
    new.opens_at = timezone.localtime(now).replace(hour=0, minute=0, second=0)
    new.clean()
    new.opens_at -= timedelta(minutes=1)
    with pytest.raises(ValidationError, match="pas un jour déjà passé"):
        new.clean()
    new.opens_at = now + timedelta(days=9)
    new.save()
    new.opens_at = now - timedelta(days=2)
    with pytest.raises(ValidationError, match="pas un jour déjà passé"):
        new.clean()
    Call.objects.filter(pk=call.pk).update(published_at=None)
    Session.objects.get(pk=new.pk).clean()
    new.axis.call.refresh_from_db()
    new.clean()


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Call, {"announced_amount": -5}),
        (Call, {"two_person_threshold": -1}),
        (Call, {"decision_months": 0}),
        (Call, {"completeness_months": 0}),
        (Axis, {"announced_amount": 0}),
    ],
)
def test_database_refuses_an_amount_below_zero_and_a_delay_of_no_month(call, model, fields):
    (name,) = fields
    rule = "delays" if name.endswith("months") else "amount"
    with pytest.raises(IntegrityError, match=f"calls_{model._meta.model_name}_{rule}"), transaction.atomic():
        model.objects.update(**fields)
    assert not model.objects.filter(**fields).exists()


@pytest.mark.parametrize(("day", "sentence"), [("1900-12-01", "trop ancienne"), ("2199-12-01", "trop lointaine")])
def test_mandate_starts_on_a_day_that_makes_sense(client, call, administrator, day, sentence):
    person = UserFactory()
    page = client.post(reverse("admin:calls_mandate_add"), mandate_of(call, email=person.email, starts_at_0=day))
    assert sentence in errors_at(page, "starts_at")
    assert not Mandate.objects.filter(user=person).exists()


def test_mandate_already_held_is_refused_until_it_ends_and_another_territory_is_another_mandate(
    client, call, administrator
):
    person = UserFactory()
    held = grant(person, call, MandateRole.SCREENER, departement_code="35")
    url = reverse("admin:calls_mandate_add")
    again = mandate_of(call, email=person.email, departement_code=" 35 ")
    assert "a déjà ce mandat, depuis le" in errors_at(client.post(url, again), "role")
    assert Mandate.objects.filter(user=person).count() == 1
    for other in ({"departement_code": "48"}, {"axis": axis_of(call).pk}, {"role": "auditor", "departement_code": ""}):
        assert client.post(url, {**again, **other}).status_code == 302, other
    end_mandate(mandate_id=held.pk, by=None, at=timezone.now())
    later = (timezone.localdate() + timedelta(days=1)).isoformat()
    assert client.post(url, {**again, "starts_at_0": later}).status_code == 302


def test_both_hands_of_a_list_given_to_one_person_are_allowed_and_said(client, call, administrator):
    person = UserFactory()
    url = reverse("admin:calls_mandate_add")

    def said(role):
        page = client.post(url, mandate_of(call, email=person.email, role=role), follow=True)
        return [str(message) for message in page.context["messages"] if message.level_tag == "warning"]

    assert said("officer") == []
    (sentence,) = said("releaser")
    assert "gestionnaire et d’ordonnateur" in sentence and str(person) in sentence
    (sentence,) = said("signatory")
    assert "gestionnaire du ministère" in sentence and "ordonnateur" in sentence and str(person) in sentence
    assert Mandate.objects.filter(user=person).count() == 3


def page_of_axis(client, axis):
    url = reverse("admin:calls_axis_change", args=[axis.pk])
    return url, fields_shown(client.get(url))


def test_axis_is_paid_by_an_envelope_that_exists(client, call, administrator):
    first, second, pack = axis_of(call, "axe-1"), axis_of(call, "axe-2"), axis_of(call, "pack-franceconnect")
    url, sent = page_of_axis(client, first)
    for payer in (first, pack):
        page = client.post(url, {**sent, "funded_from": payer.pk})
        assert page.status_code == 200
        assert page.context["adminform"].form.errors["funded_from"], payer
    # Whoever pays for another axis keeps an envelope; and a payer has one.
    url, sent = page_of_axis(client, second)
    page = client.post(url, {**sent, "funded_from": first.pk})
    assert "Un autre axe se finance sur celui-ci" in page.context["adminform"].form.errors["funded_from"][0]
    url, sent = page_of_axis(client, first)
    Axis.objects.filter(pk=second.pk).update(announced_amount=None)
    page = client.post(url, {**sent, "funded_from": second.pk})
    assert "sa propre enveloppe" in page.context["adminform"].form.errors["funded_from"][0]
    Axis.objects.filter(pk=second.pk).update(announced_amount=24_000_000)
    assert client.post(url, {**sent, "funded_from": second.pk}).status_code == 302


def test_axis_that_is_added_is_judged_within_its_call(client, call, administrator):
    url = reverse("admin:calls_axis_add")
    sent = fields_shown(client.get(url)) | {"call": call.pk, "code": "neuf", "position": 9, "title": "Neuf"}
    sent |= {"summary": "Essai", "steward": "DN", "rhythm": "sessions"}
    page = client.post(url, {**sent, "announced_amount": "999000000"})
    assert "plus que les" in page.context["adminform"].form.errors["announced_amount"][0]
    assert client.post(url, {**sent, "funded_from": axis_of(call, "axe-2").pk}).status_code == 302
    assert Axis.objects.get(code="neuf").funded_from == axis_of(call, "axe-2")


def test_session_closes_at_the_minute_typed_now(client, call, administrator):
    axis, now = axis_of(call, "axe-1"), timezone.now()
    axis.sessions.update(opens_at=now - timedelta(days=9), closes_at=now + timedelta(days=9))
    url, sent = page_of_axis(client, axis)
    local = timezone.localtime(now)
    for position in range(axis.sessions.count()):
        sent |= {
            f"sessions-{position}-closes_at_0": local.date().isoformat(),
            f"sessions-{position}-closes_at_1": local.strftime("%H:%M"),
        }
    assert client.post(url, sent).status_code == 302


def test_what_pays_a_dossier_and_when_one_files_it_do_not_change_under_it(client, call, administrator):
    axis = start(session=session_of(call)).axis
    url, sent = page_of_axis(client, axis)
    before = (axis.rhythm, axis.is_territorial, axis.funded_from_id)
    asked = {"rhythm": "continuous", "is_territorial": "on", "funded_from": axis_of(call, "axe-2").pk}
    assert client.post(url, {**sent, **asked, "summary": "Autre présentation"}).status_code == 302
    axis.refresh_from_db()
    assert (axis.rhythm, axis.is_territorial, axis.funded_from_id) == before
    assert axis.summary == "Autre présentation"


def test_amounts_of_the_axes_hold_in_that_of_the_call(client, call, administrator):
    axis = axis_of(call)
    url, sent = page_of_axis(client, axis)
    page = client.post(url, {**sent, "announced_amount": "99\u00a0000\u00a0000"})
    assert "plus que les" in page.context["adminform"].form.errors["announced_amount"][0]
    url = reverse("admin:calls_call_change", args=[call.pk])
    page = client.post(url, {**fields_shown(client.get(url)), "announced_amount": "1"})
    assert page.status_code == 200
    assert "plus que les 1,00" in page.content.decode()
    call.refresh_from_db()
    assert call.announced_amount > 1


def test_open_session_closes_later_or_now_and_never_in_the_past(client, call, administrator):
    axis, now = axis_of(call), timezone.now()
    axis.sessions.update(opens_at=now - timedelta(days=9), closes_at=now + timedelta(days=9))
    url, sent = page_of_axis(client, axis)
    yesterday, later = (timezone.localdate() + timedelta(days=days) for days in (-1, 30))
    refused = client.post(url, {**sent, "sessions-0-closes_at_0": yesterday.isoformat()})
    assert "Cet instant est passé" in refused.content.decode()
    assert client.post(url, {**sent, "sessions-0-closes_at_0": later.isoformat()}).status_code == 302
    entry = JournalEntry.objects.get(chain=f"call:{call.code}", action="axis.changed")
    (words, _) = data_in_words(entry.data, {}, action=entry.action)
    (told,) = [text for label, text in words if label.startswith("relève")]
    assert "clôture" in told and "→" in told and "closes_at" not in told


def test_choice_of_a_list_is_kept_and_told_by_its_label(client, call, administrator):
    axis = axis_of(call)
    url, sent = page_of_axis(client, axis)
    assert client.post(url, {**sent, "rhythm": "continuous"}).status_code == 302
    entry = JournalEntry.objects.get(action="axis.changed")
    assert entry.data["fields"]["rhythm"] == [axis.rhythm, "continuous"]
    (words, _) = data_in_words(entry.data, {}, action=entry.action)
    assert dict(words)["rythme"] == "relèves → guichet continu"


def test_same_role_elsewhere_is_no_heap_and_a_third_role_is_said_beside_the_two_hands(client, call, administrator):
    url = reverse("admin:calls_mandate_add")

    def said(person, role, **fields):
        page = client.post(url, mandate_of(call, email=person.email, role=role, **fields), follow=True)
        return [str(message) for message in page.context["messages"] if message.level_tag == "warning"]

    screener, heaped = UserFactory(), UserFactory()
    assert said(screener, "screener", departement_code="35") == []
    assert said(screener, "screener", departement_code="48") == []
    assert said(heaped, "signatory") == []
    assert len(said(heaped, "officer")) == 1
    both, third = said(heaped, "releaser")
    assert "les deux mandats" in both
    assert "signataire" in third and "gestionnaire" not in third
