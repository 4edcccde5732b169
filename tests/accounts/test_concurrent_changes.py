"""What a person writes of themself never undoes what others write of them at the same instant."""

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests.accounts.test_sign_in import code_in, mails
from tests.concurrency import while_uncommitted
from tests.factories.accounts import PASSWORD, AgentFactory, UserFactory, sign_in

NEW = "une toute autre phrase"
FLAGS = {"is_staff": True, "requires_second_factor": True}
NAME = {"first_name": "Aude", "last_name": "Perrin", "job_title": "maire", "phone": ""}

pytestmark = pytest.mark.django_db(transaction=True)


def given(user, **flags):
    return lambda: User.objects.filter(pk=user.pk).update(**flags)


@pytest.mark.parametrize("flags", [FLAGS, {"is_active": False}], ids=["power", "closed"])
def test_name_saved_while_flags_change_leaves_them(client, flags):
    user = UserFactory()
    sign_in(client, user)
    assert while_uncommitted(given(user, **flags), lambda: client.post(reverse("account_identity"), NAME)) == []
    assert User.objects.filter(pk=user.pk, **flags, **NAME).exists()


@pytest.mark.parametrize("flags", [FLAGS, {"is_active": False}], ids=["power", "closed"])
def test_password_changed_while_flags_change_leaves_them(client, flags):
    user = UserFactory()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert while_uncommitted(given(user, **flags), lambda: client.post(reverse("account_change_password"), sent)) == []
    user = User.objects.get(pk=user.pk, **flags)
    assert user.check_password(NEW)
    assert user.is_password_long


def test_password_reset_while_flags_change_leaves_them(client):
    user = UserFactory()
    client.post(reverse("account_reset_password"), {"email": user.email})
    client.post(reverse("account_confirm_password_reset_code"), {"code": code_in(mails()[-1])})
    page, sent = reverse("account_complete_password_reset"), {"password1": NEW, "password2": NEW}
    assert while_uncommitted(given(user, **FLAGS), lambda: client.post(page, sent)) == []
    assert User.objects.get(pk=user.pk, **FLAGS).check_password(NEW)


def test_first_password_chosen_while_flags_change_leaves_them(client):
    user = UserFactory()
    user.set_unusable_password()
    user.save()
    sign_in(client, user)
    page, sent = reverse("account_set_password"), {"password1": NEW, "password2": NEW}
    assert while_uncommitted(given(user, **FLAGS), lambda: client.post(page, sent)) == []
    assert User.objects.get(pk=user.pk, **FLAGS).check_password(NEW)


def showing(user, factor):
    """A browser of this person, this factor shown and the password typed a moment ago."""
    client = Client()
    sign_in(client, user)
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "mfa", "at": timezone.now().timestamp(), "id": factor.pk, "type": factor.type}
    ]
    session.save()
    return client


@pytest.mark.parametrize("other", ["webauthn", "totp"])
@pytest.mark.parametrize("first", [True, False], ids=["this first", "other first"])
def test_two_last_factors_removed_at_once_leave_one(other, first):
    user = AgentFactory(second_factor=other == "totp")
    kinds = ["webauthn"] if other == "totp" else ["webauthn", "webauthn"]
    for number, kind in enumerate(kinds):
        Authenticator.objects.create(user=user, type=kind, data={"name": str(number), "credential": {}})
    factors = list(Authenticator.objects.filter(user=user).order_by("pk" if first else "-pk"))
    pages = [
        reverse("mfa_deactivate_totp")
        if factor.type == "totp"
        else reverse("mfa_remove_webauthn", kwargs={"pk": factor.pk})
        for factor in factors
    ]
    mine, theirs = (showing(user, factor) for factor in factors)
    assert while_uncommitted(lambda: mine.post(pages[0]), lambda: theirs.post(pages[1])) == []
    assert Authenticator.objects.get(user=user) == factors[1]


def test_person_saved_whole_by_a_library_writes_what_changed_alone():
    user = UserFactory(last_name="Perrin")
    read, other = User.objects.get(pk=user.pk), User.objects.only("email").get(pk=user.pk)
    User.objects.filter(pk=user.pk).update(**FLAGS)
    read.save()
    other.save()
    read.last_name = "Prat"
    read.save()
    assert User.objects.filter(pk=user.pk, last_name="Prat", **FLAGS).exists()
    with CaptureQueriesContext(connection) as queries:
        read.save()
    assert [query["sql"] for query in queries if "UPDATE" in query["sql"]] == []
    read.refresh_from_db(fields=["is_staff"])
    read.first_name, read.is_staff = "Zoé", False
    read.refresh_from_db(fields=["phone"])
    read.save()
    assert User.objects.filter(pk=user.pk, first_name="Zoé", is_staff=False, requires_second_factor=True).exists()
