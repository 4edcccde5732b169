"""The identities joined to an account."""

import pytest
from allauth.socialaccount.models import SocialAccount
from django.urls import reverse

from tests.factories.accounts import PASSWORD, UserFactory, sign_in


@pytest.mark.django_db
def test_identity_beyond_the_thousandth_is_unlinked_by_what_the_page_sends(client, settings):
    app = {"provider_id": "proconnect", "name": "ProConnect", "client_id": "guichet", "secret": "x", "settings": {}}
    settings.SOCIALACCOUNT_PROVIDERS = {"proconnect": {"APPS": [app]}}
    user = UserFactory()
    SocialAccount.objects.create(pk=1234567, user=user, provider="proconnect", uid="s", extra_data={"email": "a@b.fr"})
    sign_in(client, user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    url = reverse("socialaccount_connections")
    page = client.get(url).content.decode()
    (sent,) = (part.partition('"')[0] for part in page.split('name="account" value="')[1:])
    assert sent == "1234567"
    assert client.post(url, {"account": sent}).url == url
    assert not SocialAccount.objects.exists()
