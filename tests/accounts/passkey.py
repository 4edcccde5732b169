"""A passkey held in memory: it enrols with a person and signs what a browser would be asked to sign."""

import hashlib
import json
import secrets
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256, CoseKey
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

from accounts.models import User

# The name and address under which the test client reaches the site.
HOST = "testserver"
ORIGIN = f"https://{HOST}"
FLAG = AuthenticatorData.FLAG


class Passkey:
    """One pair of keys. ``enrol`` it with a person; ``answer`` signs the challenge of the options received."""

    def __init__(self, public_key: CoseKey | None = None) -> None:
        # Another public key than ours, for a key of a kind that nobody here can check.
        self.public_key = public_key
        self.private_key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(16)
        self.scope = hashlib.sha256(HOST.encode()).digest()

    def enrol(self, user: User) -> Authenticator:
        credential = {"name": "clé", "credential": self.registration(secrets.token_bytes(32))}
        return Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=credential)

    def registration(self, challenge: bytes | str) -> dict[str, Any]:
        public_key = self.public_key or ES256.from_cryptography_key(self.private_key.public_key())
        attested = AttestedCredentialData.create(bytes(16), self.credential_id, public_key)
        data = AuthenticatorData.create(self.scope, FLAG.UP | FLAG.UV | FLAG.AT, 0, attested)
        client_data = CollectedClientData.create("webauthn.create", challenge, ORIGIN)
        return self._credential(
            clientDataJSON=websafe_encode(client_data),
            attestationObject=websafe_encode(AttestationObject.create("none", data, {})),
        )

    def answer(self, options: dict[str, Any], **changed: bytes) -> dict[str, Any]:
        """What the browser sends back; ``changed`` replaces parts by other bytes, after the signature."""
        challenge = json.loads(json.dumps(options["publicKey"], default=dict))["challenge"]
        data = AuthenticatorData.create(self.scope, FLAG.UP | FLAG.UV, 1)
        client_data = CollectedClientData.create("webauthn.get", challenge, ORIGIN)
        signature = self.private_key.sign(data + client_data.hash, ec.ECDSA(hashes.SHA256()))
        parts = {"clientDataJSON": client_data, "authenticatorData": data, "signature": signature, **changed}
        return self._credential(**{name: websafe_encode(value) for name, value in parts.items()})

    def _credential(self, **response: str) -> dict[str, Any]:
        name = websafe_encode(self.credential_id)
        return {"id": name, "rawId": name, "type": "public-key", "clientExtensionResults": {}, "response": response}
