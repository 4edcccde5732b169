"""The form part that confirms an act: last, once, and at its field."""

import pytest
from allauth.mfa.models import Authenticator
from django import forms
from django.utils import timezone

from accounts import confirmations, totp
from accounts.act_forms import ConfirmedActMixin
from accounts.confirmations import WRONG_CODES
from accounts.models import Confirmation, UsedCode
from core.errors import Refused
from tests.factories.accounts import UserFactory, code_of

DIGEST = "a" * 64


class SignForm(ConfirmedActMixin):
    place = forms.CharField(max_length=20)


def form_for(user, data=None):
    return SignForm(data, user=user, act="conventions.sign", content_sha256=DIGEST)


@pytest.mark.django_db
def test_valid_form_leaves_a_confirmation_that_the_service_uses():
    user = UserFactory(second_factor=True)
    code = code_of(user)
    form = form_for(user, {"place": "Nantes", "confirmation_code": f"{code[:3]} {code[3:]}"})
    assert form.is_valid(), form.errors
    used = confirmations.consume(user=user, act="conventions.sign", content_sha256=DIGEST, at=timezone.now())
    assert used == form.confirmation


@pytest.mark.django_db
def test_no_code_is_spent_on_a_form_with_another_error():
    user = UserFactory(second_factor=True)
    form = form_for(user, {"place": "", "confirmation_code": code_of(user)})
    assert not form.is_valid()
    assert set(form.errors) == {"place"}
    assert not UsedCode.objects.exists()
    assert not Confirmation.objects.exists()


@pytest.mark.django_db
def test_wrong_code_is_told_at_its_field_and_what_was_typed_stays():
    user = UserFactory(second_factor=True)
    secret = totp.secret_of(user)
    codes = (f"{number:06d}" for number in range(10))
    wrong = next(code for code in codes if totp.matching_step(secret=secret, code=code, at=timezone.now()) is None)
    form = form_for(user, {"place": "Nantes", "confirmation_code": wrong})
    assert form.errors == {
        "confirmation_code": [
            "Ce code n’est pas le bon ou il a déjà servi. Attendez le code suivant (30 secondes au plus) et saisissez-le."
        ]
    }
    html = str(form)
    assert "Nantes" in html
    assert f'value="{wrong}"' not in html, "a code is never shown again"


@pytest.mark.django_db
def test_what_cannot_be_a_code_is_told_so_and_is_no_try():
    user = UserFactory(second_factor=True)
    for typed in ("", "123", "abcdef", "1234567", "١٢٣٤٥٦"):
        form = form_for(user, {"place": "Nantes", "confirmation_code": typed})
        sentence = "Un code compte six chiffres." if typed else "Saisissez le code affiché par votre application."
        assert [text.partition(" Saisissez celui")[0] for text in form.errors["confirmation_code"]] == [sentence], typed
        assert "Nantes" in str(form)
    for _ in range(WRONG_CODES):
        form_for(user, {"place": "Nantes", "confirmation_code": "12345"}).is_valid()
    right = form_for(user, {"place": "Nantes", "confirmation_code": code_of(user)})
    assert right.is_valid(), right.errors


@pytest.mark.django_db
def test_refusal_of_the_service_goes_to_its_field_or_above():
    form = form_for(UserFactory(second_factor=True), {"place": "Nantes"})
    form.is_valid()
    form.refuse(Refused("pas ici", field="place"))
    form.refuse(Refused("enveloppe épuisée", field="amount"))
    assert form.errors["place"] == ["pas ici"]
    assert form.non_field_errors() == ["enveloppe épuisée"]


@pytest.mark.django_db
def test_forged_passkey_answer_is_refused():
    user = UserFactory(second_factor=True)
    for answer in ("{}", "[]", "[" * 100_000, "pas du JSON", '{"id": "x", "response": {}}'):
        form = form_for(user, {"place": "Nantes", "confirmation_credential": answer})
        assert not form.is_valid()
        assert set(form.errors) == {"confirmation_code"}
    assert not Confirmation.objects.exists()


@pytest.mark.django_db
def test_person_without_factor_is_told_where_to_go():
    form = form_for(UserFactory())
    assert "Mon compte" in form.fields["confirmation_code"].help_text
    assert not Authenticator.objects.exists()
