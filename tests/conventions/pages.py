"""A person at the pages of conventions, and what they read there."""

import re

from django.test import Client

from tests.factories.accounts import code_of, sign_in


def client_of(user):
    client = Client()
    sign_in(client, user)
    return client


def text_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode().replace("&nbsp;", " ")).split())


def hidden(response, name):
    return re.search(rf'name="{name}" value="([^"]+)"', response.content.decode())[1]


def fresh(user):
    """A code of this moment, as if the one before had been typed thirty seconds ago."""
    user.used_codes.all().delete()
    return code_of(user)
