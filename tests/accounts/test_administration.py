"""The administration's door: staff with a second factor shown in this session, by the site's own sign-in."""

import pytest
from django.urls import reverse

from tests.factories.accounts import PASSWORD, AdministratorFactory, UserFactory, sign_in


@pytest.mark.django_db
def test_staff_who_showed_a_second_factor_enter(client):
    sign_in(client, AdministratorFactory())
    assert client.get(reverse("admin:index")).status_code == 200
    assert client.get(reverse("admin:login")).url == reverse("admin:index")


@pytest.mark.django_db
@pytest.mark.parametrize("second_factor", [True, False], ids=["held", "none"])
@pytest.mark.parametrize("page", ["admin:index", "admin:login", "admin:calls_mandate_changelist"])
def test_staff_who_owe_no_factor_and_showed_none_find_nothing(client, page, second_factor):
    user = UserFactory(is_staff=True, is_superuser=True, second_factor=second_factor)
    client.force_login(user)
    assert client.get(reverse("account_home")).status_code == 200
    assert client.get(reverse(page)).status_code == 404
    assert client.post(reverse(page), {"username": user.email, "password": PASSWORD}).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["admin:index", "admin:login"])
def test_person_without_power_finds_nothing(client, page):
    sign_in(client, UserFactory(second_factor=True))
    assert client.get(reverse(page)).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["admin:index", "admin:login"])
def test_visitor_is_sent_to_the_sites_sign_in_and_no_other_form_signs_in(client, page):
    user = AdministratorFactory()
    arrived = client.get(reverse(page), follow=True)
    assert arrived.redirect_chain[-1][0].startswith(reverse("account_login"))
    sent = client.post(reverse(page), {"username": user.email, "password": PASSWORD}, follow=True)
    assert sent.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_password_changes_on_the_accounts_own_page(client):
    user = AdministratorFactory()
    sign_in(client, user)
    new = {"old_password": PASSWORD, "new_password1": "une autre phrase", "new_password2": "une autre phrase"}
    page = reverse("admin:password_change")
    assert client.get(page).url == reverse("account_change_password")
    assert client.post(page, new).url == reverse("account_change_password")
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.django_db
def test_administrator_made_after_a_short_password_chooses_a_longer_one_first(client):
    user = UserFactory(second_factor=True, password="chêne et lierre")
    user.is_staff = user.is_superuser = True
    user.save()
    sign_in(client, user)
    arrived = client.get(reverse("admin:index"), follow=True)
    assert arrived.redirect_chain[-1][0].startswith(reverse("account_change_password"))
    assert "au moins 16 caractères" in arrived.content.decode()
    assert client.get(reverse("admin:calls_mandate_changelist")).status_code == 302
    url = reverse("account_change_password")
    short = {"oldpassword": "chêne et lierre", "password1": "lierre et chêne", "password2": "lierre et chêne"}
    assert "password1" in client.post(url, short).context["form"].errors
    long = short | {"password1": "le lierre et le chêne", "password2": "le lierre et le chêne"}
    assert client.post(url, long).status_code == 302
    assert client.get(reverse("admin:index")).status_code == 200


@pytest.mark.django_db
def test_administrator_without_any_password_enters_by_the_provider(client):
    user = AdministratorFactory(password="chêne et lierre")
    assert user.owes_longer_password
    user.set_unusable_password()
    user.save()
    sign_in(client, user)
    assert client.get(reverse("admin:index")).status_code == 200


@pytest.mark.django_db
def test_list_asked_with_a_nul_is_a_bad_request(client):
    sign_in(client, AdministratorFactory())
    for page in ("admin:budget_ledgerentry_changelist", "admin:calls_mandate_changelist"):
        assert client.get(reverse(page), {"q": "a"}).status_code in {200, 302}
        for query in ("movement=%00", "role=%00", "q=a%00", "%00=1"):
            assert client.get(f"{reverse(page)}?{query}").status_code == 400, (page, query)
