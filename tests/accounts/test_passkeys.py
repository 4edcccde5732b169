"""A passkey confirms one act, once; bytes that are no answer are refused with a sentence."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.urls import reverse
from fido2.cose import UnsupportedKey

from accounts import confirmations
from accounts.models import Confirmation
from core.errors import Refused
from tests.accounts.passkey import FLAG, Passkey
from tests.factories.accounts import PASSWORD, AgentFactory, UserFactory

NOON = datetime(2021, 9, 21, 10, 0, tzinfo=UTC)
ACT = "conventions.sign"
DIGEST = "a" * 64


@pytest.fixture(autouse=True)
def _request(rf):
    with context.request_context(rf.get("/")):
        yield


@pytest.fixture
def holder(db):
    user, key = UserFactory(), Passkey()
    key.enrol(user)
    return SimpleNamespace(user=user, key=key)


def begin(user, act=ACT, digest=DIGEST):
    return confirmations.begin_webauthn_confirmation(user=user, act=act, content_sha256=digest, at=NOON)


def complete(user, credential, act=ACT, digest=DIGEST):
    return confirmations.complete_webauthn_confirmation(
        user=user, act=act, content_sha256=digest, credential=credential, at=NOON
    )


def test_passkey_confirms_the_act_it_was_asked_for_and_once(holder):
    answer = holder.key.answer(begin(holder.user))
    done = complete(holder.user, answer)
    assert (done.user, done.act, done.content_sha256, done.method) == (holder.user, ACT, DIGEST, "webauthn")
    with pytest.raises(Refused, match="pas été reconnue"):
        complete(holder.user, answer)
    assert Confirmation.objects.count() == 1


def test_of_two_answers_to_one_challenge_the_second_finds_it_claimed(holder, monkeypatch):
    answer = holder.key.answer(begin(holder.user))
    seen = cache.get(confirmations._challenge_key(holder.user, ACT, DIGEST))
    complete(holder.user, answer)
    # The other request had read the challenge before this one claimed it.
    monkeypatch.setattr(cache, "get", lambda key, default=None: seen)
    with pytest.raises(Refused, match="pas été reconnue"):
        complete(holder.user, answer)
    assert Confirmation.objects.count() == 1


@pytest.mark.parametrize("other", [{"act": "conventions.pay"}, {"digest": "b" * 64}], ids=["act", "content"])
def test_answer_to_one_act_does_not_confirm_another(holder, other):
    answer = holder.key.answer(begin(holder.user))
    with pytest.raises(Refused, match="pas été reconnue"):
        complete(holder.user, answer, **other)
    begin(holder.user, **other)
    with pytest.raises(Refused, match="pas été reconnue"):
        complete(holder.user, answer, **other)
    assert not Confirmation.objects.exists()
    assert complete(holder.user, answer).act == ACT, "what was refused elsewhere still serves here"


def test_answer_of_somebody_elses_key_is_refused(holder):
    stranger = Passkey()
    stranger.enrol(UserFactory())
    with pytest.raises(Refused, match="pas été reconnue"):
        complete(holder.user, stranger.answer(begin(holder.user)))
    assert not Confirmation.objects.exists()


def test_key_of_an_unknown_kind_is_refused_with_a_sentence(db):
    user, key = UserFactory(), Passkey(UnsupportedKey({1: 99, 3: -999}))
    key.enrol(user)
    with pytest.raises(Refused, match="pas été reconnue"):
        complete(user, key.answer(begin(user)))
    assert not Confirmation.objects.exists()


def test_without_passkey_nothing_is_asked(db):
    with pytest.raises(Refused, match="seconde vérification"):
        begin(UserFactory(second_factor=True))


DEEP = b"[" * 100_000
SCOPE = Passkey().scope
AFTER_COUNTER = bytes(4)
MALFORMED = {
    "no authenticator data": {"authenticatorData": b""},
    "cut in the scope": {"authenticatorData": SCOPE[:20]},
    "cut in the counter": {"authenticatorData": SCOPE + bytes([FLAG.UP]) + b"\0\0"},
    "attested data cut": {"authenticatorData": SCOPE + bytes([FLAG.UP | FLAG.AT]) + AFTER_COUNTER + bytes(17)},
    "attested key not CBOR": {
        "authenticatorData": SCOPE + bytes([FLAG.UP | FLAG.AT]) + AFTER_COUNTER + bytes(18) + b"\xff\xff"
    },
    "attested key a list": {
        "authenticatorData": SCOPE + bytes([FLAG.UP | FLAG.AT]) + AFTER_COUNTER + bytes(18) + b"\x80"
    },
    "extensions announced and absent": {"authenticatorData": SCOPE + bytes([FLAG.UP | FLAG.ED]) + AFTER_COUNTER},
    "extensions cut": {"authenticatorData": SCOPE + bytes([FLAG.UP | FLAG.ED]) + AFTER_COUNTER + b"\x19\x01"},
    "extensions without bottom": {
        "authenticatorData": SCOPE + bytes([FLAG.UP | FLAG.ED]) + AFTER_COUNTER + b"\x81" * 100_000
    },
    "extensions in no type": {"authenticatorData": SCOPE + bytes([FLAG.UP | FLAG.ED]) + AFTER_COUNTER + b"\xdb"},
    "client data empty": {"clientDataJSON": b""},
    "client data a list": {"clientDataJSON": b"[]"},
    "client data without bottom": {"clientDataJSON": DEEP},
    "client data with numbers": {"clientDataJSON": b'{"type": 1, "challenge": 2, "origin": 3}'},
    "client data not text": {"clientDataJSON": b"\xff\xfe"},
    "origin with impossible port": {
        "clientDataJSON": b'{"type": "webauthn.get", "challenge": "", "origin": "https://[x"}'
    },
    "no signature": {"signature": b""},
    "signature of something else": {"signature": bytes(70)},
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_bytes_that_are_no_answer_are_refused_with_a_sentence(holder, kind):
    credential = holder.key.answer(begin(holder.user), **MALFORMED[kind])
    with pytest.raises(Refused, match="pas été reconnue") as refusal:
        complete(holder.user, credential)
    assert refusal.value.field == "confirmation_code"
    assert not Confirmation.objects.exists()
    # A new challenge is answered as if nothing had happened.
    assert complete(holder.user, holder.key.answer(begin(holder.user))).method == "webauthn"


@pytest.mark.parametrize(
    "shape",
    [
        {"response": None},
        {"response": []},
        {"response": {}},
        {"rawId": 3},
        {"rawId": "é"},
        {"id": "autre"},
        {"type": []},
        {"clientExtensionResults": 3},
        {"authenticatorAttachment": {}},
    ],
    ids=json.dumps,
)
def test_answer_of_another_shape_is_refused_with_a_sentence(holder, shape):
    credential = {**holder.key.answer(begin(holder.user)), **shape}
    if "clientExtensionResults" in shape or "authenticatorAttachment" in shape or "type" in shape:
        credential["response"]["signature"] = ""
    with pytest.raises(Refused, match="pas été reconnue"):
        complete(holder.user, credential)
    assert not Confirmation.objects.exists()


@pytest.mark.django_db
def test_passkey_enrolled_by_its_page_opens_the_site_then_signs_in(client, client_factory):
    user, key = AgentFactory(second_factor=False), Passkey()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    page = reverse("mfa_add_webauthn")
    for unreadable in UNREADABLE_REGISTRATIONS:
        client.get(page)
        refused = client.post(page, {"name": "clé", "credential": json.dumps(unreadable(key))})
        assert refused.status_code == 200
        assert not Authenticator.objects.exists()
    challenge = client.get(page).context["js_data"]["creation_options"]["publicKey"]["challenge"]
    client.post(page, {"name": "clé", "credential": json.dumps(key.registration(challenge))})
    assert Authenticator.objects.get(type="webauthn").user == user
    assert client.get(reverse("account_home")).status_code == 200

    other = client_factory()
    page = other.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}).url
    for kind in ("extensions cut", "attested key a list", "client data without bottom"):
        options = other.get(page).context["js_data"]["request_options"]
        answer = key.answer(options, **MALFORMED[kind])
        assert other.post(page, {"credential": json.dumps(answer)}).status_code == 200
        assert "_auth_user_id" not in other.session
    options = other.get(page).context["js_data"]["request_options"]
    other.post(page, {"credential": json.dumps(key.answer(options))})
    assert other.session["_auth_user_id"] == str(user.pk)


UNREADABLE_REGISTRATIONS = [
    lambda key: [],
    lambda key: {**key.registration(b"x" * 32), "response": {"clientDataJSON": "e30", "attestationObject": "gA"}},
    lambda key: {**key.registration(b"x" * 32), "clientExtensionResults": 3},
    lambda key: key.registration(b"x" * 32),
]
